package placement_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

// running has an app of three units at work on three nodes.
func running(t *testing.T, change ...func(*units.App)) *world {
	w := newWorld(machines("n1", "n2", "n3")...)
	w.submit(3, service("default/web", change...))
	w.converge(t)
	return w
}

func (w *world) on(t *testing.T, id string) string { return string(w.unit(t, id).Node) }

func TestReconcile(t *testing.T) {
	web := units.AppID{Namespace: "default", Name: "web"}
	for _, test := range []struct {
		name   string
		change func(t *testing.T, w *world)
		does   []string // NODE stands for that of default.web.0.1.1
		why    []string
	}{
		{
			name:   "nothing to do",
			change: func(*testing.T, *world) {},
		},
		{
			name:   "a smaller count stops the highest slots",
			change: func(_ *testing.T, w *world) { w.app(web).Intent.Count = 1 },
			does:   []string{"stop default.web.1.1.1 scaled-down", "stop default.web.2.1.1 scaled-down"},
		},
		{
			name:   "a larger count fills the next slot",
			change: func(_ *testing.T, w *world) { w.app(web).Intent.Count = 4 },
			does:   []string{"place default.web.3.1.1 new-unit"},
		},
		{
			name:   "a stopped app stops every unit",
			change: func(_ *testing.T, w *world) { w.app(web).Intent.Stopped = true },
			does:   []string{"stop default.web.0.1.1 app-stopped", "stop default.web.1.1.1 app-stopped", "stop default.web.2.1.1 app-stopped"},
		},
		{
			name:   "a missing intent changes nothing",
			change: func(_ *testing.T, w *world) { w.Apps = nil },
		},
		{
			name:   "an intent that cannot be read changes nothing",
			change: func(_ *testing.T, w *world) { w.app(web).Problem = units.Reason{Code: units.ReasonUndecodable} },
		},
		{
			name: "a generation that cannot be read places nothing and stops nothing",
			change: func(_ *testing.T, w *world) {
				a := w.app(web)
				a.Intent.Generation, a.Intent.Count = 2, 1
				a.Generations = append(a.Generations, placement.Generation{Number: 2, Problem: units.Reason{Code: units.ReasonUndecodable}})
			},
			why: []string{"default/web: undecodable"},
		},
		{
			name:   "a generation that is not stored places nothing and stops nothing",
			change: func(_ *testing.T, w *world) { w.app(web).Intent.Generation = 2 },
			why:    []string{"default/web: invalid-app"},
		},
		{
			name: "a document of another app places nothing",
			change: func(_ *testing.T, w *world) {
				a := w.app(web)
				a.Intent.Generation, a.Intent.Count = 2, 9
				a.Generations = append(a.Generations, placement.Generation{Number: 2, Spec: compile(service("prod/web"))})
			},
			why: []string{"default/web: invalid-app"},
		},
		{
			name: "a stopped app stops though its generation cannot be read",
			change: func(_ *testing.T, w *world) {
				a := w.app(web)
				a.Generations, a.Intent.Stopped = nil, true
			},
			does: []string{"stop default.web.0.1.1 app-stopped", "stop default.web.1.1.1 app-stopped", "stop default.web.2.1.1 app-stopped"},
		},
		{
			name: "an assignment that cannot be read is kept and holds its slot",
			change: func(t *testing.T, w *world) {
				u := w.unit(t, "default.web.0.1.1")
				u.Assignment, u.Problem = units.Assignment{}, units.Reason{Code: units.ReasonUndecodable}
				w.app(web).Intent.Count = 1
			},
			does: []string{"stop default.web.1.1.1 scaled-down", "stop default.web.2.1.1 scaled-down"},
		},
		{
			name: "a status that cannot be read ends nothing",
			change: func(t *testing.T, w *world) {
				u := w.unit(t, "default.web.0.1.1")
				u.Status = units.Status{}
			},
		},
		{
			name: "a status about an earlier life of the key ends nothing",
			change: func(t *testing.T, w *world) {
				u := w.unit(t, "default.web.0.1.1")
				u.Status.State, u.Status.Assignment = units.StateFailed, u.CreateRev-1
			},
		},
		{
			name: "a failed unit is deleted, and its slot waits",
			change: func(t *testing.T, w *world) {
				w.report(w.unit(t, "default.web.0.1.1"), units.StateFailed)
			},
			does: []string{"delete default.web.0.1.1 ended"},
			why:  []string{"default/web:0 backoff"},
		},
		{
			name: "a unit that a reboot ended is replaced at once",
			change: func(t *testing.T, w *world) {
				w.report(w.unit(t, "default.web.0.1.1"), units.StateFailed, func(s *units.Status) { s.Result = units.ResultRebooted })
			},
			does: []string{"delete default.web.0.1.1 ended", "place default.web.0.1.2 new-unit"},
		},
		{
			name: "a busy port is tried once more at once",
			change: func(t *testing.T, w *world) {
				w.report(w.unit(t, "default.web.0.1.1"), units.StateFailed, func(s *units.Status) { s.Reason.Code = units.ReasonPortBusy })
			},
			does: []string{"delete default.web.0.1.1 ended", "place default.web.0.1.2 new-unit"},
		},
		{
			name: "a lost node's unit is replaced, and is not told to stop: it may come back",
			change: func(t *testing.T, w *world) {
				w.node(w.on(t, "default.web.0.1.1")).Standing = placement.LostNode
			},
			does: []string{"place default.web.0.1.2 new-unit"},
		},
		{
			name: "a unit that nothing can replace is not evicted: its node may return",
			change: func(t *testing.T, w *world) {
				for i := range w.Nodes {
					w.Nodes[i].Cordon = true
				}
				w.node(w.on(t, "default.web.0.1.1")).Standing = placement.LostNode
			},
			why: []string{"default/web:0 node-cordoned"},
		},
		{
			name: "a frozen node keeps its units",
			change: func(t *testing.T, w *world) {
				w.node(w.on(t, "default.web.0.1.1")).Standing = placement.Frozen
			},
		},
		{
			name: "a node without its daemon keeps its units",
			change: func(t *testing.T, w *world) {
				w.node(w.on(t, "default.web.0.1.1")).Standing = placement.AgentDown
			},
		},
		{
			name: "a node that is not in the snapshot keeps its units",
			change: func(t *testing.T, w *world) {
				gone := w.unit(t, "default.web.0.1.1").Node
				w.Nodes = slices.DeleteFunc(w.Nodes, func(n placement.Node) bool { return n.Name == gone })
			},
		},
		{
			name: "a cordoned node keeps its units",
			change: func(t *testing.T, w *world) {
				w.node(w.on(t, "default.web.0.1.1")).Cordon = true
			},
		},
		{
			name: "a forgotten node's assignments are deleted and replaced",
			change: func(t *testing.T, w *world) {
				w.node(w.on(t, "default.web.0.1.1")).Standing = placement.Forgotten
			},
			does: []string{"delete default.web.0.1.1 node-forgotten", "place default.web.0.1.2 new-unit"},
		},
		{
			name: "a second unit of a slot is stopped, the one at work stays",
			change: func(t *testing.T, w *world) {
				u := *w.unit(t, "default.web.0.1.1")
				u.ID.Attempt, u.Status, u.StatusRev = 2, units.Status{}, 0
				w.Units = append(w.Units, u)
			},
			does: []string{"stop default.web.0.1.2 duplicate"},
		},
		{
			name: "an orphan is told to stop",
			change: func(_ *testing.T, w *world) {
				w.Units = append(w.Units, placement.Unit{
					Node: "n2", ID: units.UnitID{Namespace: "default", App: "old", Slot: "0", Generation: 3, Attempt: 4},
					Status: units.Status{State: units.StateRunning, Orphan: true}, StatusRev: 5,
				})
			},
			does: []string{"stop default.old.0.3.4 orphan"},
		},
		{
			name: "a slot with an orphan waits until that has ended",
			change: func(_ *testing.T, w *world) {
				w.app(web).Intent.Count = 4
				w.Units = append(w.Units, placement.Unit{
					Node: "n2", ID: units.UnitID{Namespace: "default", App: "web", Slot: "3", Generation: 1, Attempt: 4},
					Status: units.Status{State: units.StateRunning, Orphan: true}, StatusRev: 5,
				})
			},
			does: []string{"stop default.web.3.1.4 orphan"},
			why:  []string{"default/web:3 waits-for-stop"},
		},
		{
			name: "attempts go on from what any record, assignment or status has seen",
			change: func(_ *testing.T, w *world) {
				a := w.app(web)
				a.Intent.Count = 6
				a.Slots = []placement.Slot{{Slot: "3", Record: units.SlotRecord{Attempt: 9}}}
				w.Units = append(w.Units, placement.Unit{
					Node: "n2", ID: units.UnitID{Namespace: "default", App: "web", Slot: "4", Generation: 1, Attempt: 6},
					Status: units.Status{State: units.StateFailed, Assignment: 4}, StatusRev: 5,
				})
			},
			does: []string{"place default.web.3.1.10 new-unit", "place default.web.4.1.7 new-unit", "place default.web.5.1.1 new-unit"},
		},
		{
			name:   "a paused app keeps its units",
			change: func(_ *testing.T, w *world) { w.app(web).Intent.Paused = true; w.submit(3, service("default/web")) },
			why:    []string{"default/web: paused"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := running(t)
			test.change(t, w)
			o := placement.Plan(w.Snapshot, w.policy)
			var got []string
			for _, a := range o.Actions {
				if a.Kind != placement.KindRollout {
					got = append(got, string(a.Kind)+" "+a.Unit.String()+" "+a.Reason.Code)
				}
			}
			if diff := cmp.Diff(test.does, got); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.why, why(o)); diff != "" {
				t.Errorf("unplaced (-want +got):\n%s", diff)
			}
			checkPlan(t, w.Snapshot, o, w.policy)
		})
	}
}

func TestEvictionAndReplacementAreOneTransaction(t *testing.T) {
	w := running(t, keepReplacement)
	lost := w.on(t, "default.web.0.1.1")
	w.lose(lost)
	o := w.plan()
	if len(o.Actions) != 2 || o.Actions[0].Group == 0 || o.Actions[0].Group != o.Actions[1].Group {
		t.Fatalf("actions %+v", o.Actions)
	}
	if a := o.Actions[0]; a.Assignment.Desired != units.DesiredStop || a.Assignment.Tenure != 500 || a.ModRev == 0 {
		t.Errorf("evicts with %+v", a)
	}
	for _, a := range o.Actions {
		if want := []placement.Holding{{Node: units.NodeName(lost)}}; !slices.Equal(a.While, want) {
			t.Errorf("%s holds while %v, want %v", a.Kind, a.While, want)
		}
	}
}

func TestSystemUnitOfALostWaitsForIt(t *testing.T) {
	w := newWorld(machines("n1", "n2")...)
	w.submit(0, service("default/agent", system))
	w.converge(t)
	w.node("n1").Standing = placement.LostNode
	if o := w.plan(); len(does(o)) != 0 || len(o.Unplaced) != 0 {
		t.Errorf("does %v, unplaced %v", does(o), why(o))
	}
}

func TestSystemUnitLeavesANodeThatItIsNoLongerFor(t *testing.T) {
	w := newWorld(machine("n1", label("role", "web")), machine("n2", label("role", "web")))
	w.submit(0, service("default/agent", system, constrain("labels.role", units.OpEqual, "web")))
	w.converge(t)
	w.node("n1").Record.Labels = nil
	if got := does(w.plan()); !slices.Equal(got, []string{"stop default.agent.n1.1.1 n1 scaled-down"}) {
		t.Errorf("does %v", got)
	}
}

func TestHeldUnitsSayWhy(t *testing.T) {
	w := running(t)
	n := w.node(w.on(t, "default.web.0.1.1"))
	n.Standing, n.Why = placement.Frozen, units.Reason{Code: units.ReasonEvictionsFrozen, Message: "2 of 3"}
	u := w.unit(t, "default.web.1.1.1")
	u.Problem = units.Reason{Code: units.ReasonUndecodable, Message: "no JSON"}
	var got []string
	for _, h := range placement.Plan(w.Snapshot, w.policy).Held {
		got = append(got, h.Unit.String()+" "+h.Reason.String())
	}
	want := []string{"default.web.0.1.1 evictions-frozen: 2 of 3", "default.web.1.1.1 undecodable: no JSON"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
}
