package placement

import (
	"slices"

	"github.com/nsched/nsched/units"
)

// wantedSlot decides about a slot that should be filled:
//
//	a ready unit of the target          it stays, all others stop
//	one of the target that is not ready it stays, and the best of the others until it is
//	one of another generation           the best stays and is to be updated
//	none                                the slot is to be filled
//
// A slot with a unit that cannot be read is left alone.
func (p *planner) wantedSlot(w *work, s sorted) {
	if w.target.spec.kind == units.TypeSystem {
		// Nobody else can take the slot of a lost node, so there is nothing to gain by a stop.
		s.alive, s.lost = append(s.alive, s.lost...), nil
	}
	if s.kept {
		w.unsettled = true
		return
	}
	slices.SortFunc(s.alive, better(w.app.spec, p.state.nodes))
	var current, older []*unit
	for _, u := range s.alive {
		if u.generation == w.target.number {
			current = append(current, u)
		} else {
			older = append(older, u)
		}
	}
	if len(current) > 1 {
		p.stopSpare(w.app, current[1:], units.ReasonDuplicate, "the slot has another unit")
	}
	if len(s.alive) > 0 {
		p.stopSpare(w.app, s.lost, units.ReasonEvicted, "its node is lost and the slot has another unit")
	}
	switch {
	case len(current) > 0 && w.target.spec.Ready(current[0].state):
		p.stopSpare(w.app, older, units.ReasonReplaced, "the unit that replaces it is ready")
	case len(current) > 0:
		if len(older) > 1 {
			p.stopSpare(w.app, older[1:], units.ReasonReplaced, "the slot has another unit")
		}
		w.older = w.older || len(older) > 0
		reachable := p.state.nodes[current[0].node].standing == Ready
		if reachable {
			w.moving++ // one that is out of reach may stay so for ever, and must not hold up the others
		}
		w.unsettled = w.unsettled || reachable || w.target.spec.kind != units.TypeSystem
	case len(older) > 0:
		p.stopSpare(w.app, older[1:], units.ReasonDuplicate, "the slot has another unit")
		p.oldSlot(w, s, older[0])
	default:
		p.emptySlot(w, s)
	}
}

func (p *planner) stopSpare(a *app, spare []*unit, code, message string) {
	for _, u := range spare {
		p.stop(a, u, code, message)
	}
}

func (p *planner) newFill(s sorted) fill {
	return fill{slot: s.slot, attempt: s.attempt + 1, record: s.record, refill: s.ended, lost: s.lost, only: -1}
}

// oldSlot is filled by a unit of another generation.
func (p *planner) oldSlot(w *work, s sorted, old *unit) {
	w.older, w.unsettled = true, true
	spec := w.app.spec(old.generation)
	u := update{fill: p.newFill(s), old: old, ready: spec != nil && spec.Ready(old.state)}
	u.lost = nil
	if w.target.spec.kind == units.TypeSystem {
		i, known := p.state.nodeByName[units.NodeName(s.slot)]
		if !known || p.state.nodes[i].class < 0 {
			return // nobody knows what its node is now
		}
		u.only = i
	}
	if reason, until := p.waits(s.record, w.target); !reason.IsZero() {
		w.moving++
		p.out.Unplaced = append(p.out.Unplaced, Unplaced{
			App: w.app.id, Slot: s.slot, Generation: w.target.number, Incumbent: old.id(w.app), Reason: reason, UntilMs: until,
		})
		p.wake(until)
		return
	}
	w.updates = append(w.updates, u)
}

// emptySlot has no unit that counts.
func (p *planner) emptySlot(w *work, s sorted) {
	f := p.newFill(s)
	if w.target.spec.kind == units.TypeSystem {
		i, known := p.state.nodeByName[units.NodeName(s.slot)]
		if !known || !p.state.nodes[i].open() {
			return // its node takes nothing now, and nobody else can
		}
		f.only = i
	}
	w.unsettled = true
	gap := Unplaced{App: w.app.id, Slot: s.slot, Generation: w.filler.number}
	if len(s.lost) > 0 {
		gap.Incumbent = s.lost[0].id(w.app)
	}
	switch reason, until := p.waits(s.record, w.filler); {
	case !reason.IsZero():
		gap.Reason, gap.UntilMs = reason, until
		p.wake(until)
	case p.mustEnd(s.leaving, w.filler):
		gap.Reason = units.Reason{Code: ReasonWaitsForStop, Message: s.leaving.id(w.app).String() + " has to end first"}
		f.waitFor = s.leaving
		w.fills = append(w.fills, f)
	default:
		w.fills = append(w.fills, f)
		return
	}
	w.moving++
	p.out.Unplaced = append(p.out.Unplaced, gap)
}

// mustEnd reports whether a slot waits for a unit that was told to stop. If its node is out of reach that
// may take for ever, so only an app that never has two at a time waits then.
func (p *planner) mustEnd(leaving *unit, g *generation) bool {
	return leaving != nil && (g.spec.stopFirst || p.state.nodes[leaving.node].standing == Ready)
}
