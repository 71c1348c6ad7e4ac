package placement

import (
	"maps"
	"slices"

	"github.com/nsched/nsched/units"
)

// Apply returns the snapshot as it is once every action of a plan has been written and nothing else
// has happened. It is for tests and simulations: a real plan goes through etcd. The snapshot that was
// given stays as it was.
func Apply(s Snapshot, o Outcome) Snapshot {
	s.Units, s.Apps = slices.Clone(s.Units), slices.Clone(s.Apps)
	rev := int64(0)
	at := make(map[place]int, len(s.Units))
	for i, u := range s.Units {
		rev = max(rev, u.CreateRev, u.ModRev, u.StatusRev)
		at[place{u.Node, u.ID}] = i
	}
	for _, a := range o.Actions {
		rev++
		if a.Kind == KindRollout {
			s.roll(a)
			continue
		}
		i, known := at[place{a.Node, a.Unit}]
		if !known {
			i = len(s.Units)
			at[place{a.Node, a.Unit}] = i
			s.Units = append(s.Units, Unit{Node: a.Node, ID: a.Unit})
		}
		u := &s.Units[i]
		if a.Kind == KindDelete {
			// The status stays: it is its node's to remove.
			u.Assignment, u.CreateRev, u.ModRev, u.Problem = units.Assignment{}, 0, 0, units.Reason{}
			s.remember(a)
			continue
		}
		if u.CreateRev == 0 {
			u.CreateRev = rev
		}
		u.Assignment, u.ModRev = a.Assignment, rev
	}
	s.Units = slices.DeleteFunc(s.Units, func(u Unit) bool { return u.CreateRev == 0 && u.StatusRev == 0 })
	return s
}

// place is the key of an assignment.
type place struct {
	node units.NodeName
	unit units.UnitID
}

// remember writes the record of a slot.
func (s *Snapshot) remember(a Action) {
	app := s.app(a.Unit.AppID())
	app.Slots = slices.Clone(app.Slots)
	k := slices.IndexFunc(app.Slots, func(slot Slot) bool { return slot.Slot == a.Unit.Slot })
	if k < 0 {
		app.Slots = append(app.Slots, Slot{Slot: a.Unit.Slot, Record: a.Record})
		return
	}
	app.Slots[k].Record = a.Record
}

func (s *Snapshot) roll(a Action) {
	app := s.app(a.App)
	app.Rollouts = slices.Clone(app.Rollouts)
	k := slices.IndexFunc(app.Rollouts, func(r Rollout) bool { return r.Generation == a.Generation })
	if k < 0 {
		k = len(app.Rollouts)
		app.Rollouts = append(app.Rollouts, Rollout{Generation: a.Generation})
	}
	app.Rollouts[k].Record = a.Rollout
}

func (s *Snapshot) app(id units.AppID) *App {
	i := slices.IndexFunc(s.Apps, func(a App) bool { return a.ID == id })
	if i < 0 {
		i = len(s.Apps)
		s.Apps = append(s.Apps, App{ID: id, NoIntent: true})
	}
	return &s.Apps[i]
}

// Clone returns a copy whose slices are its own.
func (s Snapshot) Clone() Snapshot {
	s.Nodes, s.Apps, s.Units = slices.Clone(s.Nodes), slices.Clone(s.Apps), slices.Clone(s.Units)
	for i := range s.Apps {
		a := &s.Apps[i]
		a.Generations, a.Slots, a.Rollouts = slices.Clone(a.Generations), slices.Clone(a.Slots), slices.Clone(a.Rollouts)
	}
	for i := range s.Units {
		s.Units[i].Assignment.Ports = maps.Clone(s.Units[i].Assignment.Ports)
	}
	return s
}
