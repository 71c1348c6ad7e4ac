package placement

import "github.com/nsched/nsched/units"

// sorted is a slot's units by what can be done with them.
type sorted struct {
	slot    units.Slot
	record  units.SlotRecord
	attempt units.Attempt // the highest ever given out
	alive   []*unit       // run or will run, on nodes that are not lost
	lost    []*unit       // would, on lost nodes
	passed  []*unit       // would, in a tenure that is over and to which they were bound
	leaving *unit         // told to stop, or an orphan, on a node that is not lost
	kept    bool          // one cannot be read
	ended   bool          // one is over
}

// sort looks at each unit of a slot. It deletes what is over and answers orphans, for that needs no
// decision. In an app whose intent is silent only what was told to stop before is deleted.
func (p *planner) sort(a *app, slot units.Slot, group []*unit, silent bool) sorted {
	s := sorted{slot: slot, record: a.slots[slot]}
	s.attempt = max(0, s.record.Attempt)
	for _, u := range group {
		s.attempt = max(s.attempt, u.attempt)
	}
	var ended, forgotten []*unit
	for _, u := range group {
		standing := p.state.nodes[u.node].standing
		switch {
		case u.stage == trace:
		case u.stage == over:
			if !silent || u.assignment.Desired == units.DesiredStop {
				ended = append(ended, u)
			}
		case standing == Forgotten:
			if until := p.mayRun(a, u); until > 0 {
				p.wake(until) // till then its assignment is all that tells of it
			} else if u.stage != orphan {
				forgotten = append(forgotten, u)
			}
		case u.stage == kept:
			s.kept = true
			p.hold(a, u, u.problem)
		case u.stage == orphan:
			p.answer(a, u)
			if !p.over(a, u) {
				s.leaving = u
			}
		case p.over(a, u):
			if u.stage == live {
				s.passed = append(s.passed, u)
			}
		case u.stage == stopping && standing == LostNode:
		case u.stage == stopping:
			s.leaving = u
		case standing == LostNode:
			s.lost = append(s.lost, u)
		default:
			s.alive = append(s.alive, u)
			if standing == Unknown || standing == Frozen {
				p.hold(a, u, p.state.why(u.node))
			}
		}
	}
	for _, u := range ended {
		s.record = p.book(s.record, a, u)
	}
	s.record.Attempt = s.attempt
	for _, u := range ended {
		p.delete(a, u, s.record, ReasonEnded, "its node says so")
		s.ended = true
	}
	for _, u := range forgotten {
		p.delete(a, u, s.record, ReasonNodeForgotten, "its node was taken out of the registry")
	}
	return s
}

// over reports whether a unit was bound to a tenure that is over. Its node says so as well, when it comes to
// it.
func (p *planner) over(a *app, u *unit) bool {
	if !p.state.passed(u) {
		return false
	}
	spec := a.spec(u.generation)
	return spec != nil && spec.bound
}

// answer tells an orphan to stop. An app that is known but whose intent cannot be read gets no answer.
func (p *planner) answer(a *app, u *unit) {
	n := &p.state.nodes[u.node]
	if !a.problem.IsZero() || n.standing != Ready && n.standing != AgentDown {
		return
	}
	action := p.stopAction(a, u, units.ReasonOrphan, "it runs and the registry does not know it")
	action.Assignment = units.Assignment{Desired: units.DesiredStop, Tenure: n.tenure, Term: p.term}
	p.act(action)
}

func (s *State) why(i int32) units.Reason {
	if why := s.whys[i]; !why.IsZero() {
		return why
	}
	if s.nodes[i].standing == Frozen {
		return units.Reason{Code: units.ReasonEvictionsFrozen, Message: "too many nodes are lost at once"}
	}
	return units.Reason{Code: units.ReasonNodeLost, Message: "nobody knows yet whether its node is lost"}
}

func (p *planner) stopAll(a *app, s sorted, code, message string) {
	for _, list := range [][]*unit{s.alive, s.lost, s.passed} {
		for _, u := range list {
			p.stop(a, u, code, message)
		}
	}
}
