package placement

import (
	"cmp"
	"slices"

	"github.com/nsched/nsched/units"
)

// Summaries returns what an app's status shows: the chunks of summary/<ns>/<app>/ by name. It is given
// the app, its units, and what the latest plan says of it; what concerns other apps is passed over.
//
// A slot shows the unit that does its work, or else the latest that should. The reason is the plan's
// where it has one, and the node's otherwise. A slot with neither unit nor reason is not shown.
func Summaries(a App, list []Unit, o Outcome) map[string]units.Summary {
	chunks := make(map[string]units.Summary)
	put := func(slot units.Slot, s units.SlotSummary) {
		name := units.Chunk(slot)
		if chunks[name].Slots == nil {
			chunks[name] = units.Summary{Slots: make(map[units.Slot]units.SlotSummary)}
		}
		chunks[name].Slots[slot] = s
	}
	away := make(map[place]bool) // on lost nodes, beside what replaces them
	for _, h := range o.Held {
		if h.Reason.Code == units.ReasonNodeLost {
			away[place{h.Node, h.Unit}] = true
		}
	}
	shown := make(map[units.Slot]Unit)
	for _, u := range list {
		if u.ID.AppID() != a.ID || u.CreateRev == 0 {
			continue
		}
		if other, twice := shown[u.ID.Slot]; !twice || a.compare(u, other, away) < 0 {
			shown[u.ID.Slot] = u
		}
	}
	for slot, u := range shown { // order-free: it fills another map
		s := units.SlotSummary{Node: u.Node, Unit: u.ID.String(), State: units.StateAssigned}
		if u.answered() {
			s.State, s.Health, s.Reason = u.Status.State, u.Status.Health, u.Status.Reason
		}
		put(slot, s)
	}
	said := func(slot units.Slot, reason units.Reason) {
		s := chunks[units.Chunk(slot)].Slots[slot]
		s.Reason = reason
		put(slot, s)
	}
	for _, h := range o.Held {
		if u, known := shown[h.Unit.Slot]; known && u.ID == h.Unit && u.Node == h.Node {
			said(h.Unit.Slot, h.Reason)
		}
	}
	for _, u := range o.Unplaced {
		if u.App == a.ID && u.Slot != "" {
			said(u.Slot, u.Reason)
		}
	}
	return chunks
}

// compare orders units of one slot by which is to be shown.
func (a App) compare(x, y Unit, away map[place]bool) int {
	rank := func(u Unit) int {
		n := 0
		if away[place{u.Node, u.ID}] {
			return n
		}
		if u.Assignment.Desired != units.DesiredStop {
			n += 2
		}
		i := slices.IndexFunc(a.Generations, func(g Generation) bool { return g.Number == u.ID.Generation })
		if i >= 0 && a.Generations[i].Spec != nil && u.answered() && a.Generations[i].Spec.Ready(u.Status.State) {
			n++
		}
		return n
	}
	return cmp.Or(cmp.Compare(rank(y), rank(x)), cmp.Compare(y.ID.Attempt, x.ID.Attempt), cmp.Compare(x.Node, y.Node))
}
