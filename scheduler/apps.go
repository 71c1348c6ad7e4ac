package scheduler

import (
	"maps"
	"slices"
	"time"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// appFacts is what the registry holds of one app.
type appFacts struct {
	intent      held[units.Intent]
	exists      bool // apps/<ns>/<app> is there, readable or not
	problem     units.Reason
	generations map[units.Generation]*generation
	rollouts    map[units.Generation]held[units.Rollout]
	slots       map[string]held[units.Slots]    // by chunk
	summaries   map[string]held[units.Summary]  // by chunk
	gone        map[units.Slot]units.SlotRecord // without a word: see slots.go
	units       []unitKey                       // of this app, in order
	// summaryDue is the boot time before which no summary follows the last one. summariesPaid is that until
	// which summaryEvery is used up by those that this leader has written; it lies ahead after a burst.
	summaryDue, summariesPaid time.Duration
}

// generation is a stored document, read once.
type generation struct {
	rev     int64
	app     units.App
	spec    *placement.Spec
	problem units.Reason
	refused units.Reason // why nothing of it may be placed though it can be read
}

// empty reports whether nothing is left of the app.
func (a *appFacts) empty() bool {
	return !a.exists && len(a.generations)+len(a.rollouts)+len(a.slots)+len(a.summaries)+len(a.units) == 0
}

func (w *world) app(id units.AppID) *appFacts {
	a := w.apps[id]
	if a == nil {
		a = &appFacts{
			generations: map[units.Generation]*generation{}, rollouts: map[units.Generation]held[units.Rollout]{},
			slots: map[string]held[units.Slots]{}, summaries: map[string]held[units.Summary]{},
		}
		w.apps[id] = a
	}
	return a
}

func (a *appFacts) addUnit(k unitKey) {
	if at, there := slices.BinarySearchFunc(a.units, k, unitKey.compare); !there {
		a.units = slices.Insert(a.units, at, k)
	}
}

func (a *appFacts) removeUnit(k unitKey) {
	if at, there := slices.BinarySearchFunc(a.units, k, unitKey.compare); there {
		a.units = slices.Delete(a.units, at, at+1)
	}
}

func (a *appFacts) change(key registry.Key, c registry.Change) error {
	switch key.Kind {
	case registry.KindApp:
		a.exists, a.problem = !c.Deleted, units.Reason{}
		err := a.intent.take(c)
		if err != nil {
			a.problem = units.Reason{Code: units.ReasonUndecodable, Message: err.Error()}
		}
		return err
	case registry.KindGeneration:
		if c.Deleted {
			delete(a.generations, key.Generation)
			return nil
		}
		return a.read(key, c)
	case registry.KindRollout:
		return takeInto(a.rollouts, key.Generation, c)
	case registry.KindSlots:
		before := a.slots[key.Chunk].value.Slots
		err := takeInto(a.slots, key.Chunk, c)
		a.unchunked(before)
		return err
	case registry.KindSummary:
		return takeInto(a.summaries, key.Chunk, c)
	}
	return nil
}

func takeInto[K comparable, T any](into map[K]held[T], at K, c registry.Change) error {
	if c.Deleted {
		delete(into, at)
		return nil
	}
	h := into[at]
	err := h.take(c)
	into[at] = h
	return err
}

// read takes in a stored document. Generations are immutable: one that was read stays as it was read.
func (a *appFacts) read(key registry.Key, c registry.Change) error {
	if g := a.generations[key.Generation]; g != nil && g.spec != nil {
		g.rev = c.ModRevision
		return nil
	}
	g := &generation{rev: c.ModRevision}
	a.generations[key.Generation] = g
	s, _, err := registry.Decode[units.Submission](c.Key, c.Value)
	if err != nil {
		g.problem = units.Reason{Code: units.ReasonUndecodable, Message: err.Error()}
		return err
	}
	if g.app, g.spec, err = compile(key.App, s); err != nil {
		g.spec = nil
		g.problem = units.Reason{Code: units.ReasonInvalidApp, Message: err.Error()}
	}
	return nil
}

// bound reports whether units of a generation are bound to their node's tenure.
func (a *appFacts) bound(number units.Generation) bool {
	g := a.generations[number]
	return g != nil && g.spec != nil && g.app.Bound()
}

// placement is the app as placement takes it.
func (a *appFacts) placement(id units.AppID) placement.App {
	p := placement.App{ID: id, Intent: a.intent.value, NoIntent: !a.exists, Problem: a.problem}
	for _, number := range slices.Sorted(maps.Keys(a.generations)) {
		g := a.generations[number]
		p.Generations = append(p.Generations, placement.Generation{Number: number, Spec: g.spec, Problem: g.problem, Refused: g.refused})
	}
	a.recorded()
	chunks := map[string]bool{}
	for chunk := range a.slots { // order-free: it fills a set
		chunks[chunk] = true
	}
	for slot := range a.gone { // order-free: it fills a set
		chunks[units.Chunk(slot)] = true
	}
	for _, chunk := range slices.Sorted(maps.Keys(chunks)) {
		if a.slots[chunk].bad && p.Problem.IsZero() {
			// Which attempts were given out is not known: one given out twice would be told the other's end.
			p.Problem = units.Reason{Code: units.ReasonUndecodable, Message: "the record of slots " + chunk + " cannot be read"}
		}
		records := a.records(chunk)
		for _, slot := range slices.Sorted(maps.Keys(records)) {
			p.Slots = append(p.Slots, placement.Slot{Slot: slot, Record: records[slot]})
		}
	}
	for _, number := range slices.Sorted(maps.Keys(a.rollouts)) {
		p.Rollouts = append(p.Rollouts, placement.Rollout{Generation: number, Record: a.rollouts[number].value})
	}
	return p
}
