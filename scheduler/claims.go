package scheduler

import (
	"maps"
	"slices"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// claim takes in to whom a domain name belongs. The apps that want it are looked at again.
func (w *world) claim(name string, c registry.Change) error {
	err := takeInto(w.claims, name, c)
	for id := range w.namedBy[name] { // order-free: it fills a set
		w.dirtyApps[id] = true
	}
	return err
}

// names notes which names a generation wants.
func (w *world) names(id units.AppID, g *generation) {
	if g == nil {
		return
	}
	for _, d := range g.app.DNS {
		if w.namedBy[d.Name] == nil {
			w.namedBy[d.Name] = map[units.AppID]bool{}
		}
		w.namedBy[d.Name][id] = true
	}
}

// refuse says of each generation of an app whether another app has a name that it wants: what the submitter
// checked was true then. A name that nobody has claimed, or whose claim cannot be read, is nobody else's.
func (w *world) refuse(id units.AppID, a *appFacts) {
	for _, number := range slices.Sorted(maps.Keys(a.generations)) {
		g := a.generations[number]
		g.refused = units.Reason{}
		for _, d := range g.app.DNS {
			if c := w.claims[d.Name]; c.rev != 0 && !c.bad && c.value.App != id {
				g.refused = units.Reason{Code: units.ReasonNameClaimed, Message: "the name " + d.Name + " belongs to app " + c.value.App.String()}
				break
			}
		}
	}
}
