package main

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// patience is how long a suite may be silent before the runner says that it is still at work.
const patience = time.Minute

// printer keeps the lines of suites that run side by side apart.
type printer struct {
	mu sync.Mutex
	w  io.Writer
}

func (p *printer) printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, format, args...)
}

// begin says now and then how far the suite is, until the returned function is called.
func (p *printer) begin(name string, lines *atomic.Int64) (over func()) {
	began := time.Now()
	tick := time.NewTicker(patience)
	end := make(chan struct{})
	var saying sync.WaitGroup
	saying.Go(func() {
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				p.printf("…     %s: %d lines in %.0f s\n", name, lines.Load(), time.Since(began).Seconds())
			}
		}
	})
	return func() {
		tick.Stop()
		close(end)
		saying.Wait()
	}
}

// done prints how a suite ended.
func (p *printer) done(r Result, log string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	verdict := "ok  "
	if len(r.Failures) > 0 {
		verdict = "FAIL"
	}
	fmt.Fprintf(p.w, "%s  %s: %d tests in %.1f s\n", verdict, r.Suite.Name, r.Tests(), r.Took.Seconds())
	if len(r.Failures) > 0 {
		printFailures(p.w, r, log)
		fmt.Fprintln(p.w)
	}
}
