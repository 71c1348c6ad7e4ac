package main

import (
	"fmt"
	"slices"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// appFacts is what the registry holds of one app.
type appFacts struct {
	id       units.AppID
	intent   units.Intent
	extra    registry.Extra
	revision int64 // mod revision of the intent; 0 when there is none that can be read
	broken   error // there is an intent, and it cannot be read
	// app is the document of the intent's generation, nil when it is not there or cannot be read.
	app         *units.App
	submitter   string
	last        units.Generation // the highest stored
	generations map[units.Generation]units.Submission
	rollouts    map[units.Generation]units.Rollout
	slots       map[units.Slot]slotFacts
	problems    []string
}

// slotFacts is a slot in the summary and the revision at which that was written.
type slotFacts struct {
	units.SlotSummary
	revision int64
}

// appScope is what is read for one app, or for every app of a namespace, or for all when it is empty.
func (c cluster) appScope(ns units.Namespace, app units.AppName) scope {
	var w scope
	segments := []string{}
	if ns != "" {
		segments = append(segments, string(ns))
	}
	if app == "" {
		w.prefixes = append(w.prefixes, c.keys.Under(registry.KindApp, segments...))
	} else {
		w.keys = append(w.keys, c.keys.App(units.AppID{Namespace: ns, Name: app}))
		segments = append(segments, string(app))
	}
	for _, kind := range []registry.Kind{registry.KindGeneration, registry.KindRollout, registry.KindSummary} {
		w.prefixes = append(w.prefixes, c.keys.Under(kind, segments...))
	}
	return w
}

// apps gathers every app of a snapshot, sorted by name.
func (c cluster) apps(s *registry.Snapshot) []*appFacts {
	found := map[units.AppID]*appFacts{}
	at := func(id units.AppID) *appFacts {
		a := found[id]
		if a == nil {
			a = &appFacts{
				id: id, generations: map[units.Generation]units.Submission{},
				rollouts: map[units.Generation]units.Rollout{}, slots: map[units.Slot]slotFacts{},
			}
			found[id] = a
		}
		return a
	}
	for item := range s.Items(c.keys.Under(registry.KindApp)) {
		if v, ok := item.Decoded.(units.Intent); ok {
			a := at(item.ID.App)
			a.intent, a.extra, a.revision = v, item.Extra, item.Raw.ModRevision
		}
	}
	for key, v := range registry.All[units.Submission](s, c.keys.Under(registry.KindGeneration)) {
		at(key.App).generations[key.Generation] = v
	}
	for key, v := range registry.All[units.Rollout](s, c.keys.Under(registry.KindRollout)) {
		at(key.App).rollouts[key.Generation] = v
	}
	for item := range s.Items(c.keys.Under(registry.KindSummary)) {
		if v, ok := item.Decoded.(units.Summary); ok {
			for slot, summary := range v.Slots {
				at(item.ID.App).slots[slot] = slotFacts{summary, item.Raw.ModRevision}
			}
		}
	}
	for _, kind := range []registry.Kind{registry.KindApp, registry.KindGeneration, registry.KindRollout, registry.KindSummary} {
		for bad := range s.Bad(c.keys.Under(kind)) {
			if bad.ID.App.Name != "" {
				if kind == registry.KindApp {
					at(bad.ID.App).broken = bad.Err
				}
				at(bad.ID.App).problems = append(at(bad.ID.App).problems, bad.Err.Error())
				at(bad.ID.App).last = max(at(bad.ID.App).last, bad.ID.Generation)
			}
		}
	}
	list := make([]*appFacts, 0, len(found))
	for _, a := range found {
		a.finish()
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *appFacts) int { return a.id.Compare(b.id) })
	return list
}

// app gathers one app of a snapshot; one that nobody has heard of is empty.
func (c cluster) app(s *registry.Snapshot, id units.AppID) *appFacts {
	for _, a := range c.apps(s) {
		if a.id == id {
			return a
		}
	}
	return &appFacts{id: id, generations: map[units.Generation]units.Submission{}, slots: map[units.Slot]slotFacts{}}
}

// finish reads the document that the intent points to.
func (a *appFacts) finish() {
	for g := range a.generations {
		a.last = max(a.last, g)
	}
	a.last = max(a.last, a.intent.Generation)
	if a.revision == 0 {
		return
	}
	sub, ok := a.generations[a.intent.Generation]
	if !ok {
		a.problems = append(a.problems, fmt.Sprintf("generation %d is not stored", a.intent.Generation))
		return
	}
	a.submitter = sub.Submitter
	app, err := units.ParseApp([]byte(sub.Document))
	if err != nil {
		a.problems = append(a.problems, fmt.Sprintf("generation %d: %v", a.intent.Generation, err))
		return
	}
	if app.ID() != a.id {
		a.problems = append(a.problems, fmt.Sprintf("generation %d: the document is of app %s", a.intent.Generation, app.ID()))
		return
	}
	a.app = &app
}

// exists reports whether there is anything of the app.
func (a *appFacts) exists() bool {
	return a.revision != 0 || len(a.generations) > 0 || len(a.slots) > 0 || len(a.problems) > 0
}

// inOrder returns the slots of the summary in their order.
func (a *appFacts) inOrder() []units.Slot {
	list := make([]units.Slot, 0, len(a.slots))
	for slot := range a.slots {
		list = append(list, slot)
	}
	slices.SortFunc(list, units.CompareSlots)
	return list
}

// ready reports whether a slot's unit is of the generation and does its work: it is healthy where there
// are checks, and runs where there are none.
func (a *appFacts) ready(slot slotFacts, g units.Generation) bool {
	u, err := units.ParseUnitID(slot.Unit)
	if err != nil || u.Generation != g {
		return false
	}
	checked := a.app != nil && a.app.HealthChecks.Any()
	return slot.State == units.StateHealthy || slot.State == units.StateRunning && !checked
}

// wanted is how many units the app should have, as far as the CLI can tell: a system app has one on
// each node that the scheduler chose.
func (a *appFacts) wanted() int {
	switch {
	case a.intent.Stopped:
		return 0
	case a.app != nil && a.app.Type == units.TypeSystem:
		return len(a.slots)
	}
	return a.intent.Count
}

// readyCount counts the units of the wanted generation that do their work.
func (a *appFacts) readyCount() int {
	n := 0
	for _, slot := range a.slots {
		if a.ready(slot, a.intent.Generation) {
			n++
		}
	}
	return n
}
