package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
)

// Script is what GET / answers.
type Script struct {
	Unit       string   `json:"unit"`
	PID        int      `json:"pid"`
	Invocation string   `json:"invocation"`
	Argv       []string `json:"argv"`
	Env        []string `json:"env"`
}

// health is the code that /health answers; eaten keeps memory from being collected.
var (
	health atomic.Int64
	eaten  [][]byte
)

type stage struct{}

func (s stage) handler() http.Handler {
	health.Store(http.StatusOK)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(Script{
			Unit: os.Getenv("NSCHED_UNIT"), PID: os.Getpid(), Invocation: os.Getenv("INVOCATION_ID"),
			Argv: os.Args, Env: os.Environ(),
		})
	})
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(health.Load())) })
	mux.HandleFunc("POST /health", s.number("code", func(n int) { health.Store(int64(n)) }))
	mux.HandleFunc("POST /eat", s.number("bytes", eat))
	mux.HandleFunc("POST /exit", s.number("code", func(n int) {
		log.Printf("leaving with %d, as told", n)
		os.Exit(n)
	}))
	return mux
}

// number runs do with the number that the form holds under name.
func (stage) number(name string, do func(int)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.FormValue(name))
		if err != nil {
			http.Error(w, name+" is not a number", http.StatusBadRequest)
			return
		}
		do(n)
	}
}

// eat takes memory and touches each page of it.
func eat(bytes int) {
	meal := make([]byte, bytes)
	for i := 0; i < len(meal); i += 4096 {
		meal[i] = 1
	}
	eaten = append(eaten, meal)
}
