package placement_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

// step plans, compares what the plan does, and has the nodes obey.
func (w *world) step(t *testing.T, want ...string) placement.Outcome {
	t.Helper()
	before := w.Clone()
	o := w.plan()
	checkPlan(t, before, o, w.policy)
	var got []string
	for _, a := range o.Actions {
		if a.Kind == placement.KindRollout {
			got = append(got, "rollout "+string(a.Rollout.Phase))
			continue
		}
		got = append(got, string(a.Kind)+" "+a.Unit.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
	return o
}

func TestUpdateReplacesOneAfterTheOther(t *testing.T) {
	w := running(t, checked)
	w.submit(3, service("default/web", checked))
	w.step(t, "place default.web.0.2.2", "rollout rolling")
	w.report(w.unit(t, "default.web.0.2.2"), units.StateRunning)
	w.step(t) // it runs, and its checks have not passed
	w.obey()
	w.step(t, "stop default.web.0.1.1", "place default.web.1.2.2")
	w.obey()
	w.step(t, "delete default.web.0.1.1", "stop default.web.1.1.1", "place default.web.2.2.2")
	w.obey()
	w.step(t, "delete default.web.1.1.1", "stop default.web.2.1.1", "rollout complete")
	w.obey()
	w.step(t, "delete default.web.2.1.1")
}

func TestUpdateStopsFirstWhereThereIsNoRoom(t *testing.T) {
	w := newWorld(machine("n1"))
	w.submit(2, service("default/web", memory(2<<30)))
	w.converge(t)
	w.submit(2, service("default/web", memory(2<<30)))
	w.step(t, "stop default.web.0.1.1", "rollout rolling")
	w.step(t) // it has not ended
	w.obey()
	w.step(t, "delete default.web.0.1.1", "place default.web.0.2.2")
	w.obey()
	w.step(t, "stop default.web.1.1.1")
	w.obey()
	w.step(t, "delete default.web.1.1.1", "place default.web.1.2.2")
	w.obey()
	w.step(t, "rollout complete")
}

func TestUpdateStopsNothingForWhatCouldNotBePlaced(t *testing.T) {
	for _, test := range []struct {
		name string
		app  units.App
		want string
	}{
		{"a larger unit has no room even alone", service("default/web", memory(5<<30)), "insufficient-memory"},
		{"no node satisfies the constraint", service("default/web", constrain("labels.zone", units.OpIsSet, "")), "constraint-unmet"},
		{"no node has the system, and stopping first would not help", service("default/web", stopFirst, func(a *units.App) {
			a.Path, a.Paths = "", map[string]units.StorePath{"aarch64-linux": "/nix/store/00000000000000000000000000000000-app"}
		}), "wrong-arch"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := running(t)
			w.submit(3, test.app)
			o := w.step(t, "rollout rolling")
			if len(o.Unplaced) != 3 || o.Unplaced[0].Reason.Code != test.want || o.Unplaced[0].Incumbent.String() != "default.web.0.1.1" {
				t.Errorf("unplaced %+v", o.Unplaced)
			}
		})
	}
}

func TestUpdateInOrderStopFirstNeverOverlaps(t *testing.T) {
	w := running(t, stopFirst)
	w.submit(3, service("default/web", stopFirst))
	w.step(t, "stop default.web.0.1.1", "rollout rolling")
	o := w.step(t)
	if got := why(o); !slices.Equal(got, []string{"default/web:0 waits-for-stop"}) {
		t.Errorf("unplaced %v", got)
	}
	w.obey()
	w.step(t, "delete default.web.0.1.1", "place default.web.0.2.2")
	w.obey()
	w.step(t, "stop default.web.1.1.1")
}

func TestUpdateKeepsItsRoomFromOthers(t *testing.T) {
	w := newWorld(machine("n1"))
	w.submit(1, service("default/web", memory(3<<30)))
	w.converge(t)
	w.submit(1, service("default/web", memory(4<<30)))
	w.step(t, "stop default.web.0.1.1", "rollout rolling")
	// There is 1Gi free while the old unit stops, and the new one needs it.
	w.submit(1, service("default/aaa", memory(1<<30)))
	w.step(t, "rollout rolling")
	w.obey()
	w.step(t, "delete default.web.0.1.1", "place default.web.0.2.2")
}

func TestUpdatesThatStopFirstDoNotCountOnTheSameRoom(t *testing.T) {
	w := newWorld(machine("n1"))
	for _, id := range []string{"default/a", "default/b"} {
		w.submit(1, service(id, memory(1536<<20)))
	}
	w.converge(t)
	for _, id := range []string{"default/a", "default/b"} {
		w.submit(1, service(id, memory(2560<<20)))
	}
	o := w.step(t, "stop default.a.0.1.1", "rollout rolling", "rollout rolling")
	if got := why(o); !slices.Equal(got, []string{"default/b:0 insufficient-memory"}) {
		t.Errorf("unplaced %v", got)
	}
}

func TestUpdateGoesOnElsewhereWhenItsNodeIsLost(t *testing.T) {
	w := running(t, stopFirst)
	w.submit(3, service("default/web", stopFirst))
	w.step(t, "stop default.web.0.1.1", "rollout rolling")
	w.node(w.on(t, "default.web.0.1.1")).Standing = placement.LostNode
	w.step(t, "place default.web.0.2.2")
}

func TestUpdateWaitsWhileTheNewOneFails(t *testing.T) {
	w := running(t)
	w.submit(3, service("default/web"))
	w.step(t, "place default.web.0.2.2", "rollout rolling")
	w.report(w.unit(t, "default.web.0.2.2"), units.StateFailed)
	o := w.step(t, "delete default.web.0.2.2")
	if len(o.Unplaced) != 1 || o.Unplaced[0].Reason.Code != "backoff" || o.WakeMs != w.NowMs+30_000 || o.Unplaced[0].UntilMs != o.WakeMs {
		t.Errorf("wakes at %d, unplaced %+v", o.WakeMs, o.Unplaced)
	}
	if len(w.where()) != 3 {
		t.Errorf("the old ones are not all there: %v", w.list())
	}
	w.obey()
	w.NowMs = o.WakeMs
	w.step(t, "place default.web.0.2.3")
	// Another generation does not wait for the failures of the last.
	w.report(w.unit(t, "default.web.0.2.3"), units.StateFailed)
	w.submit(3, service("default/web"))
	w.step(t, "delete default.web.0.2.3", "place default.web.0.3.4", "rollout superseded", "rollout rolling")
}

func TestUpdateToAThirdGenerationDropsTheSecond(t *testing.T) {
	w := running(t)
	w.submit(3, service("default/web"))
	w.step(t, "place default.web.0.2.2", "rollout rolling")
	w.submit(3, service("default/web"))
	w.step(t, "stop default.web.0.2.2", "place default.web.0.3.3", "rollout superseded", "rollout rolling")
}

func TestUpdateReplacesWhatDoesNotWorkFirst(t *testing.T) {
	w := running(t)
	w.report(w.unit(t, "default.web.2.1.1"), units.StateStarting)
	w.submit(3, service("default/web"))
	w.step(t, "place default.web.2.2.2", "rollout rolling")
}

func TestRevertIsAnUpdateToAnEarlierGeneration(t *testing.T) {
	w := running(t)
	w.submit(3, service("default/web"))
	w.converge(t)
	a := w.app(units.AppID{Namespace: "default", Name: "web"})
	a.Intent.Generation = 1
	w.step(t, "place default.web.0.1.3", "rollout rolling")
	w.converge(t)
	for _, u := range w.Units {
		if u.ID.Generation != 1 {
			t.Errorf("%s is still there", u.ID)
		}
	}
	if p := w.app(a.ID).Rollouts[0].Record; p.Phase != units.PhaseComplete || p.Serving != 2 {
		t.Errorf("rollout of generation 1 is %+v", p)
	}
}

func TestUpdateOfASystemAppStaysOnItsNodes(t *testing.T) {
	w := newWorld(machines("n1", "n2")...)
	w.submit(0, service("default/agent", system, fixedPort(9100)))
	w.converge(t)
	w.submit(0, service("default/agent", system, fixedPort(9100)))
	w.step(t, "stop default.agent.n1.1.1", "rollout rolling")
	w.obey()
	w.step(t, "delete default.agent.n1.1.1", "place default.agent.n1.2.2")
	w.converge(t)
	if diff := cmp.Diff(map[units.NodeName]int{"n1": 1, "n2": 1}, w.where()); diff != "" {
		t.Error(diff)
	}
}

func TestPausedAppFillsItsSlotsWithWhatItServes(t *testing.T) {
	w := running(t)
	w.submit(3, service("default/web"))
	w.step(t, "place default.web.0.2.2", "rollout rolling")
	w.obey()
	w.app(units.AppID{Namespace: "default", Name: "web"}).Intent.Paused = true
	w.step(t, "stop default.web.0.1.1")
	w.node(w.on(t, "default.web.2.1.1")).Standing = placement.LostNode
	w.report(w.unit(t, "default.web.2.1.1"), units.StateRunning)
	o := w.plan()
	if got := does(o); !slices.ContainsFunc(got, func(s string) bool { return len(s) > 24 && s[:24] == "place default.web.2.1.2 " }) {
		t.Errorf("does %v", got)
	}
}

func TestFailuresInARowWaitLongerAndAreForgotten(t *testing.T) {
	w := newWorld(machines("n1", "n2")...)
	w.submit(1, service("default/web"))
	fail := func(healthy time.Duration) time.Duration {
		t.Helper()
		w.plan()
		u := &w.Units[len(w.Units)-1]
		w.report(u, units.StateFailed, func(s *units.Status) { s.HealthyForMs = healthy.Milliseconds() })
		o := w.plan()
		w.obey()
		wait := time.Duration(o.WakeMs-w.NowMs) * time.Millisecond
		w.NowMs = o.WakeMs
		return wait
	}
	var got []time.Duration
	for _, healthy := range []time.Duration{0, 0, time.Minute, 10 * time.Minute, 0} {
		got = append(got, fail(healthy))
	}
	want := []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 30 * time.Second, time.Minute}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
}

func TestAttemptsRunOut(t *testing.T) {
	once := 1
	w := newWorld(machine("n1"))
	w.submit(1, service("default/web", func(a *units.App) { a.Reschedule.Attempts = &once }))
	for range 2 {
		w.plan()
		w.report(&w.Units[len(w.Units)-1], units.StateFailed)
		w.plan()
		w.obey()
		w.NowMs += time.Hour.Milliseconds()
	}
	o := w.plan()
	if got := why(o); !slices.Equal(got, []string{"default/web:0 restart-limit"}) || o.WakeMs != 0 {
		t.Errorf("unplaced %v, wakes at %d", got, o.WakeMs)
	}
}

func TestFailedUnitGoesElsewhere(t *testing.T) {
	w := newWorld(machines("n1", "n2")...)
	w.submit(1, service("default/web"))
	w.plan()
	first := w.Units[0].Node
	w.report(&w.Units[0], units.StateFailed)
	w.NowMs = w.plan().WakeMs
	w.plan()
	if second := w.unit(t, "default.web.0.1.2").Node; second == first {
		t.Errorf("tried twice on %s", first)
	}
}

func TestReplacedUnitStaysOnItsNode(t *testing.T) {
	w := running(t)
	before := w.where()
	nodes := map[units.Slot]units.NodeName{}
	for _, u := range w.Units {
		nodes[u.ID.Slot] = u.Node
	}
	w.submit(3, service("default/web"))
	w.converge(t)
	if diff := cmp.Diff(before, w.where()); diff != "" {
		t.Error(diff)
	}
	for _, u := range w.Units {
		if u.Node != nodes[u.ID.Slot] {
			t.Errorf("slot %s went from %s to %s", u.ID.Slot, nodes[u.ID.Slot], u.Node)
		}
	}
}
