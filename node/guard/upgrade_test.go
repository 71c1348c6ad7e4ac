package guard

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
)

func TestAFailedUpgradeLeavesTheListenerUsable(t *testing.T) {
	dir := t.TempDir()
	l, err := Listen(filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	garbage := filepath.Join(dir, "garbage")
	if err := os.WriteFile(garbage, []byte("\x7fELFnope"), 0o755); err != nil {
		t.Fatal(err)
	}
	err = Become(garbage, l)
	t.Log(err)
	ctx, cancel := context.WithCancel(t.Context())
	s := &Server{State: func() State { return State{} }, Now: func() units.Instant { return units.Instant{} }}
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	time.Sleep(200 * time.Millisecond)
	cancel()
	select {
	case err := <-done:
		t.Log("ended", err)
	case <-time.After(5 * time.Second):
		t.Fatal("Serve hangs after its context ended")
	}
}

func TestASilentClientDoesNotHoldUpTheEnd(t *testing.T) {
	dir := t.TempDir()
	l, err := Listen(filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := &Server{State: func() State { return State{} }, Now: func() units.Instant { return units.Instant{} }}
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	c, err := net.Dial("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	time.Sleep(100 * time.Millisecond)
	began := time.Now()
	cancel()
	<-done
	t.Logf("Serve ended %v after its context", time.Since(began))
}
