package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type options struct {
	listen, witness   string
	writes, stopTakes time.Duration
	ignoreStop        bool
	crowd             bool
	resolver          string
	rate              int
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "", "address to serve on")
	flag.StringVar(&o.witness, "witness", "", "socket of the witness")
	flag.DurationVar(&o.writes, "writes", 0, "how often to write to the register; 0 is never")
	flag.DurationVar(&o.stopTakes, "stop-takes", 0, "how long to go on after SIGTERM")
	flag.BoolVar(&o.ignoreStop, "ignore-stop", false, "take no notice of SIGTERM")
	flag.BoolVar(&o.crowd, "crowd", false, "ask the names that follow")
	flag.StringVar(&o.resolver, "resolver", "", "address of the name server to ask")
	flag.IntVar(&o.rate, "rate", 200, "questions a second, of all names together")
	flag.Parse()
	log.SetFlags(0)
	run := serve
	if o.crowd {
		run = func(o options) error { return ask(o, flag.Args()) }
	}
	if err := run(o); err != nil {
		log.Fatalf("worker: %v", err)
	}
}

func serve(o options) error {
	began := monotonic()
	stop := make(chan os.Signal, 4)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	if o.witness != "" {
		conn, err := net.Dial("unix", o.witness)
		if err != nil {
			return fmt.Errorf("reach the witness: %w", err)
		}
		defer conn.Close() // until the end: the witness learns of it by this
		if err := report(conn, began); err != nil {
			return err
		}
		if o.writes > 0 {
			go write(conn, o.writes) // ends with the process
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, os.Getenv("NSCHED_UNIT")) })
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	server := &http.Server{Addr: o.listen, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.ListenAndServe() }()
	for {
		select {
		case err := <-served:
			return fmt.Errorf("serve on %s: %w", o.listen, err)
		case <-stop:
			if o.ignoreStop {
				continue
			}
			time.Sleep(o.stopTakes)
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			if err := server.Shutdown(ctx); err != nil && !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		}
	}
}
