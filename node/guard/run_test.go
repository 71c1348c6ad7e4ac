package guard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

// guardProcess is a guard as a process, over the twin of etcd.
func guardProcess(t testing.TB, w *world) Process {
	return Process{
		Options: Options{Node: "n1", Key: "key", BootID: "b", Keys: w.keys, KV: w.etcd, Keeper: File(filepath.Join(t.TempDir(), "guard.json"))},
		Socket:  filepath.Join(t.TempDir(), "guard.sock"), Clock: loop.Now,
	}
}

// holding waits until the process answers that it holds a fresh tenure.
func holding(t testing.TB, socket string) Answer {
	t.Helper()
	for range 500 {
		if a, err := Ask(t.Context(), socket, Request{Op: "state"}); err == nil && a.FreshForMs > 0 {
			return a
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the guard never held a fresh tenure")
	return Answer{}
}

func TestATenureIsGivenBackOnlyWhenTheMachineGoesDown(t *testing.T) {
	for name, c := range map[string]struct {
		down  func(context.Context) (bool, error)
		alive bool
	}{
		"the machine goes down":       {func(context.Context) (bool, error) { return true, nil }, false},
		"the guard is restarted":      {func(context.Context) (bool, error) { return false, nil }, true},
		"nobody knows":                {func(context.Context) (bool, error) { return true, errors.New("no answer") }, true},
		"there is nobody to be asked": {nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := guardProcess(t, w)
			p.GoingDown = c.down
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- p.Run(ctx) }()
			holding(t, p.Socket)
			cancel()
			if err := <-done; err != nil {
				t.Errorf("it ended with %v", err)
			}
			if alive := w.alive() != 0; alive != c.alive {
				t.Errorf("alive is there: %v", alive)
			}
		})
	}
}

func TestTheLoopShowsThatItGoesRound(t *testing.T) {
	w := newWorld(t)
	p := guardProcess(t, w)
	pings := make(chan struct{}, 1000)
	p.Ping, p.PingEvery = func() { pings <- struct{}{} }, 10*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	for range 20 {
		<-pings
	}
	cancel()
	<-done
}

// Half of the watchdog's time could be gone before the next program began: the loop had ended, and what hung was
// waited for.
func TestTheServiceManagerIsToldRightBeforeAnUpgrade(t *testing.T) {
	w := newWorld(t)
	p := guardProcess(t, w)
	garbage := filepath.Join(t.TempDir(), "garbage")
	if err := os.WriteFile(garbage, []byte("\x7fELFnope"), 0o755); err != nil {
		t.Fatal(err)
	}
	pings := make(chan struct{}, 10)
	p.Ping, p.PingEvery = func() { pings <- struct{}{} }, time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	holding(t, p.Socket)
	if a, err := Ask(t.Context(), p.Socket, Request{Op: "upgrade", Binary: garbage}); err != nil || !a.OK {
		t.Fatalf("%+v, %v", a, err)
	}
	for range 3 { // of the loop, before the upgrade, and of the loop after the upgrade that failed
		select {
		case <-pings:
		case <-time.After(10 * time.Second):
			t.Error("a ping is missing")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(pings) > 0 {
		t.Errorf("%d pings too many", len(pings))
	}
}

func TestALoopIsShownAsOftenAsAsked(t *testing.T) {
	pings := 0
	shell := &watched{Stepper: sleeper{}, ping: func() { pings++ }, every: time.Second}
	now := units.Instant{Boot: time.Hour}
	for end := now.Boot + time.Minute; now.Boot < end; {
		next, err := shell.Step(t.Context(), now)
		if err != nil || next.Boot <= now.Boot || next.Boot > now.Boot+time.Second {
			t.Fatalf("at %s it wants to be called at %s: %v", now.Boot, next.Boot, err)
		}
		now.Boot = next.Boot
	}
	if pings != 60 {
		t.Errorf("%d pings in a minute", pings)
	}
	shell = &watched{Stepper: failing{}, ping: func() { t.Error("a loop that fails was shown") }, every: time.Second}
	if _, err := shell.Step(t.Context(), now); err == nil {
		t.Error("the failure was lost")
	}
}

// sleeper never wants to be called.
type sleeper struct{}

func (sleeper) Step(context.Context, units.Instant) (units.Instant, error) {
	return units.Instant{}, nil
}

type failing struct{}

func (failing) Step(context.Context, units.Instant) (units.Instant, error) {
	return units.Instant{}, errors.New("boom")
}

func TestASecondGuardIsRefusedAndTakesNothing(t *testing.T) {
	w := newWorld(t)
	p := guardProcess(t, w)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	first := holding(t, p.Socket)
	second := p
	second.Ready = func() error { t.Error("the second is ready"); return nil }
	limited, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	err := second.Run(limited)
	if err == nil || !strings.Contains(err.Error(), "another guard runs") || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("the second ended with %v", err)
	}
	if again := holding(t, p.Socket); again.BeganBootNs != first.BeganBootNs {
		t.Error("the socket is another's")
	}
	cancel()
	<-done
	// The lock of a guard that ended is free.
	takeLock(t, p.Socket+".lock")
}

// A guard whose listener failed once ended, and its singletons with it.
func TestAClientThatCannotBeAcceptedDoesNotEndTheSocket(t *testing.T) {
	dir := t.TempDir()
	l, err := Listen(filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := &Server{State: func() State { return State{} }, Now: loop.Now}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	if err := l.SetDeadline(longAgo); err != nil { // every accept fails
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	select {
	case err := <-done:
		t.Fatalf("it ended with %v", err)
	default:
	}
	if err := l.SetDeadline(noDeadline); err != nil {
		t.Fatal(err)
	}
	if _, err := Ask(t.Context(), filepath.Join(dir, "s"), Request{Op: "state"}); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAReaperRunsUntilItIsTold(t *testing.T) {
	pings := make(chan struct{}, 1000)
	ready := false
	p := ReaperProcess{
		Options: ReaperOptions{BootID: "b", Machine: machine{newWorld(t)}, Hearer: NewWordFile(filepath.Join(t.TempDir(), "w"))},
		Ready:   func() error { ready = true; return nil },
		Ping:    func() { pings <- struct{}{} }, PingEvery: 10 * time.Millisecond, Clock: loop.Now,
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	for range 3 {
		<-pings
	}
	cancel()
	if err := <-done; err != nil || !ready {
		t.Errorf("ready: %v; it ended with %v", ready, err)
	}
}

var _ registry.KV = (*registry.Memory)(nil)

// A shim of another tenure, of none, or of one that is over asks at the last moment, and does not start.
func TestOnlyTheTenureThatIsHeldAndFreshIsToldYes(t *testing.T) {
	now := loop.Now().Boot
	fresh := State{Phase: PhaseHolding, Lease: 1, Tenure: 7, FreshUntil: now + time.Hour}
	over, givenUp := fresh, fresh
	over.FreshUntil, givenUp.Phase = now-1, PhaseReleasing
	for name, c := range map[string]struct {
		state State
		asked int64
		want  bool
	}{
		"its own":                 {fresh, 7, true},
		"an earlier one":          {fresh, 6, false},
		"a later one":             {fresh, 8, false},
		"none":                    {fresh, 0, false},
		"none of a guard of none": {State{Phase: PhaseHolding, FreshUntil: now + time.Hour}, 0, false},
		"one that is not fresh":   {over, 7, false},
		"one that is given up":    {givenUp, 7, false},
		"one of an idle guard":    {State{Phase: PhaseIdle}, 7, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Server{State: func() State { return c.state }, Now: loop.Now}
			a := s.answer(nil, Request{Op: "check", Tenure: c.asked})
			if a.OK != c.want || a.OK != (a.Error == "") {
				t.Errorf("it says %+v", a)
			}
		})
	}
}
