package placement

import (
	"math"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/planted"
)

// When may a unit still run? A node says so itself while it can be reached. Of one that cannot be, this is
// known:
//
//	its status is terminal                        no
//	bound, and its node has a later tenure        no: a guard claims none before all that was bound is gone
//	bound, and its node is lost                   until the lease can have been fresh, and its stop has passed
//	bound, and its node was forgotten             likewise, since when it was found gone
//	not bound, and its node is lost               for ever, as far as anybody knows
//	its node's loss was confirmed by a person     no
//	not bound, and its node was forgotten         no: that is a person's word as well
//	anything else                                 yes
//
// A unit whose generation cannot be read counts as not bound.

// forever is a cluster time that never comes: nobody can tell when.
const forever = math.MaxInt64

// mayRun returns the cluster time until which a unit may be running or about to, 0 if it is not.
func (p *planner) mayRun(a *app, u *unit) int64 {
	if !u.occupies() && !u.rumour {
		return 0
	}
	s, spec := p.state, a.spec(u.generation)
	bound, past := spec != nil && spec.bound, &s.pasts[u.node]
	if bound && s.passed(u) {
		return 0
	}
	switch s.nodes[u.node].standing {
	case LostNode:
		if past.confirmed {
			return 0
		}
	case Forgotten:
		if past.confirmed || !bound {
			return 0
		}
	default:
		return forever
	}
	if !bound {
		return forever
	}
	return p.after(past.lostAtMs, p.policy.BoundAfter+spec.replaceDelay)
}

// after returns the end of a wait, 0 if it has come.
func (p *planner) after(fromMs int64, wait time.Duration) int64 {
	if until := min(fromMs, forever-wait.Milliseconds()) + wait.Milliseconds(); until > p.now {
		return until
	}
	return 0
}

// passed reports whether the node has a later tenure than the unit's: what was bound to the earlier is gone.
func (s *State) passed(u *unit) bool {
	return u.tenure != 0 && u.tenure < s.nodes[u.node].tenure
}

// replaceable returns the cluster time from which a unit on a lost node may be replaced, 0 if that is now.
// An update does not wait for what it replaces to come back.
func (p *planner) replaceable(a *app, u *unit, by *generation) int64 {
	spec, past := a.spec(u.generation), &p.state.pasts[u.node]
	if spec == nil {
		spec = by.spec
	}
	if past.confirmed {
		return 0
	}
	var wait time.Duration
	if u.generation == by.number {
		wait = spec.lostAfter
	}
	if planted.On(planted.LostAfterForgotten) { // breaks: a machine that restarts loses what its app would have waited for
		wait = 0
	}
	if spec.bound {
		wait = max(wait, p.policy.BoundAfter) + spec.replaceDelay
	}
	return p.after(past.lostAtMs, wait)
}

// holding is what must stay as it is for what is believed of the units on a node.
func (s *State) holding(i int32) Holding {
	h := Holding{Node: s.names[i]}
	if s.pasts[i].alive {
		h.Tenure = s.nodes[i].tenure
	}
	return h
}

// alone looks whether a unit of a singleton may be started: no other unit of the app may run, in whichever
// slot and of whichever generation, except the one that will go. It returns the one that may for longest, and until when, and what the
// end of the others relies on.
func (p *planner) alone(w *work, except *unit) (blocker *unit, until int64, while []Holding) {
	for _, u := range w.app.inOrder(p.state.names) {
		switch end := p.mayRun(w.app, u); {
		case u == except:
		case end > until:
			blocker, until = u, end
		case end == 0 && (u.occupies() || u.rumour):
			while = append(while, p.state.holding(u.node))
		}
	}
	return blocker, until, while
}

// beside is alone for an app that is none any more: a unit of a time when it was one stays alone in its slot.
func (p *planner) beside(w *work, slot units.Slot) (blocker *unit, until int64) {
	for _, u := range w.app.inOrder(p.state.names) {
		if spec := w.app.spec(u.generation); u.slot == slot && spec != nil && spec.single {
			if end := p.mayRun(w.app, u); end > until {
				blocker, until = u, end
			}
		}
	}
	return blocker, until
}

// still says why a unit may still run.
func (p *planner) still(w *work, u *unit, until int64) units.Reason {
	s, id := p.state, u.id(w.app).String()
	on := id + " on " + string(s.names[u.node])
	r := units.Reason{Code: units.ReasonSingletonWaiting}
	switch standing := s.nodes[u.node].standing; {
	case until != forever:
		r.Message = "waits until " + clockText(until, p.now) + ": " + on + " may still run, though its node is " + standing.String()
	case standing == LostNode:
		r.Message = on + " may still run: its node is lost, and it is not bound to its node's tenure; if it is gone, nsched nodes confirm-lost"
	case standing == Ready && u.stage != kept:
		r.Code, r.Message = ReasonWaitsForStop, id+" has to end first"
	case u.stage == kept:
		r.Message = on + " may still run: its assignment cannot be read"
	default:
		r.Message = on + " may still run: " + s.why(u.node).Message
	}
	return r
}

// clockText is a cluster time for people; the day is left out where it is near.
func clockText(ms, now int64) string {
	format := "15:04:05 UTC"
	if ms-now > (12 * time.Hour).Milliseconds() {
		format = "2006-01-02 15:04:05 UTC"
	}
	return time.UnixMilli(ms).UTC().Format(format)
}
