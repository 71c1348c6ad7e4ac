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

// FakeBounds is the Bounds of a Fake. A reboot removes every note.
type FakeBounds struct{ f *Fake }

// Bounds are the notes of the fake's units, and their control groups.
func (f *Fake) Bounds() FakeBounds { return FakeBounds{f} }

// List is Bounds.List.
func (b FakeBounds) List() ([]units.Bound, error) {
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	list := make([]units.Bound, 0, len(b.f.bound))
	for _, u := range b.f.bound { // order-free: it is sorted
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b units.Bound) int { return a.Unit.Compare(b.Unit) })
	return list, nil
}

// Forget is Bounds.Forget.
func (b FakeBounds) Forget(id units.UnitID) error {
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	delete(b.f.bound, id)
	return nil
}

// Empty is Bounds.Empty.
func (b FakeBounds) Empty(_ context.Context, id units.UnitID) (bool, error) {
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	u := b.f.units[id]
	return u == nil || !u.alive, nil
}

// Kill is Bounds.Kill: every process of the unit ends, and PID 1 is not asked.
func (b FakeBounds) Kill(_ context.Context, id units.UnitID) error {
	b.f.mu.Lock()
	defer b.f.unlock()
	b.f.tick()
	if u := b.f.units[id]; u != nil && u.alive {
		u.exit(Program{Signal: syscall.SIGKILL})
	}
	return nil
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
	for _, u := range slices.Clone(f.order) {
		if u.unseen != nil {
			p := *u.unseen
			u.unseen = nil
			u.ended(p)
		}
	}
	f.catchUp()
}

// Hang makes calls hang, or lets them through. PID 1 itself goes on. What is asked meanwhile has no answer
// and is done in the end.
func (f *Fake) Hang(hang bool) {
	f.mu.Lock()
	defer f.unlock()
	f.tick()
	f.hanging = hang
	f.catchUp()
}

func (f *Fake) catchUp() {
	if f.saturated || f.hanging {
		return
	}
	deferred := f.deferred
	f.deferred = nil
	for _, do := range deferred {
		do()
	}
}

// ShutDown makes PID 1 stop every unit and start none any more, as it does when the machine goes down.
func (f *Fake) ShutDown() {
	f.mu.Lock()
	defer f.unlock()
	f.tick()
	f.goingDown = true
	for _, u := range slices.Clone(f.order) {
		if f.saturated {
			f.deferred = append(f.deferred, u.stop)
			continue
		}
		u.stop()
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
func (f *Fake) Version() int { return int(f.version.Load()) }

func (f *Fake) changedLive() {
	f.live = nil
	f.version.Add(1)
}

func (f *Fake) tick() {
	if f.clock != nil {
		f.now = max(f.now, f.clock())
	}
}
