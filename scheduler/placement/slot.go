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
		s.alive, s.lost = append(s.alive, s.lost...), nil // what was bound to an earlier tenure is another matter
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
	p.stopTwins(w.app, current)
	if len(s.alive) > 0 {
		p.stopAway(w, s)
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
		p.stopTwins(w.app, older)
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

// stopTwins stops all units of one generation in a slot but the best, which comes first. While one of them
// has just come back with its node, and the other was placed meanwhile, both stay until one is known to be
// well: the one that was first if it is, and the other if it is not.
func (p *planner) stopTwins(a *app, twins []*unit) {
	if len(twins) < 2 {
		return
	}
	s, best := p.state, twins[0]
	spec := a.spec(best.generation)
	if spec == nil || !spec.keepOriginal {
		p.stopSpare(a, twins[1:], units.ReasonDuplicate, "the slot has another unit")
		return
	}
	well := spec.Ready(best.state) && best.fresh(s.nodes)
	for _, u := range twins[1:] {
		first := u.attempt < best.attempt
		silent := first && s.passed(u) && !u.fresh(s.nodes)
		// Its status may come before its daemon counts as there.
		returns := first && spec.Ready(u.state) && s.nodes[u.node].standing != Ready
		if (s.passed(u) || s.passed(best)) && (silent || returns || !well) {
			p.hold(a, u, units.Reason{Code: units.ReasonDuplicate, Message: "the slot has two units, since a node was lost and is back; one stops when the other is known to be well"})
			continue
		}
		p.stop(a, u, units.ReasonDuplicate, "the slot has another unit")
	}
}

// stopAway stops the units of a slot that are out of reach, or were bound to an earlier tenure, where the
// slot has another. One that may come back and stay is left alone.
func (p *planner) stopAway(w *work, s sorted) {
	for _, u := range s.passed {
		p.stopWhile(w.app, u, units.ReasonTenureOver, "it was bound to an earlier tenure of its node, and the slot has another unit")
	}
	for _, u := range s.lost {
		if p.mayStay(w, u) && !p.outlived(w, u, s.alive) {
			p.hold(w.app, u, units.Reason{Code: units.ReasonNodeLost, Message: "its node is lost and the slot has another unit; it stays if it comes back well"})
			continue
		}
		p.stopWhile(w.app, u, units.ReasonEvicted, "its node is lost and the slot has another unit")
	}
}

// mayStay reports whether a unit on a lost node is left alone beside what replaces it. Where its own generation
// cannot be read, the one that is placed speaks for it.
func (p *planner) mayStay(w *work, u *unit) bool {
	if spec := w.app.spec(u.generation); spec != nil {
		return spec.keepOriginal
	}
	return w.filler.spec.keepOriginal
}

// outlived reports whether a unit that was there before u is back and well.
func (p *planner) outlived(w *work, u *unit, alive []*unit) bool {
	spec := w.app.spec(u.generation)
	return spec != nil && slices.ContainsFunc(alive, func(v *unit) bool {
		return v.generation == u.generation && v.attempt < u.attempt && spec.Ready(v.state) && v.fresh(p.state.nodes)
	})
}

func (p *planner) newFill(s sorted) fill {
	return fill{slot: s.slot, attempt: s.attempt + 1, record: s.record, refill: s.ended, lost: slices.Concat(s.passed, s.lost), only: -1}
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
	reason, until := p.waits(s, w.target)
	if reason.IsZero() {
		reason, until = p.lostWait(w, s) // for the unit that was to replace it, and may return
	}
	if !reason.IsZero() {
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
		if !known || !p.state.takes(i, w.filler.spec) {
			return // its node takes nothing now, and nobody else can
		}
		f.only = i
	}
	w.unsettled = true
	gap := Unplaced{App: w.app.id, Slot: s.slot, Generation: w.filler.number}
	if len(f.lost) > 0 {
		gap.Incumbent = f.lost[0].id(w.app)
	}
	reason, until := p.waits(s, w.filler)
	if reason.IsZero() {
		reason, until = p.lostWait(w, s)
	}
	if reason.IsZero() && p.mustEnd(w, s.leaving) {
		reason = units.Reason{Code: ReasonWaitsForStop, Message: s.leaving.id(w.app).String() + " has to end first"}
		f.waitFor = s.leaving
		w.fills = append(w.fills, f)
	}
	if reason.IsZero() {
		reason, until = p.singleWait(w, &f)
	}
	if reason.IsZero() {
		w.fills = append(w.fills, f)
		return
	}
	if until != forever {
		gap.UntilMs = until
		p.wake(until)
	}
	gap.Reason = reason
	w.moving++
	p.out.Unplaced = append(p.out.Unplaced, gap)
}

// lostWait returns why the units of a slot on lost nodes are not replaced yet, and until when.
func (p *planner) lostWait(w *work, s sorted) (reason units.Reason, until int64) {
	var last *unit
	for _, u := range s.lost {
		if at := p.replaceable(w.app, u, w.filler); at > until {
			last, until = u, at
		}
	}
	if last == nil {
		return units.Reason{}, 0
	}
	reason = units.Reason{Code: units.ReasonLostWaiting, Message: "waits until " + clockText(until, p.now) + ": " + string(p.state.names[last.node]) + ", where its unit is, is lost and may return"}
	if spec := w.app.spec(last.generation); spec != nil && spec.bound && until == p.mayRun(w.app, last) {
		reason = p.still(w, last, until)
	}
	return reason, until
}

// singleWait returns why a slot is not filled since another unit may still run, and until when. Of what may
// not run any more it notes what that relies on.
func (p *planner) singleWait(w *work, f *fill) (units.Reason, int64) {
	if !w.single() {
		if blocker, until := p.beside(w, f.slot); blocker != nil {
			return p.still(w, blocker, until), until
		}
		return units.Reason{}, 0
	}
	blocker, until, while := p.alone(w, nil)
	if blocker != nil {
		return p.still(w, blocker, until), until
	}
	f.while = while
	return p.restoredWait(w)
}

// mustEnd reports whether a slot waits for a unit that was told to stop. If its node is out of reach that
// may take for ever, so only an app that never has two at a time waits then. What a singleton waits for is
// said by singleWait.
func (p *planner) mustEnd(w *work, leaving *unit) bool {
	return leaving != nil && (w.filler.spec.stopFirst && !w.single() || p.state.nodes[leaving.node].standing == Ready)
}
