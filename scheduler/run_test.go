package scheduler

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

func process(t *testing.T, etcd *registry.Memory) Process {
	t.Helper()
	keys, err := registry.NewKeys("")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	return Process{
		Options: Options{Self: units.Leader{Name: "s1"}, ClusterID: "c", Keys: keys, KV: etcd},
		Clock:   func() units.Instant { return units.Instant{Wall: time.Now(), Boot: time.Since(began)} },
	}
}

func listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// closed asserts that nobody listens any more.
func closed(t *testing.T, l net.Listener) {
	t.Helper()
	if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("somebody still listens")
	}
}

func TestAProcessThatCannotBeginListensNoMore(t *testing.T) {
	p := process(t, registry.NewMemory(registry.MemoryOptions{}))
	p.Listener = listener(t)
	why := errors.New("no provider")
	p.Options.Names = func(loop.Executor) (Names, error) { return nil, why }
	if err := p.Run(t.Context()); !errors.Is(err, why) {
		t.Errorf("ends with %v", err)
	}
	closed(t, p.Listener)
}

// A process that could not say that it was ready left its watch of etcd open.
func TestAProcessThatCannotSayThatItIsReadyEndsWhole(t *testing.T) {
	etcd := registry.NewMemory(registry.MemoryOptions{})
	p := process(t, etcd)
	p.Listener = listener(t)
	why := errors.New("no socket")
	p.Ready = func() error { return why }
	if err := p.Run(t.Context()); !errors.Is(err, why) {
		t.Errorf("ends with %v", err)
	}
	closed(t, p.Listener)
}
