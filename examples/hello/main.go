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
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// drainTimeout is below the 10 s that nsched waits between SIGTERM and SIGKILL unless the app says
// otherwise.
const drainTimeout = 8 * time.Second

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address and port to serve on")
	flag.Parse()
	log.SetFlags(0) // the journal has the time already

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, *listen); err != nil {
		log.Fatalf("hello: %v", err)
	}
}

func run(ctx context.Context, listen string) error {
	s := newService(identityFromEnvironment(greeting()))
	server := &http.Server{Addr: listen, Handler: s.logged(), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.ListenAndServe() }()
	log.Printf("serving on %s as %s", listen, s.id.Unit)

	select {
	case err := <-served:
		return fmt.Errorf("serve on %s: %w", listen, err)
	case <-ctx.Done():
	}
	log.Print("asked to stop, finishing what has begun")
	s.stopping.Store(true)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", listen, err)
	}
	log.Print("stopped")
	return nil
}

// greeting reads share/hello/greeting beside the bin that the program was started from: the package is
// made of two store paths, and this file is in the outer one.
func greeting() string {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(os.Args[0]), "..", "share", "hello", "greeting"))
	if err != nil {
		return "hello"
	}
	return strings.TrimSpace(string(text))
}
