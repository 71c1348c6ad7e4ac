package placement_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

// TestHistoriesObeyTheLaws lets apps, nodes and units do what they like for a while, with every plan
// written or lost, and then leaves the cluster in peace: it comes to rest with every slot filled or a true
// reason. A State that was changed step by step makes the same plans as one made anew.
func TestHistoriesObeyTheLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		for i := range rapid.IntRange(1, 4).Draw(t, "nodes") {
			n := drawNode(t, i)
			n.Standing, n.Cordon, n.Drain, n.Problem = placement.Ready, false, false, units.Reason{}
			w.Nodes = append(w.Nodes, n)
		}
		follower := newFollower(w)
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			disturb(t, w)
			follower.follow(w)
			before := w.Clone()
			o := placement.Plan(w.Snapshot, w.policy)
			checkPlan(t, before, o, w.policy)
			checkSame(t, "a state kept up to date", o, follower.Plan(w.NowMs, w.Term, w.policy))
			if rapid.IntRange(0, 4).Draw(t, "lost write") > 0 {
				w.plan()
			}
		}
		for i := range w.Nodes {
			w.Nodes[i].Standing, w.Nodes[i].Alive, w.Nodes[i].Cordon = placement.Ready, true, false
			w.Nodes[i].Tenure = w.next()
		}
		w.NowMs += 1 << 40
		o := w.converge(t)
		checkUnplaced(t, w, o)
		checkRest(t, w, o)
	})
}

// disturb lets one thing happen.
func disturb(t *rapid.T, w *world) {
	id := rapid.SampledFrom(appNames).Draw(t, "app")
	ns, name := id[:len(id)-2], id[len(id)-1:]
	a := w.app(units.AppID{Namespace: units.Namespace(ns), Name: units.AppName(name)})
	w.NowMs += rapid.SampledFrom([]int64{0, 1000, 40_000}).Draw(t, "time")
	switch what := rapid.IntRange(0, 9).Draw(t, "event"); what {
	case 0, 1:
		w.submit(rapid.IntRange(0, 4).Draw(t, "count"), drawApp(t, id))
	case 2:
		a.Intent.Count = rapid.IntRange(0, 4).Draw(t, "count")
	case 3:
		if n := len(a.Generations); n > 0 {
			a.Intent.Generation = units.Generation(rapid.IntRange(1, n).Draw(t, "target"))
		}
	case 4:
		a.Intent.Stopped = rapid.Bool().Draw(t, "stopped")
	case 5:
		n := &w.Nodes[rapid.IntRange(0, len(w.Nodes)-1).Draw(t, "node")]
		before := n.Standing
		n.Standing = rapid.SampledFrom([]placement.Standing{placement.Ready, placement.Ready, placement.LostNode, placement.AgentDown, placement.Frozen}).Draw(t, "standing")
		n.Alive = n.Standing == placement.Ready || n.Standing == placement.AgentDown
		switch {
		case n.Standing == placement.LostNode && before != placement.LostNode:
			n.LostAtMs = w.NowMs
		case n.Alive && (before == placement.LostNode || before == placement.Frozen):
			n.Tenure, n.LostAtMs = w.next(), 0
		}
		n.Cordon = rapid.IntRange(0, 5).Draw(t, "cordon") == 0
	case 6, 7:
		w.obey()
	default:
		if len(w.Units) > 0 {
			report(t, w, &w.Units[rapid.IntRange(0, len(w.Units)-1).Draw(t, "unit")])
		}
	}
}

// report moves one unit on as a node would.
func report(t *rapid.T, w *world, u *placement.Unit) {
	if w.node(string(u.Node)).Standing != placement.Ready || u.CreateRev == 0 {
		return
	}
	next := rapid.SampledFrom([]units.State{
		units.StateStarting, units.StateRunning, units.StateHealthy, units.StateUnhealthy, units.StateFailed, units.StateStopped,
	}).Draw(t, "state")
	if next.CanFollow(u.Status.State) {
		w.report(u, next)
	}
}

// checkRest asserts what is true once nothing happens any more.
func checkRest(t judge, w *world, o placement.Outcome) {
	waiting := make(map[string]bool)
	for _, u := range o.Unplaced {
		waiting[u.App.String()+":"+string(u.Slot)] = true
	}
	filled := make(map[string]int)
	for _, u := range w.Units {
		if u.CreateRev == 0 || u.Assignment.Desired != units.DesiredRun {
			t.Errorf("%s is left over", u.ID)
			continue
		}
		slot := u.ID.AppID().String() + ":" + string(u.ID.Slot)
		filled[slot]++
		if a := w.app(u.ID.AppID()); u.ID.Generation != a.Intent.Generation && !waiting[slot] {
			t.Errorf("%s is not at generation %d and nobody says why", u.ID, a.Intent.Generation)
		}
	}
	for _, a := range w.Apps {
		if a.Intent.Stopped || len(a.Generations) == 0 || documents[a.Generations[a.Intent.Generation-1].Spec].Type == units.TypeSystem {
			continue
		}
		count := a.Intent.Count
		if documents[a.Generations[a.Intent.Generation-1].Spec].Singleton {
			count = min(count, 1)
		}
		for i := range count {
			slot := fmt.Sprintf("%s:%d", a.ID, i)
			if filled[slot] != 1 && !waiting[slot] {
				t.Errorf("slot %s has %d units and no reason", slot, filled[slot])
			}
		}
	}
}

// follower is a State to which only what has changed is told.
type follower struct {
	*placement.State
	last placement.Snapshot
}

func newFollower(w *world) *follower {
	s := w.Clone()
	return &follower{State: placement.NewState(s), last: s}
}

func (f *follower) follow(w *world) {
	s := w.Clone()
	for _, n := range s.Nodes {
		f.PutNode(n)
	}
	for _, a := range s.Apps {
		f.PutApp(a)
	}
	same := func(u placement.Unit) func(placement.Unit) bool {
		return func(v placement.Unit) bool { return u.Node == v.Node && u.ID == v.ID }
	}
	for _, u := range f.last.Units {
		if !slices.ContainsFunc(s.Units, same(u)) {
			f.RemoveUnit(u.Node, u.ID)
		}
	}
	for _, u := range s.Units {
		i := slices.IndexFunc(f.last.Units, same(u))
		if i < 0 || f.last.Units[i].ModRev != u.ModRev || f.last.Units[i].StatusRev != u.StatusRev || f.last.Units[i].CreateRev != u.CreateRev {
			f.PutUnit(u)
		}
	}
	f.last = s
}
