package placement

import (
	"cmp"
	"slices"

	"github.com/nsched/nsched/units"
)

// Plan makes a plan of a snapshot. It is pure: equal snapshots, in whatever order their slices are,
// make equal plans.
func Plan(s Snapshot, policy Policy) Outcome {
	return NewState(s).Plan(s.NowMs, s.Term, policy)
}

// Plan makes a plan of the state as it is at a cluster time. The state stays as it was.
func (s *State) Plan(nowMs, term int64, policy Policy) Outcome {
	p := &planner{state: s, policy: policy, now: nowMs, term: term, placed: make(map[*app][]int32), full: make(map[*generation]bool)}
	works := make([]*work, 0, len(s.apps))
	for _, a := range s.inOrder() {
		works = append(works, p.reconcile(a))
	}
	slices.SortStableFunc(works, func(a, b *work) int { return cmp.Compare(b.priority(), a.priority()) })
	p.reserve(works)
	p.fill(works)
	for _, w := range works {
		p.update(w)
		p.settle(w)
	}
	p.explain()
	p.rollback()
	return p.out
}

// planner is one pass over the state. What it gives away it books in the state, so that nothing is
// given twice, and takes back at the end.
type planner struct {
	state    *State
	policy   Policy
	now      int64
	term     int64
	crowd    crowd
	ranking  ranking
	bookings []booking
	placed   map[*app][]int32
	full     map[*generation]bool // no node has room for one more, until the end of the plan
	groups   int
	refused  []refusal
	out      Outcome
}

type booking struct {
	node   int32
	charge charge
}

func (p *planner) bookOn(i int32, c charge) {
	p.state.take(i, c)
	p.bookings = append(p.bookings, booking{i, c})
	p.state.refresh(&p.ranking, i)
}

func (p *planner) rollback() {
	for _, b := range slices.Backward(p.bookings) {
		p.state.release(b.node, b.charge)
	}
}

// gather counts where the units of an app are, those placed by this plan included.
func (p *planner) gather(a *app, spec *Spec) *crowd {
	c, s := &p.crowd, p.state
	if c.of == a && c.spec == spec {
		return c
	}
	p.ranking.crowd = nil
	for _, i := range c.touched {
		c.on[i] = 0
	}
	if len(c.on) < len(s.nodes) {
		c.on = make([]int32, len(s.nodes))
	}
	c.of, c.spec, c.touched = a, spec, c.touched[:0]
	c.shared = make([]map[string]int32, len(spec.distinct))
	for i := range c.shared {
		c.shared[i] = make(map[string]int32)
	}
	for _, u := range a.inOrder(s.names) {
		if u.occupies() && !s.nodes[u.node].standing.gone() {
			s.join(c, u.node, 1)
		}
	}
	for _, i := range p.placed[a] {
		s.join(c, i, 1)
	}
	return c
}

func (p *planner) act(a Action) { p.out.Actions = append(p.out.Actions, a) }

// stop tells a unit to stop.
func (p *planner) stop(a *app, u *unit, code, message string) {
	p.act(p.stopAction(a, u, code, message))
}

// stopWhile tells one to stop that is out of reach, as long as it is.
func (p *planner) stopWhile(a *app, u *unit, code, message string) {
	action := p.stopAction(a, u, code, message)
	action.While = []Holding{p.state.holding(u.node)}
	p.act(action)
}

func (p *planner) stopAction(a *app, u *unit, code, message string) Action {
	told := u.assignment
	told.Desired = told.Desired.Merge(units.DesiredStop)
	return Action{
		Kind: KindStop, Node: p.state.names[u.node], Unit: u.id(a), Assignment: told, ModRev: u.modRev,
		Reason: units.Reason{Code: code, Message: message},
	}
}

// delete removes an assignment that is over, and remembers what its slot needs.
func (p *planner) delete(a *app, u *unit, record units.SlotRecord, code, message string) {
	p.act(Action{
		Kind: KindDelete, Node: p.state.names[u.node], Unit: u.id(a), ModRev: u.modRev, StatusRev: u.statusRev, Record: record,
		Reason: units.Reason{Code: code, Message: message},
	})
}

func (p *planner) hold(a *app, u *unit, reason units.Reason) {
	p.out.Held = append(p.out.Held, Held{Node: p.state.names[u.node], Unit: u.id(a), Reason: reason})
}

// wake asks for another plan at a cluster time.
func (p *planner) wake(at int64) {
	if at > p.now && (p.out.WakeMs == 0 || at < p.out.WakeMs) {
		p.out.WakeMs = at
	}
}
