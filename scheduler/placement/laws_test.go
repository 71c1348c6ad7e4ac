package placement_test

import (
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

// judge is a test of testing or of rapid.
type judge interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// checkPlan asserts what holds of every plan of every snapshot.
func checkPlan(t judge, s placement.Snapshot, o placement.Outcome, policy placement.Policy) {
	t.Helper()
	after := placement.Apply(s, o)
	if again := placement.Plan(after, policy); len(again.Actions) != 0 {
		t.Errorf("a plan of an applied plan does %v", again.Actions)
	}
	checkNamespaces(t, s, o)
	checkRoom(t, after, o)
	checkAttempts(t, s, o)
	checkStopFirst(t, s, o)
	checkAlone(t, s, o)
	checkLostAfter(t, s, o)
	checkHoldings(t, s, o)
	checkOneByOne(t, s, o)
	checkWords(t, o)
}

func nodesOf(s placement.Snapshot) map[units.NodeName]placement.Node {
	nodes := make(map[units.NodeName]placement.Node)
	for _, n := range s.Nodes {
		nodes[n.Name] = n
	}
	return nodes
}

func checkNamespaces(t judge, s placement.Snapshot, o placement.Outcome) {
	t.Helper()
	nodes := nodesOf(s)
	for _, a := range o.Actions {
		if a.Kind != placement.KindPlace {
			continue
		}
		n, known := nodes[a.Node]
		if !known || n.Standing != placement.Ready || n.Cordon || n.Drain || !n.Problem.IsZero() {
			t.Errorf("placed %s on %s, which takes nothing", a.Unit, a.Node)
		}
		if admitted := n.Record.Namespaces; len(admitted) > 0 && !slices.Contains(admitted, a.Unit.Namespace) {
			t.Errorf("placed %s on %s, which does not admit its namespace", a.Unit, a.Node)
		}
	}
}

// documents are the apps that tests made specs of; a Spec does not tell what is in it.
var documents = map[*placement.Spec]units.App{}

func document(s placement.Snapshot, id units.UnitID) (units.App, bool) {
	for _, a := range s.Apps {
		if a.ID != id.AppID() {
			continue
		}
		for _, g := range a.Generations {
			if g.Number == id.Generation && g.Spec != nil {
				doc, known := documents[g.Spec]
				return doc, known
			}
		}
	}
	return units.App{}, false
}

func holds(u placement.Unit) bool {
	if u.CreateRev == 0 {
		return u.Status.Orphan && !u.Status.State.Terminal()
	}
	over := u.StatusRev != 0 && u.Status.Assignment == u.CreateRev && u.Status.State.Terminal()
	return !over || !u.Problem.IsZero()
}

// checkRoom counts anew, in its own way, what is taken on every node that the plan placed something on.
func checkRoom(t judge, after placement.Snapshot, o placement.Outcome) {
	t.Helper()
	placed := make(map[units.NodeName]bool)
	for _, a := range o.Actions {
		placed[a.Node] = placed[a.Node] || a.Kind == placement.KindPlace
	}
	type port struct {
		node     units.NodeName
		protocol units.Protocol
		port     uint16
	}
	used, listening := make(map[units.NodeName]units.Resources), make(map[port]string)
	nodes := nodesOf(after)
	for _, u := range after.Units {
		doc, known := document(after, u.ID)
		if !placed[u.Node] || !holds(u) || !known {
			continue
		}
		sum := used[u.Node]
		sum.CPU, sum.Memory, sum.Disk = sum.CPU+doc.Resources.CPU, sum.Memory+doc.Resources.Memory, sum.Disk+doc.Resources.Disk
		used[u.Node] = sum
		for _, p := range doc.Ports {
			number, given := u.Assignment.Ports[p.Name]
			if !given {
				continue
			}
			key := port{u.Node, p.Protocol, number}
			if other, taken := listening[key]; taken {
				t.Errorf("%s and %s both have %d/%s on %s", other, u.ID, number, p.Protocol, u.Node)
			}
			listening[key] = u.ID.String()
			for _, r := range nodes[u.Node].Record.ReservedPorts {
				if r.First <= number && number <= r.Last {
					t.Errorf("%s has port %d, which %s keeps", u.ID, number, u.Node)
				}
			}
		}
	}
	for name, sum := range used {
		c := nodes[name].Record.Capacity
		if int64(sum.CPU) > c.CPUMilli || int64(sum.Memory) > c.MemoryBytes || int64(sum.Disk) > c.DiskBytes {
			t.Errorf("%s has %+v and gave away %+v", name, c, sum)
		}
	}
}

// checkAttempts asserts that no attempt is given out twice, and that deleting one remembers it.
func checkAttempts(t judge, s placement.Snapshot, o placement.Outcome) {
	t.Helper()
	type slot struct {
		app  units.AppID
		slot units.Slot
	}
	highest := make(map[slot]units.Attempt)
	for _, a := range s.Apps {
		for _, r := range a.Slots {
			highest[slot{a.ID, r.Slot}] = r.Record.Attempt
		}
	}
	for _, u := range s.Units {
		k := slot{u.ID.AppID(), u.ID.Slot}
		highest[k] = max(highest[k], u.ID.Attempt)
	}
	before := maps.Clone(highest)
	for _, a := range o.Actions {
		k := slot{a.Unit.AppID(), a.Unit.Slot}
		switch a.Kind {
		case placement.KindPlace:
			if a.Unit.Attempt != highest[k]+1 {
				t.Errorf("placed %s after attempt %d", a.Unit, highest[k])
			}
			highest[k] = a.Unit.Attempt
		case placement.KindDelete:
			if a.Record.Attempt != before[k] {
				t.Errorf("deleted %s and wrote attempt %d, not %d", a.Unit, a.Record.Attempt, before[k])
			}
		}
	}
}

func checkWords(t judge, o placement.Outcome) {
	t.Helper()
	for _, a := range o.Actions {
		if a.Reason.Code == "" || a.Reason.Message == "" {
			t.Errorf("%s %s has no reason", a.Kind, a.Unit)
		}
	}
	for _, u := range o.Unplaced {
		if u.Reason.Code == "" {
			t.Errorf("%s:%s is not placed for no reason", u.App, u.Slot)
		}
	}
}

// checkSame asserts that two outcomes are equal.
func checkSame(t judge, what string, a, b placement.Outcome) {
	t.Helper()
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("%s (-one +other):\n%s", what, diff)
	}
}

// passed reports whether a unit was bound to a tenure that its node has not any more.
func passed(s placement.Snapshot, u placement.Unit) bool {
	tenure := u.Assignment.Tenure
	if u.CreateRev == 0 {
		tenure = u.Status.Tenure
	}
	doc, known := document(s, u.ID)
	return known && doc.Bound() && tenure != 0 && tenure < nodesOf(s)[u.Node].Tenure
}

// checkStopFirst asserts that an app that stops first gets no unit beside one of the same slot that may run.
func checkStopFirst(t judge, s placement.Snapshot, o placement.Outcome) {
	t.Helper()
	nodes := nodesOf(s)
	for _, a := range o.Actions {
		doc, known := document(s, a.Unit)
		if a.Kind != placement.KindPlace || !known || doc.Update.Order != units.OrderStopFirst {
			continue
		}
		for _, u := range s.Units {
			standing := nodes[u.Node].Standing
			if u.ID.AppID() == a.Unit.AppID() && u.ID.Slot == a.Unit.Slot && holds(u) && !passed(s, u) && standing != placement.LostNode && standing != placement.Forgotten {
				t.Errorf("placed %s beside %s", a.Unit, u.ID)
			}
		}
	}
}

// checkOneByOne asserts that no plan takes more ready units of another generation out of service than the
// app allows at a time, and those only for want of room; and that what replaces them was not begun while
// as many were on their way.
func checkOneByOne(t judge, s placement.Snapshot, o placement.Outcome) {
	t.Helper()
	for _, a := range s.Apps {
		target := units.UnitID{Namespace: a.ID.Namespace, App: a.ID.Name, Generation: a.Intent.Generation}
		doc, known := document(s, target)
		if !known {
			continue
		}
		began := 0
		for _, action := range o.Actions {
			if action.Unit.AppID() != a.ID {
				continue
			}
			makesRoom := action.Kind == placement.KindStop && action.Reason == units.Reason{Code: units.ReasonReplaced, Message: "makes room for its replacement"}
			replaces := action.Kind == placement.KindPlace && action.Reason.Code == units.ReasonReplaced
			if makesRoom || replaces {
				began++
			}
		}
		if began == 0 {
			continue
		}
		moving := 0
		for _, u := range s.Units {
			spec := a.Generations[slices.IndexFunc(a.Generations, func(g placement.Generation) bool { return g.Number == target.Generation })].Spec
			ready := u.Status.Assignment == u.CreateRev && spec.Ready(u.Status.State)
			if u.ID.AppID() == a.ID && u.ID.Generation == target.Generation && holds(u) && u.CreateRev != 0 && u.Problem.IsZero() &&
				u.Assignment.Desired == units.DesiredRun && !ready && nodesOf(s)[u.Node].Standing == placement.Ready && !stops(o, u) &&
				doc.Type != units.TypeSystem && inCount(u.ID.Slot, a.Intent.Count) && !readyElsewhere(s, u, spec) {
				moving++
			}
		}
		if began > 0 && began+moving > max(1, doc.Update.MaxParallel) && moving > 0 {
			t.Errorf("%s begins %d updates while %d are on their way and %d may be", a.ID, began, moving, doc.Update.MaxParallel)
		}
		if began > max(1, doc.Update.MaxParallel) {
			t.Errorf("%s begins %d updates at once", a.ID, began)
		}
	}
}

func inCount(slot units.Slot, count int) bool {
	i, isIndex := slot.Index()
	return isIndex && i < count
}

func stops(o placement.Outcome, u placement.Unit) bool {
	return slices.ContainsFunc(o.Actions, func(a placement.Action) bool { return a.Unit == u.ID && a.Node == u.Node })
}

func readyElsewhere(s placement.Snapshot, u placement.Unit, spec *placement.Spec) bool {
	return slices.ContainsFunc(s.Units, func(v placement.Unit) bool {
		return (v.ID != u.ID || v.Node != u.Node) && v.ID.AppID() == u.ID.AppID() && v.ID.Slot == u.ID.Slot && holds(v) &&
			(!v.Problem.IsZero() || v.ID.Generation == u.ID.Generation && v.Status.Assignment == v.CreateRev && spec.Ready(v.Status.State))
	})
}
