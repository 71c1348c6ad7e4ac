package node

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

// process is a daemon that could run on the machine, with an API.
func (m *machine) process() Process {
	m.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		m.t.Fatal(err)
	}
	o := m.d.o
	o.Mail, o.Executor = nil, nil
	return Process{Options: o, Clock: loop.Now, Listener: l}
}

func wantClosed(t *testing.T, l net.Listener) {
	t.Helper()
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener was left open: %v", err)
	}
}

var errNotReady = errors.New("nobody listens to that")

// A daemon that cannot begin, or cannot say that it has begun, leaves nothing behind.
func TestADaemonThatFailsAtItsBeginningClosesItsListener(t *testing.T) {
	m := newMachine(t)
	p := m.process()
	p.Options.Node = "no name"
	if err := p.Run(t.Context()); err == nil {
		t.Error("a daemon ran under no name")
	}
	wantClosed(t, p.Listener)
	p = m.process()
	p.Ready = func() error { return errNotReady }
	if err := p.Run(t.Context()); !errors.Is(err, errNotReady) {
		t.Errorf("got %v", err)
	}
	wantClosed(t, p.Listener)
}

func TestADaemonThatIsToldToEndEndsWithoutAnError(t *testing.T) {
	m := newMachine(t)
	p := m.process()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p.Ready = func() error { cancel(); return nil }
	if err := p.Run(ctx); err != nil {
		t.Error(err)
	}
	wantClosed(t, p.Listener)
}

// The services of a machine that goes down while its daemon is told to end.
type goingDown struct{ Services }

func (goingDown) GoingDown(context.Context) (bool, error) { return true, nil }

func TestADaemonOfAMachineThatGoesDownTellsTheClusterBeforeItEnds(t *testing.T) {
	m := newMachine(t)
	m.lease()
	id := m.assign("bound", singletonApp, units.DesiredRun)
	m.wantStatus(id, units.StateRunning, "")
	if err := m.systemd.Stop(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	m.systemd.Advance(m.Now)
	p := m.process()
	p.Options.Services = goingDown{m.d.o.Services}
	m.d.Close()
	ctx, cancel := context.WithCancel(t.Context())
	p.Ready = func() error { cancel(); return nil }
	if err := p.Run(ctx); err != nil {
		t.Error(err)
	}
	if s := m.status(id); s.State != units.StateStopped || s.Reason.Code != units.ReasonNodeShutdown {
		t.Errorf("told as %+v", s)
	}
}
