package placement

import (
	"iter"
	"slices"
	"strconv"

	"github.com/nsched/nsched/units"
)

// work is what one app needs.
type work struct {
	app    *app
	target *generation // what the intent asks for; nil: leave everything as it is
	filler *generation // what empty slots get: the target, or what is served while the app is paused
	count  int         // slots

	fills   []fill
	updates []update
	// moving counts the slots on their way to the target: no further one begins while there are
	// as many as may be at once.
	moving int
	// unsettled: a slot has no unit of the target that is ready. older: a slot has one of another.
	unsettled, older bool
	// claimed counts the slots that have units, or had.
	claimed int
}

// fill is a slot without a unit.
type fill struct {
	slot    units.Slot
	attempt units.Attempt // to be given out next
	record  units.SlotRecord
	refill  bool    // a unit of the slot has just ended, so room for it was there
	waitFor *unit   // has to end first
	lost    []*unit // on lost nodes, or bound to an earlier tenure: evicted for it, unless they may come back
	while   []Holding
	group   int   // of the plan's, for those that are evicted; 0 is none
	only    int32 // the one node it may be on; -1: any
}

// update is a slot whose unit is of another generation.
type update struct {
	fill
	old   *unit
	ready bool
}

// single reports whether what is placed may not run beside any other unit of the app.
func (w *work) single() bool { return w.target.spec.single || w.filler.spec.single }

func (w *work) priority() int {
	if w.target == nil {
		return 0
	}
	return w.target.spec.priority
}

// reconcile compares what an app has with what it should have. What needs no room is decided here.
func (p *planner) reconcile(a *app) *work {
	w := &work{app: a}
	silent := a.noIntent || !a.problem.IsZero()
	if !silent && !a.intent.Stopped {
		p.aim(w)
	}
	wanted := p.wanted(w)
	for group := range bySlot(a.inOrder(p.state.names)) {
		slot := group[0].slot
		switch sort := p.sort(a, slot, group, silent); {
		case w.target != nil && wanted.take(slot):
			w.claimed++
			p.wantedSlot(w, sort)
		case w.target != nil:
			p.stopAll(a, sort, units.ReasonScaledDown, "the app has no such slot any more")
		case a.intent.Stopped && !silent:
			p.stopAll(a, sort, units.ReasonAppStopped, "the app is stopped")
		}
	}
	for _, slot := range wanted.rest() {
		record := a.slots[slot]
		w.claimed++
		p.emptySlot(w, sorted{slot: slot, record: record, attempt: max(0, record.Attempt)})
	}
	bySlotOrder := func(a, b fill) int { return units.CompareSlots(a.slot, b.slot) }
	if !slices.IsSortedFunc(w.fills, bySlotOrder) {
		slices.SortFunc(w.fills, bySlotOrder)
	}
	if w.target != nil && w.target.spec.kind == units.TypeSystem && w.claimed == 0 {
		w.unsettled = true
		p.refuse(w, w.filler, &fill{only: -1}, nil)
	}
	return w
}

// bySlot yields the units of one slot after the other.
func bySlot(list []*unit) iter.Seq[[]*unit] {
	return func(yield func([]*unit) bool) {
		for len(list) > 0 {
			n := 1
			for n < len(list) && list[n].slot == list[0].slot {
				n++
			}
			if !yield(list[:n]) {
				return
			}
			list = list[n:]
		}
	}
}

// aim finds the generations to work with. Without a readable target nothing is placed and nothing is
// stopped.
func (p *planner) aim(w *work) {
	a, number := w.app, w.app.intent.Generation
	target := a.generations[number]
	if target == nil || target.spec == nil {
		reason := units.Reason{Code: units.ReasonInvalidApp, Message: "generation " + strconv.FormatInt(int64(number), 10) + " is not stored"}
		if target != nil && !target.problem.IsZero() {
			reason = target.problem
		}
		p.out.Unplaced = append(p.out.Unplaced, Unplaced{App: a.id, Generation: number, Reason: reason})
		return
	}
	if !target.refused.IsZero() {
		p.out.Unplaced = append(p.out.Unplaced, Unplaced{App: a.id, Generation: number, Reason: target.refused})
		return
	}
	if n := a.intent.Count; n < 0 || n > units.CountLimit {
		// No command wrote that: like what cannot be read it changes nothing.
		p.out.Unplaced = append(p.out.Unplaced, Unplaced{App: a.id, Generation: number, Reason: units.Reason{
			Code: units.ReasonInvalidApp, Message: "its count is " + strconv.Itoa(n) + ", and may be from 0 to " + strconv.Itoa(units.CountLimit),
		}})
		return
	}
	w.target, w.filler, w.count = target, target, a.intent.Count
	if target.spec.single {
		w.count = min(w.count, 1) // whoever wrote more did not ask nsched
	}
	if !a.intent.Paused {
		return
	}
	for _, r := range a.rollouts {
		if served := a.generations[r.Record.Serving]; r.Generation == number && r.Record.Phase == units.PhaseRolling && served != nil && served.spec != nil {
			w.filler = served
		}
	}
}

// wishes are the slots that an app should have and nobody has claimed yet.
type wishes struct {
	indices []bool
	nodes   map[units.Slot]bool
}

func (p *planner) wanted(w *work) wishes {
	if w.target == nil {
		return wishes{}
	}
	if w.target.spec.kind != units.TypeSystem {
		return wishes{indices: make([]bool, w.count)}
	}
	// A node that is closed keeps the unit it has and gets none: take finds it, rest does not.
	fit := p.state.eligible(w.target)
	nodes := make(map[units.Slot]bool)
	for i := range p.state.nodes {
		if fit.has(int32(i)) || p.state.nodes[i].class < 0 {
			nodes[units.Slot(p.state.names[i])] = p.state.takes(int32(i), w.target.spec)
		}
	}
	w.count = len(nodes)
	return wishes{nodes: nodes}
}

func (w *wishes) take(slot units.Slot) bool {
	if w.nodes != nil {
		_, wanted := w.nodes[slot]
		delete(w.nodes, slot)
		return wanted
	}
	i, isIndex := slot.Index()
	if !isIndex || i >= len(w.indices) {
		return false
	}
	w.indices[i] = true
	return true
}

func (w *wishes) rest() []units.Slot {
	var left []units.Slot
	for i, taken := range w.indices {
		if !taken {
			left = append(left, units.IndexSlot(i))
		}
	}
	for slot, open := range w.nodes { // order-free: it is sorted below
		if open {
			left = append(left, slot)
		}
	}
	if w.nodes != nil {
		slices.SortFunc(left, units.CompareSlots)
	}
	return left
}
