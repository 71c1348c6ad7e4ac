package placement

import (
	"cmp"
	"math"
	"slices"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/planted"
)

// unitKey is a unit of one app on one node: the key of an assignment.
type unitKey struct {
	node       int32
	slot       units.Slot
	generation units.Generation
	attempt    units.Attempt
}

// stage is where a unit stands for the planner.
//
//	live -> stopping -> over -> trace
type stage uint8

const (
	trace    stage = iota // a status and nothing more: it counts for the attempt
	live                  // assigned, not told to stop, not over
	stopping              // told to stop, not over
	over                  // its node has said that it ended
	orphan                // runs without an assignment
	kept                  // its assignment cannot be read
)

// unit is what planning needs of a Unit.
type unit struct {
	unitKey
	order      int // of the slot among the app's, before its text
	stage      stage
	assignment units.Assignment
	modRev     int64
	statusRev  int64
	state      units.State // "" unless the status is about this assignment
	result     units.Result
	why        units.Reason // as the status says
	healthyMs  int64
	problem    units.Reason
	charge     charge
	// tenure is the one that it was assigned in, or, without an assignment, that of its status; 0 if nobody
	// knows. told is that of the status.
	tenure, told int64
	// rumour: a status says, or may say, that it runs, and nothing that it was ever assigned.
	rumour bool
}

// PutUnit adds or replaces a unit.
func (s *State) PutUnit(u Unit) {
	a := s.app(u.ID.AppID())
	i := s.nodeIndex(u.Node)
	key := unitKey{i, u.ID.Slot, u.ID.Generation, u.ID.Attempt}
	was := a.units[key]
	if was == nil {
		was = &unit{unitKey: key, order: slotOrder(key.slot)}
		a.units[key] = was
		a.sorted = nil
	}
	s.discharge(was)
	*was = unit{
		unitKey: key, order: was.order, stage: stageOf(u), assignment: u.Assignment, modRev: u.ModRev, statusRev: u.StatusRev,
		why: u.Status.Reason, result: u.Status.Result, healthyMs: u.Status.HealthyForMs, problem: u.Problem,
		tenure: u.Assignment.Tenure, told: u.Status.Tenure,
	}
	if !u.Problem.IsZero() {
		was.tenure = 0
	}
	if u.CreateRev == 0 {
		was.tenure, was.rumour = was.told, u.StatusRev != 0 && !u.Status.State.Terminal()
	}
	if u.answered() {
		was.state = u.Status.State
	}
	s.recharge(a, was)
}

// RemoveUnit removes a unit of which neither an assignment nor a status is left.
func (s *State) RemoveUnit(node units.NodeName, id units.UnitID) {
	a, known := s.apps[id.AppID()]
	if !known {
		return
	}
	key := unitKey{s.nodeIndex(node), id.Slot, id.Generation, id.Attempt}
	if u := a.units[key]; u != nil {
		s.discharge(u)
		delete(a.units, key)
		a.sorted = nil
	}
}

// slotOrder makes units.CompareSlots cheap: indices by number, all else after them.
func slotOrder(s units.Slot) int {
	if i, isIndex := s.Index(); isIndex {
		return i
	}
	return math.MaxInt
}

// answered reports whether the status is about this life of the assignment.
func (u Unit) answered() bool {
	if planted.On(planted.OldStatusBelieved) { // breaks: the end of an earlier life frees what the present one holds
		return u.CreateRev != 0 && u.StatusRev != 0
	}
	return u.CreateRev != 0 && u.StatusRev != 0 && u.Status.Assignment == u.CreateRev
}

func stageOf(u Unit) stage {
	switch {
	case u.CreateRev == 0 && u.StatusRev != 0 && u.Status.Orphan && !u.Status.State.Terminal():
		return orphan
	case u.CreateRev == 0:
		return trace
	case !u.Problem.IsZero():
		return kept
	case u.answered() && u.Status.State.Terminal():
		return over
	case u.Assignment.Desired == units.DesiredStop:
		return stopping
	}
	return live
}

// occupies reports whether the unit may be running, or about to.
func (u *unit) occupies() bool { return u.stage != trace && u.stage != over }

func (s *State) discharge(u *unit) {
	s.release(u.node, u.charge)
	u.charge = charge{}
}

// recharge books what a unit takes. A generation that cannot be read takes only the ports that its
// assignment names.
func (s *State) recharge(a *app, u *unit) {
	if !u.occupies() {
		return
	}
	spec := a.spec(u.generation)
	if spec != nil {
		u.charge.room = spec.need
		for _, ask := range spec.ports {
			if ask.port != 0 {
				u.charge.ports = append(u.charge.ports, keyOf(ask.protocol, ask.port))
			}
		}
	}
	u.charge.ports = append(u.charge.ports, assignedPorts(spec, u.assignment.Ports)...)
	slices.Sort(u.charge.ports)
	u.charge.ports = slices.Compact(u.charge.ports)
	s.take(u.node, u.charge)
}

// assignedPorts returns the ports of an assignment; of both protocols where the app does not say which.
func assignedPorts(spec *Spec, ports map[string]uint16) []portKey {
	keys := make([]portKey, 0, len(ports))
	for name, port := range ports { // order-free: the ports are taken as a set
		i := -1
		if spec != nil {
			i = slices.IndexFunc(spec.ports, func(a ask) bool { return a.name == name })
		}
		if i >= 0 {
			keys = append(keys, keyOf(spec.ports[i].protocol, port))
			continue
		}
		keys = append(keys, keyOf(tcp, port), keyOf(udp, port))
	}
	return keys
}

// id returns the unit's identity.
func (u *unit) id(a *app) units.UnitID {
	return units.UnitID{Namespace: a.id.Namespace, App: a.id.Name, Slot: u.slot, Generation: u.generation, Attempt: u.attempt}
}

// fresh reports whether what is known of the unit was said in its node's present tenure, and not before
// the node was out of reach.
func (u *unit) fresh(nodes []node) bool {
	return max(u.told, u.assignment.Tenure) >= nodes[u.node].tenure
}

// better orders units of one slot: the one to keep comes first. One that is ready, on a node that can
// be reached, for the longest time.
func better(spec func(units.Generation) *Spec, nodes []node) func(a, b *unit) int {
	rank := func(u *unit) int {
		r := 0
		if s := spec(u.generation); s != nil && s.Ready(u.state) {
			r += 2
			if u.fresh(nodes) {
				r += 2
			}
		}
		if nodes[u.node].standing == Ready {
			r++
		}
		return r
	}
	return func(a, b *unit) int {
		return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(a.attempt, b.attempt))
	}
}
