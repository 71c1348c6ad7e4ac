package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker.
var version = "unknown"

func main() { os.Exit(run()) }

// run is main with an exit code: the tests run it as a program of their own.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	s := newSession(os.Stdin, os.Stdout, os.Stderr)
	return s.run(ctx, os.Args[1:])
}
