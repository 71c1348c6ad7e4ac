package placement

import (
	"cmp"
	"slices"

	"github.com/nsched/nsched/units"
)

// fill gives nodes to all empty slots before any unit is replaced, so that no update takes the room of
// what is missing. Higher priorities go first; among equals a slot whose unit has just ended, so that
// nobody takes the room that an update has made for itself.
func (p *planner) fill(works []*work) {
	type job struct {
		w *work
		f *fill
	}
	var jobs []job
	for _, w := range works {
		for i := range w.fills {
			if w.fills[i].waitFor == nil {
				jobs = append(jobs, job{w, &w.fills[i]})
			}
		}
	}
	slices.SortStableFunc(jobs, func(a, b job) int {
		return cmp.Or(cmp.Compare(b.w.priority(), a.w.priority()), order(b.f.refill)-order(a.f.refill))
	})
	for _, j := range jobs {
		if i := p.seek(j.w, j.w.filler, j.f, -1); i >= 0 {
			p.evictFor(j.w, j.f)
			p.place(j.w, j.w.filler, j.f, i, units.Reason{Code: ReasonNewUnit, Message: "the slot was empty"})
			if j.w.filler == j.w.target {
				j.w.moving++
			}
			continue
		}
		p.refuse(j.w, j.w.filler, j.f, nil)
	}
}

func order(b bool) int {
	if b {
		return 1
	}
	return 0
}

// seek returns the best node for a slot, -1 if there is none. The unit on beside will go.
func (p *planner) seek(w *work, g *generation, f *fill, beside int32) int32 {
	s := p.state
	c := p.gather(w.app, g.spec)
	if f.only >= 0 {
		if s.eligible(g).has(f.only) && s.takes(f.only, g.spec) && s.lacks(c, f.only).ok() {
			return f.only
		}
		return -1
	}
	if p.full[g] {
		return -1
	}
	at := seat{hash: hashUnit(p.unitID(w, g, f)), home: -1, beside: beside}
	if i, known := s.nodeByName[f.record.LastNode]; known {
		at.home = i
		at.failed = f.record.Failures > 0 && f.record.Generation == g.number
	}
	if beside >= 0 && !at.failed {
		at.home = beside
	}
	s.rank(&p.ranking, c, g, p.policy.algorithm(g.spec), w.count)
	i := s.best(&p.ranking, at)
	p.full[g] = i < 0
	return i
}

func (p *planner) unitID(w *work, g *generation, f *fill) units.UnitID {
	return units.UnitID{Namespace: w.app.id.Namespace, App: w.app.id.Name, Slot: f.slot, Generation: g.number, Attempt: f.attempt}
}

// evictedAtOnce is how many units of a slot are told to stop in one transaction with what replaces them. More than one
// or two are a hand's, and what it takes to compare must fit.
const evictedAtOnce = 8

// evictFor tells the lost units of a slot to stop, in one group with what replaces them: as long as
// nothing can, they may still come back. One that may come back and stay beside its replacement is not told
// anything. The rest of many is told with the next plan, as the slot has another unit then.
func (p *planner) evictFor(w *work, f *fill) {
	told := 0
	for _, u := range f.lost {
		at := p.state.holding(u.node)
		if !slices.Contains(f.while, at) {
			f.while = append(f.while, at)
		}
		if told == evictedAtOnce || p.mayStay(w, u) {
			continue
		}
		told++
		if f.group == 0 {
			p.groups++
			f.group = p.groups
		}
		action := p.stopAction(w.app, u, units.ReasonEvicted, "its node is lost")
		if p.over(w.app, u) {
			action.Reason = units.Reason{Code: units.ReasonTenureOver, Message: "it was bound to an earlier tenure of its node"}
		}
		action.Kind, action.Group, action.While = KindEvict, f.group, []Holding{at}
		p.act(action)
	}
}

// place assigns the slot's next attempt to a node that has room.
func (p *planner) place(w *work, g *generation, f *fill, i int32, reason units.Reason) {
	s := p.state
	id := p.unitID(w, g, f)
	keys, ok := s.ports[i].choose(g.spec.ports, mix(hashUnit(id), s.nodes[i].hash))
	if !ok {
		panic("placement: lacks and choose disagree on the ports of " + id.String())
	}
	a := units.Assignment{Desired: units.DesiredRun, Tenure: s.nodes[i].tenure, Term: p.term}
	if len(keys) > 0 {
		a.Ports = make(map[string]uint16, len(keys))
		for k, key := range keys {
			a.Ports[g.spec.ports[k].name] = key.port()
		}
	}
	slices.Sort(keys)
	s.join(p.gather(w.app, g.spec), i, 1)
	p.placed[w.app] = append(p.placed[w.app], i)
	p.bookOn(i, charge{room: g.spec.need, ports: keys})
	if g.spec.shares {
		p.ranking.crowd = nil // other nodes have the value too
	}
	p.act(Action{Kind: KindPlace, Group: f.group, Node: s.names[i], Unit: id, Assignment: a, Reason: reason, While: f.while})
}
