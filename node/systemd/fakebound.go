package systemd

import (
	"context"
	"errors"
	"slices"
	"syscall"

	"github.com/nsched/nsched/units"
)

var errNoNote = errors.New("note the bound unit: no space left on device")

// FailNotes makes it impossible to note a bound unit, as a full tmpfs does, or possible again.
func (f *Fake) FailNotes(fail bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noNote = fail
}

// note is what Manager.Start does before it asks systemd.
func (f *Fake) note(s Service) error {
	if s.Bound == nil {
		return nil
	}
	if f.noNote {
		return errNoNote
	}
	f.bound[s.Unit] = *s.Bound
	return nil
}

// Bound lists every unit that is noted as bound, in order.
func (f *Fake) Bound(context.Context) ([]units.Bound, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]units.Bound, 0, len(f.bound))
	for _, b := range f.bound { // order-free: it is sorted
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b units.Bound) int { return a.Unit.Compare(b.Unit) })
	return list, nil
}

// KillGroup is Bounds.Kill: every process of the unit ends, and PID 1 is not asked.
func (f *Fake) KillGroup(id units.UnitID) {
	f.mu.Lock()
	defer f.unlock()
	f.tick()
	if u := f.units[id]; u != nil && u.alive {
		u.exit(Program{Signal: syscall.SIGKILL})
	}
}

// Empty is Bounds.Empty.
func (f *Fake) Empty(id units.UnitID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	u := f.units[id]
	return u == nil || !u.alive
}

// SetUnit says whether a unit of the machine, such as the guard's, is active. What is bound to it is
// stopped when it is not, and does not start.
func (f *Fake) SetUnit(name string, active bool) {
	f.mu.Lock()
	defer f.unlock()
	f.tick()
	if f.saturated {
		f.deferred = append(f.deferred, func() { f.setUnit(name, active) })
		return
	}
	f.setUnit(name, active)
}

func (f *Fake) setUnit(name string, active bool) {
	if active {
		delete(f.down, name)
		return
	}
	f.down[name] = true
	for _, u := range slices.Clone(f.order) {
		if u.service.BindTo == name {
			u.stop()
		}
	}
}

// Saturate makes PID 1 too busy for anything, or lets it catch up. While it is, no call is answered, no
// unit is stopped, killed or restarted, and the end of a process is not noticed; processes run and end by
// themselves. What was asked meanwhile is done once PID 1 comes to it.
func (f *Fake) Saturate(busy bool) {
	f.mu.Lock()
	defer f.unlock()
	f.tick()
	if f.saturated = busy; busy {
		return
	}
	deferred := f.deferred
	f.deferred = nil
	for _, u := range slices.Clone(f.order) {
		if u.unseen != nil {
			p := *u.unseen
			u.unseen = nil
			u.ended(p)
		}
	}
	for _, do := range deferred {
		do()
	}
}

// Live returns the units of which the app itself runs, in order: what a person sees who looks at the
// machine's processes. The caller does not change it.
func (f *Fake) Live() []units.UnitID {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.live == nil {
		f.live = []units.UnitID{}
		for _, u := range f.order {
			if u.alive && !u.program.Refused {
				f.live = append(f.live, u.service.Unit)
			}
		}
	}
	return f.live
}

// Version rises whenever Live changes.
func (f *Fake) Version() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.version
}

// BoundOf returns what is noted of a unit.
func (f *Fake) BoundOf(id units.UnitID) (units.Bound, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, ok := f.bound[id]
	return b, ok
}

func (f *Fake) changedLive() {
	f.live = nil
	f.version++
}

func (f *Fake) tick() {
	if f.clock != nil {
		f.now = max(f.now, f.clock())
	}
}

