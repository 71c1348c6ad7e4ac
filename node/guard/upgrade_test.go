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

func takeLock(t *testing.T, path string) *Lock {
	t.Helper()
	lock, err := TakeLock(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Close() })
	return lock
}

func TestAFailedUpgradeLeavesTheListenerUsable(t *testing.T) {
	dir := t.TempDir()
	lock := takeLock(t, filepath.Join(dir, "lock"))
	l, err := Listen(filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	garbage := filepath.Join(dir, "garbage")
	if err := os.WriteFile(garbage, []byte("\x7fELFnope"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Become(garbage, l, lock); err == nil {
		t.Fatal("garbage was executed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := &Server{State: func() State { return State{} }, Now: func() units.Instant { return units.Instant{} }}
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	if _, err := Ask(t.Context(), filepath.Join(dir, "s"), Request{Op: "state"}); err != nil {
		t.Errorf("nobody answers: %v", err)
	}
	if _, err := TakeLock(filepath.Join(dir, "lock")); err == nil {
		t.Error("another guard could begin")
	}
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
