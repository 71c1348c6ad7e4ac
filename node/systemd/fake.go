package systemd

import (
	"context"
	"fmt"
	"slices"
	"sync"
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
	units   map[units.UnitID]*fakeUnit
	program func(s Service, start int) Program
	fault   func(call string, id units.UnitID) Fault
	hint    func(units.UnitID)
	changed []units.UnitID
	serial  int
}

// NewFake returns a systemd without units. program says how the process of a unit behaves at its n-th
// start, from 1; nil is the zero Program for all.
func NewFake(program func(s Service, start int) Program) *Fake {
	if program == nil {
		program = func(Service, int) Program { return Program{} }
	}
	return &Fake{units: map[units.UnitID]*fakeUnit{}, program: program}
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
		u := &fakeUnit{fake: f, service: s}
		f.units[s.Unit] = u
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
		for _, u := range f.ordered() {
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
		if u.state.MainPID != 0 {
			u.ended(p)
		}
	})
}

// Reboot makes every unit vanish, as a machine does that starts again.
func (f *Fake) Reboot() {
	f.mu.Lock()
	defer f.unlock()
	for _, u := range f.ordered() {
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
	return u.due(), true
}

// Advance lets time pass: all that is due until now happens, in the order of time and then of units.
func (f *Fake) Advance(now units.Instant) {
	f.mu.Lock()
	defer f.unlock()
	for u := f.soonest(); u != nil && u.due() <= now.Boot; u = f.soonest() {
		f.now = max(f.now, u.due())
		u.happen()
	}
	f.now = max(f.now, now.Boot)
}

func (f *Fake) soonest() *fakeUnit {
	var first *fakeUnit
	for _, u := range f.units { // order-free: a minimum, and ties go by name
		if u.then == nil {
			continue
		}
		if first == nil || u.due() < first.due() ||
			u.due() == first.due() && u.service.Unit.Compare(first.service.Unit) < 0 {
			first = u
		}
	}
	return first
}

func (f *Fake) ordered() []*fakeUnit {
	list := make([]*fakeUnit, 0, len(f.units))
	for _, u := range f.units {
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b *fakeUnit) int { return a.service.Unit.Compare(b.service.Unit) })
	return list
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
	fault := FaultNone
	if f.fault != nil {
		fault = f.fault(call, id)
	}
	var err error
	if fault != FaultBefore {
		err = do()
	}
	if fault != FaultNone {
		err = ErrUnavailable
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
