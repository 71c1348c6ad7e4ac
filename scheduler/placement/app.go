package placement

import (
	"cmp"
	"slices"

	"github.com/nsched/nsched/units"
)

// app is an App with its units, in slot order.
type app struct {
	id          units.AppID
	intent      units.Intent
	noIntent    bool
	problem     units.Reason
	generations map[units.Generation]*generation
	slots       map[units.Slot]units.SlotRecord
	rollouts    []Rollout // by generation

	units  map[unitKey]*unit
	sorted []*unit // by slot, attempt and node; nil when it has to be made again
}

// generation is a Generation and the nodes that can host it, as of a version of the nodes.
type generation struct {
	number  units.Generation
	spec    *Spec
	problem units.Reason
	refused units.Reason

	fit        bitset
	fitVersion uint64
}

// PutApp adds or replaces what is wanted of an app. Its units stay.
func (s *State) PutApp(a App) {
	known := s.app(a.ID)
	known.intent, known.noIntent, known.problem = a.Intent, a.NoIntent, a.Problem
	known.slots = make(map[units.Slot]units.SlotRecord, len(a.Slots))
	for _, slot := range a.Slots {
		known.slots[slot.Slot] = slot.Record
	}
	known.rollouts = slices.SortedFunc(slices.Values(a.Rollouts), func(a, b Rollout) int { return cmp.Compare(a.Generation, b.Generation) })
	if !known.putGenerations(a.Generations) {
		return
	}
	for _, u := range known.units { // order-free: sums commute
		// What a unit takes is written in its generation.
		s.discharge(u)
		s.recharge(known, u)
	}
}

// PutSlot replaces the record of one slot.
func (s *State) PutSlot(id units.AppID, slot units.Slot, record units.SlotRecord) {
	a := s.app(id)
	if a.slots == nil {
		a.slots = make(map[units.Slot]units.SlotRecord)
	}
	a.slots[slot] = record
}

// putGenerations reports whether any spec has changed. What is known of the others stays.
func (a *app) putGenerations(list []Generation) (changed bool) {
	was := a.generations
	a.generations = make(map[units.Generation]*generation, len(list))
	for _, g := range list {
		if g.Spec != nil && g.Spec.id != a.id {
			g = Generation{Number: g.Number, Problem: units.Reason{Code: units.ReasonInvalidApp, Message: "the stored document is of app " + g.Spec.id.String()}}
		}
		if old := was[g.Number]; old != nil && old.spec == g.Spec && old.problem == g.Problem {
			old.refused = g.Refused
			a.generations[g.Number] = old
			continue
		}
		a.generations[g.Number] = &generation{number: g.Number, spec: g.Spec, problem: g.Problem, refused: g.Refused}
		changed = true
	}
	return changed || len(was) != len(a.generations)
}

// RemoveApp forgets an app. Units that it still has are kept, as those of every app without intent.
func (s *State) RemoveApp(id units.AppID) {
	a, known := s.apps[id]
	switch {
	case !known:
	case len(a.units) > 0:
		s.PutApp(App{ID: id, NoIntent: true})
	default:
		delete(s.apps, id)
		s.sorted = nil
	}
}

func (s *State) app(id units.AppID) *app {
	a, known := s.apps[id]
	if !known {
		a = &app{id: id, noIntent: true, units: make(map[unitKey]*unit)}
		s.apps[id] = a
		s.sorted = nil
	}
	return a
}

// spec returns the spec of a generation, nil if it is not stored or not readable.
func (a *app) spec(g units.Generation) *Spec {
	if known := a.generations[g]; known != nil {
		return known.spec
	}
	return nil
}

// inOrder returns the units by slot; a is alone in knowing their node's names.
func (a *app) inOrder(names []units.NodeName) []*unit {
	if a.sorted == nil {
		a.sorted = make([]*unit, 0, len(a.units))
		for _, u := range a.units { // order-free: it is sorted below
			a.sorted = append(a.sorted, u)
		}
		slices.SortFunc(a.sorted, func(x, y *unit) int {
			return cmp.Or(
				cmp.Compare(x.order, y.order),
				cmp.Compare(x.slot, y.slot),
				cmp.Compare(x.attempt, y.attempt),
				cmp.Compare(x.generation, y.generation),
				cmp.Compare(names[x.node], names[y.node]),
			)
		})
	}
	return a.sorted
}
