package systemd

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nsched/nsched/units"
)

// Program is how the process of a fake unit behaves from one start to its end. The zero Program is
// ready at once, runs on, and ends at once when it is asked to.
type Program struct {
	// Ready is how long after its start it is ready.
	Ready time.Duration
	// Ends makes it end by itself, Life after its start, the way that ExitCode, Signal and OOM say.
	Ends     bool
	Life     time.Duration
	ExitCode int
	Signal   syscall.Signal
	OOM      bool
	// StopTakes is how long it takes to end with 0 after its stop signal; IgnoresStop is for ever.
	StopTakes   time.Duration
	IgnoresStop bool
	// Refused: the shim ends as above and never becomes the app, which Live then does not name.
	Refused bool
}

// Fault is what goes wrong with one call of a Fake.
type Fault int

// The faults. Both are ErrUnavailable to the caller.
const (
	FaultNone   Fault = iota
	FaultBefore       // the call had no effect
	FaultAfter        // the call had its effect, and the answer was lost
)

// Fake is a systemd in memory. Its methods do what those of Manager do, and what systemd then does
// happens in Advance, in an order that depends on nothing but what was called. It has no goroutines and
// reads no clock.
type Fake struct {
	mu      sync.Mutex
	now     time.Duration // CLOCK_MONOTONIC and CLOCK_BOOTTIME are one here
	clock   func() time.Duration
	units   map[units.UnitID]*fakeUnit
	order   []*fakeUnit // by name
	program func(s Service, start int) Program
	fault   func(call string, id units.UnitID) Fault
	hint    func(units.UnitID)
	changed []units.UnitID
	serial  int

	// first is the unit to which something happens next by itself, as far as firstKnown.
	first      *fakeUnit
	firstKnown bool

	bound  map[units.UnitID]units.Bound // what is noted
	noNote bool
	down   map[string]bool // units of the machine that others are bound to and that do not run

	saturated bool
	hanging   bool
	goingDown bool
	deferred  []func() // calls that PID 1 has not come to

	live    []units.UnitID
	version atomic.Int64
}

// NewFake returns a systemd without units. program says how the process of a unit behaves at its n-th
// start, from 1; nil is the zero Program for all.
func NewFake(program func(s Service, start int) Program) *Fake {
	if program == nil {
		program = func(Service, int) Program { return Program{} }
	}
	return &Fake{
		units: map[units.UnitID]*fakeUnit{}, program: program,
		bound: map[units.UnitID]units.Bound{}, down: map[string]bool{},
	}
}

// SetClock makes every call take place at the time that clock tells, so that Advance is needed only when
// something is due.
func (f *Fake) SetClock(clock func() time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clock = clock
}

// SetFault makes calls ("start", "stop", "kill", "reset", "list") fail as f says; nil ends that.
func (f *Fake) SetFault(fault func(call string, id units.UnitID) Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

// OnChange makes hint be called with each unit that changed, at the end of the call that changed it.
func (f *Fake) OnChange(hint func(units.UnitID)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hint = hint
}

// Start is Manager.Start.
func (f *Fake) Start(_ context.Context, s Service) error {
	if _, err := Properties(s); err != nil {
		return err
	}
	return f.call("start", s.Unit, func() error {
		if f.units[s.Unit] != nil {
			return ErrExists
		}
		if f.goingDown {
			return ErrUnavailable // its job would undo that of the shutdown
		}
		if err := f.note(s); err != nil {
			return err
		}
		u := &fakeUnit{fake: f, service: s}
		f.add(u)
		if f.down[s.BindTo] {
			u.collect() // its job failed for the dependency, and an inactive transient unit is not kept
			return nil
		}
		u.start()
		return nil
	})
}

// Stop is Manager.Stop.
func (f *Fake) Stop(_ context.Context, id units.UnitID) error {
	return f.onUnit("stop", id, (*fakeUnit).stop)
}

// Kill is Manager.Kill. A signal other than SIGKILL is taken for one that asks to stop.
func (f *Fake) Kill(_ context.Context, id units.UnitID, signal syscall.Signal) error {
	return f.onUnit("kill", id, func(u *fakeUnit) { u.kill(signal) })
}

// ResetFailed is Manager.ResetFailed.
func (f *Fake) ResetFailed(_ context.Context, id units.UnitID) error {
	return f.onUnit("reset", id, func(u *fakeUnit) {
		if u.state.Active == Failed {
			u.collect()
		}
	})
}

// List is Manager.List.
func (f *Fake) List(context.Context) (list []Unit, err error) {
	err = f.call("list", units.UnitID{}, func() error {
		list = make([]Unit, 0, len(f.order))
		for _, u := range f.order {
			list = append(list, u.state)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Watch is Manager.Watch: hint is called in the call that changes a unit, until ctx ends. A simulation
// uses OnChange.
func (f *Fake) Watch(ctx context.Context, hint func(units.UnitID)) error {
	f.OnChange(hint)
	hint(units.UnitID{})
	<-ctx.Done()
	f.OnChange(nil)
	return nil
}

// Die ends the unit's process now, as p says (ExitCode, Signal, OOM). A unit without a process is left
// as it is.
func (f *Fake) Die(id units.UnitID, p Program) {
	_ = f.onUnit("die", id, func(u *fakeUnit) {
		if u.alive {
			u.exit(p)
		}
	})
}

// Reboot makes every unit vanish, as a machine does that starts again.
func (f *Fake) Reboot() {
	f.mu.Lock()
	defer f.unlock()
	f.saturated, f.hanging, f.goingDown, f.deferred = false, false, false, nil
	clear(f.bound)
	clear(f.down)
	for _, u := range slices.Clone(f.order) {
		u.collect()
	}
}

// Next returns when something happens by itself next, in boot time, and whether anything will.
func (f *Fake) Next() (at time.Duration, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	u := f.soonest()
	if u == nil {
		return 0, false
	}
	return u.at, true
}

// Advance lets time pass: all that is due until now happens, in the order of time and then of units.
func (f *Fake) Advance(now units.Instant) {
	f.mu.Lock()
	defer f.unlock()
	for u := f.soonest(); u != nil && u.at <= now.Boot; u = f.soonest() {
		f.now = max(f.now, u.at)
		u.happen()
	}
	f.now = max(f.now, now.Boot)
}

func (f *Fake) soonest() *fakeUnit {
	if f.firstKnown {
		return f.first
	}
	f.first, f.firstKnown = nil, true
	for _, u := range f.order {
		if u.then != nil && (f.first == nil || u.at < f.first.at) {
			f.first = u
		}
	}
	return f.first
}

func (f *Fake) add(u *fakeUnit) {
	f.units[u.service.Unit] = u
	f.order = slices.Insert(f.order, f.place(u), u)
}

func (f *Fake) remove(u *fakeUnit) {
	if f.units[u.service.Unit] == u {
		at := f.place(u)
		f.order = slices.Delete(f.order, at, at+1)
		delete(f.units, u.service.Unit)
	}
}

func (f *Fake) place(u *fakeUnit) int {
	at, _ := slices.BinarySearchFunc(f.order, u.service.Unit, func(u *fakeUnit, id units.UnitID) int {
		return u.service.Unit.Compare(id)
	})
	return at
}

func (f *Fake) onUnit(call string, id units.UnitID, do func(*fakeUnit)) error {
	return f.call(call, id, func() error {
		u := f.units[id]
		if u == nil {
			return ErrNotFound
		}
		do(u)
		return nil
	})
}

func (f *Fake) call(call string, id units.UnitID, do func() error) error {
	f.mu.Lock()
	defer f.unlock()
	f.tick()
	fault := FaultNone
	if f.fault != nil {
		fault = f.fault(call, id)
	}
	var err error
	switch {
	case f.saturated || f.hanging:
		if call != "list" && fault != FaultBefore {
			f.deferred = append(f.deferred, func() { _ = do() })
		}
		err = ErrUnavailable
	case fault == FaultBefore:
		err = ErrUnavailable
	default:
		if err = do(); fault == FaultAfter {
			err = ErrUnavailable
		}
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", call, id, err)
	}
	return nil
}

// unlock gives the hints that have come together, outside of the lock.
func (f *Fake) unlock() {
	hint, changed := f.hint, f.changed
	f.changed = nil
	f.mu.Unlock()
	if hint != nil {
		for _, id := range changed {
			hint(id)
		}
	}
}
