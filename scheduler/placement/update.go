package placement

import (
	"cmp"
	"slices"

	"github.com/nsched/nsched/units"
)

// update replaces units of other generations, at most maxParallel on their way at a time. Where there
// is room the new one is placed beside the old, which stops once the new one is ready (see
// wantedSlot). Where there is none the old one is stopped first, provided that the new one fits then.
func (p *planner) update(w *work) {
	if len(w.updates) == 0 {
		return
	}
	if w.app.intent.Paused {
		p.out.Unplaced = append(p.out.Unplaced, Unplaced{
			App: w.app.id, Generation: w.target.number, Reason: units.Reason{Code: units.ReasonPaused, Message: "an operator paused the app"},
		})
		return
	}
	slices.SortStableFunc(w.updates, func(a, b update) int { return cmp.Compare(order(a.ready), order(b.ready)) })
	for i := range w.updates {
		if w.moving >= w.target.spec.maxParallel {
			return
		}
		u := &w.updates[i]
		if p.state.nodes[u.old.node].standing != Ready {
			p.outOfReach(w, u)
			continue
		}
		if reason, until := p.updateWait(w, u); !reason.IsZero() {
			gap := Unplaced{App: w.app.id, Slot: u.slot, Generation: w.target.number, Incumbent: u.old.id(w.app), Reason: reason}
			if until != forever {
				gap.UntilMs = until
				p.wake(until)
			}
			p.out.Unplaced = append(p.out.Unplaced, gap)
		} else if p.replace(w, u) {
			w.moving++
		} else {
			p.refuse(w, w.target, &u.fill, u.old)
		}
	}
}

// updateWait returns why a singleton is not stopped for its update yet: what would come in its place could not
// be started.
func (p *planner) updateWait(w *work, u *update) (units.Reason, int64) {
	if !w.single() {
		return units.Reason{}, 0
	}
	if blocker, until, _ := p.alone(w, u.old); blocker != nil {
		return p.still(w, blocker, until), until
	}
	return p.restoredWait(w)
}

func (p *planner) replace(w *work, u *update) bool {
	// A unit of a singleton is alone while it lives, also where what follows it is none.
	was := w.app.spec(u.old.generation)
	if !w.target.spec.stopFirst && (was == nil || !was.single) {
		if i := p.seek(w, w.target, &u.fill, u.old.node); i >= 0 {
			p.place(w, w.target, &u.fill, i, units.Reason{Code: units.ReasonReplaced, Message: "replaces " + u.old.id(w.app).String()})
			return true
		}
	}
	if !p.fitsAfter(w, u) {
		return false
	}
	p.stop(w.app, u.old, units.ReasonReplaced, "makes room for its replacement")
	p.keepRoom(w, w.target, u.old)
	return true
}

// outOfReach says that a unit stays since its node could not be told to stop it.
func (p *planner) outOfReach(w *work, u *update) {
	n := &p.state.nodes[u.old.node]
	p.out.Unplaced = append(p.out.Unplaced, Unplaced{
		App: w.app.id, Slot: u.slot, Generation: w.target.number, Incumbent: u.old.id(w.app),
		Reason: units.Reason{Code: n.standing.refusal(), Message: "its unit is on " + string(p.state.names[u.old.node]) + ", which is out of reach"},
	})
}

// fitsAfter reports whether the new unit has a node once the old one has ended.
func (p *planner) fitsAfter(w *work, u *update) bool {
	s, old := p.state, u.old
	c := p.gather(w.app, w.target.spec)
	s.release(old.node, old.charge)
	s.join(c, old.node, -1)
	fits := false
	for i := range s.eligible(w.target).all() {
		if (u.only < 0 || u.only == i) && s.takes(i, w.target.spec) && s.lacks(c, i).ok() {
			fits = true
			break
		}
	}
	s.join(c, old.node, 1)
	s.take(old.node, old.charge)
	return fits
}

// reserve keeps room, beside what still stops, for what comes in its place.
func (p *planner) reserve(works []*work) {
	for _, w := range works {
		for i := range w.fills {
			if u := w.fills[i].waitFor; u != nil {
				p.keepRoom(w, w.filler, u)
			}
		}
	}
}

// keepRoom books on the node of a unit that will end what the new one takes beyond the old, if it
// would fit there. All that the old one has is booked as long as it runs. Whether it would fit
// depends on that node alone, so the next plan keeps the same.
func (p *planner) keepRoom(w *work, g *generation, old *unit) {
	s, i := p.state, old.node
	c := p.gather(w.app, g.spec)
	s.release(i, old.charge)
	s.join(c, i, -1)
	fits := s.eligible(g).has(i) && s.takes(i, g.spec) && s.lacks(c, i).ok()
	s.join(c, i, 1)
	s.take(i, old.charge)
	if !fits {
		return
	}
	extra := charge{room: g.spec.need.beyond(old.charge.room)}
	for _, a := range g.spec.ports {
		if key := keyOf(a.protocol, a.port); a.port != 0 && !slices.Contains(old.charge.ports, key) {
			extra.ports = append(extra.ports, key)
		}
	}
	p.bookOn(i, extra)
}
