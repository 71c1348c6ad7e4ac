package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// identity is who answers. nsched sets NSCHED_UNIT by itself; app.json passes the rest on.
type identity struct {
	Greeting   string    `json:"greeting"`
	Unit       string    `json:"unit"`
	Node       string    `json:"node"`
	Generation string    `json:"generation"`
	PID        int       `json:"pid"`
	Invocation string    `json:"invocation"`
	Started    time.Time `json:"started"`
}

func identityFromEnvironment(greeting string) identity {
	host, _ := os.Hostname()
	return identity{
		Greeting:   cmp.Or(os.Getenv("HELLO_GREETING"), greeting),
		Unit:       cmp.Or(os.Getenv("NSCHED_UNIT"), "no unit"),
		Node:       cmp.Or(os.Getenv("HELLO_NODE"), host),
		Generation: cmp.Or(os.Getenv("HELLO_GENERATION"), "0"),
		PID:        os.Getpid(),
		Invocation: os.Getenv("INVOCATION_ID"),
		Started:    time.Now().UTC(),
	}
}

type service struct {
	id       identity
	stopping atomic.Bool
	mux      *http.ServeMux
}

func newService(id identity) *service {
	s := &service{id: id, mux: http.NewServeMux()}
	s.mux.HandleFunc("GET /{$}", s.hello)
	s.mux.HandleFunc("GET /info", s.info)
	s.mux.HandleFunc("GET /healthz", s.healthz)
	return s
}

func (s *service) hello(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, "%s from %s on %s, generation %s, pid %d\n",
		s.id.Greeting, s.id.Unit, s.id.Node, s.id.Generation, s.id.PID)
}

func (s *service) info(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.id)
}

func (s *service) healthz(w http.ResponseWriter, _ *http.Request) {
	if s.stopping.Load() {
		http.Error(w, "stopping", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// logged writes a line for every request but those of the health checks, which would drown the others.
func (s *service) logged() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		s.mux.ServeHTTP(w, r)
		if r.URL.Path != "/healthz" {
			log.Printf("%s %s from %s took %s", r.Method, strconv.Quote(r.URL.Path), r.RemoteAddr, time.Since(begun).Round(time.Microsecond))
		}
	})
}
