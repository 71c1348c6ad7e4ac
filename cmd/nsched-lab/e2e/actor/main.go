package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type options struct {
	listen, witness string
	die             int
	stopTakes       time.Duration
	ignoreStop      bool
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "", "address to serve on; empty serves nothing")
	flag.StringVar(&o.witness, "witness", "", "socket or host:port of the witness; empty has none")
	flag.IntVar(&o.die, "die", -1, "exit with this code at once")
	flag.DurationVar(&o.stopTakes, "stop-takes", 0, "how long to go on after SIGTERM")
	flag.BoolVar(&o.ignoreStop, "ignore-stop", false, "take no notice of SIGTERM")
	flag.Parse()
	log.SetFlags(0)
	if o.die >= 0 {
		log.Printf("dying with %d, as told", o.die)
		os.Exit(o.die)
	}
	if err := run(o); err != nil {
		log.Fatalf("actor: %v", err)
	}
}

func run(o options) error {
	stop := make(chan os.Signal, 4)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1)
	if o.witness != "" {
		conn, err := report(o.witness)
		if err != nil {
			return err
		}
		defer conn.Close() // until the end: the witness learns of it by this
	}
	server := &http.Server{Addr: o.listen, Handler: stage{}.handler(), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	if o.listen != "" {
		go func() { served <- server.ListenAndServe() }()
	}
	log.Printf("actor plays %s", os.Getenv("NSCHED_UNIT"))
	for {
		select {
		case err := <-served:
			return fmt.Errorf("serve on %s: %w", o.listen, err)
		case got := <-stop:
			log.Printf("got %v", got)
			if o.ignoreStop {
				continue
			}
			time.Sleep(o.stopTakes)
			// What has begun is answered: a stop that loses a request is the tester's to find, not the
			// actor's to cause.
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			if err := server.Shutdown(ctx); err != nil && !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			log.Print("the end")
			return nil
		}
	}
}
