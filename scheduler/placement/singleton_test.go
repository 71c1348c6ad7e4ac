package placement_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

var mon = units.AppID{Namespace: "default", Name: "mon"}

// alone has a singleton at work on n1 of n1 and n2.
func alone(t *testing.T, change ...func(*units.App)) *world {
	t.Helper()
	w := newWorld(machine("n1"), machine("n2"))
	w.node("n2").Cordon = true
	w.submit(1, service("default/mon", append([]func(*units.App){singleton}, change...)...))
	w.converge(t)
	w.node("n2").Cordon = false
	return w
}

// said is what an outcome says of the singleton's slot, with the end of the wait from now.
func (w *world) said(o placement.Outcome) string {
	for _, u := range o.Unplaced {
		if u.App == mon {
			text := u.Reason.Code
			if u.UntilMs != 0 {
				text += " " + (time.Duration(u.UntilMs-w.NowMs) * time.Millisecond).String()
			}
			return text
		}
	}
	return ""
}

func TestASingletonIsPlacedOnlyWhenNoOtherUnitMayRun(t *testing.T) {
	settle := placement.DefaultPolicy().BoundAfter
	for _, test := range []struct {
		name   string
		change []func(*units.App) // besides singleton
		event  func(t *testing.T, w *world)
		does   []string
		why    string
	}{
		{
			name:  "its node was lost just now",
			event: func(_ *testing.T, w *world) { w.lose("n1") },
			why:   "singleton-waiting 11s",
		},
		{
			name:  "its node was lost so long ago that it cannot run any more",
			event: func(_ *testing.T, w *world) { w.lose("n1"); w.wait(settle) },
			does:  []string{"evict default.mon.0.1.1 n1 evicted", "place default.mon.0.1.2 n2 new-unit"},
		},
		{
			name:   "its stop takes longer than the budget",
			change: []func(*units.App){stopTimeout(30 * time.Second)},
			event:  func(_ *testing.T, w *world) { w.lose("n1"); w.wait(settle) },
			why:    "singleton-waiting 26s",
		},
		{
			name:   "its lostAfter has not passed",
			change: []func(*units.App){lostAfter(time.Minute)},
			event:  func(_ *testing.T, w *world) { w.lose("n1"); w.wait(settle) },
			why:    "lost-waiting 49s",
		},
		{
			name:  "a person confirmed the loss",
			event: func(_ *testing.T, w *world) { w.lose("n1"); w.node("n1").Confirmed = true },
			does:  []string{"evict default.mon.0.1.1 n1 evicted", "place default.mon.0.1.2 n2 new-unit"},
		},
		{
			name:  "its node is back in another tenure",
			event: func(_ *testing.T, w *world) { w.lose("n1"); w.back("n1"); w.node("n1").Cordon = true },
			does:  []string{"evict default.mon.0.1.1 n1 tenure-over", "place default.mon.0.1.2 n2 new-unit"},
		},
		{
			name:  "its node began another tenure and is lost again",
			event: func(_ *testing.T, w *world) { w.back("n1"); w.lose("n1") },
			does:  []string{"evict default.mon.0.1.1 n1 tenure-over", "place default.mon.0.1.2 n2 new-unit"},
		},
		{
			name:  "it was told to stop before its node was lost",
			event: func(_ *testing.T, w *world) { w.restart(); w.lose("n1") },
			why:   "singleton-waiting 11s",
		},
		{
			name:  "it was told to stop long before its node was lost",
			event: func(_ *testing.T, w *world) { w.restart(); w.lose("n1"); w.wait(settle) },
			does:  []string{"place default.mon.0.1.2 n2 new-unit"},
		},
		{
			name:  "it was told to stop, and its node is back in another tenure",
			event: func(_ *testing.T, w *world) { w.restart(); w.back("n1"); w.node("n1").Cordon = true },
			does:  []string{"place default.mon.0.1.2 n2 new-unit"},
		},
		{
			name:  "it was told to stop and has not ended",
			event: func(_ *testing.T, w *world) { w.restart() },
			why:   "waits-for-stop",
		},
		{
			name:  "it was told to stop on a node of which nobody knows",
			event: func(_ *testing.T, w *world) { w.restart(); w.node("n1").Standing = placement.Unknown },
			why:   "singleton-waiting",
		},
		{
			name:  "it was told to stop on a node whose eviction is frozen",
			event: func(_ *testing.T, w *world) { w.restart(); w.node("n1").Standing = placement.Frozen },
			why:   "singleton-waiting",
		},
		{
			name: "its assignment cannot be read, and its node is lost",
			event: func(t *testing.T, w *world) {
				u := w.unit(t, "default.mon.0.1.1")
				u.Assignment, u.Problem = units.Assignment{}, units.Reason{Code: units.ReasonUndecodable}
				w.lose("n1")
				w.wait(time.Hour)
			},
		},
		{
			name:  "its node was forgotten just now",
			event: func(_ *testing.T, w *world) { w.lose("n1"); w.node("n1").Standing = placement.Forgotten },
			why:   "singleton-waiting 11s",
		},
		{
			name: "its node was forgotten a while ago",
			event: func(_ *testing.T, w *world) {
				w.lose("n1")
				w.node("n1").Standing = placement.Forgotten
				w.wait(settle)
			},
			does: []string{"delete default.mon.0.1.1 n1 node-forgotten", "place default.mon.0.1.2 n2 new-unit"},
		},
		{
			name: "its node lost its registration",
			event: func(_ *testing.T, w *world) {
				n := w.node("n1")
				n.Standing, n.Alive, n.Record = placement.Unknown, true, units.Node{}
				w.restart()
			},
			why: "singleton-waiting",
		},
		{
			name: "its assignment is gone, and its status says that it runs",
			event: func(t *testing.T, w *world) {
				u := w.unit(t, "default.mon.0.1.1")
				u.Assignment, u.CreateRev, u.ModRev = units.Assignment{}, 0, 0
			},
			why: "waits-for-stop",
		},
		{
			name: "its assignment is gone, and its status cannot be read",
			event: func(t *testing.T, w *world) {
				u := w.unit(t, "default.mon.0.1.1")
				u.Assignment, u.CreateRev, u.ModRev, u.Status = units.Assignment{}, 0, 0, units.Status{}
			},
			why: "waits-for-stop",
		},
		{
			name: "an orphan of it runs",
			event: func(t *testing.T, w *world) {
				u := w.unit(t, "default.mon.0.1.1")
				u.Assignment, u.CreateRev, u.ModRev, u.Status.Orphan = units.Assignment{}, 0, 0, true
			},
			does: []string{"stop default.mon.0.1.1 n1 orphan"},
			why:  "waits-for-stop",
		},
		{
			name: "an orphan of it ran on a node that was lost just now",
			event: func(t *testing.T, w *world) {
				u := w.unit(t, "default.mon.0.1.1")
				u.Assignment, u.CreateRev, u.ModRev, u.Status.Orphan = units.Assignment{}, 0, 0, true
				w.lose("n1")
			},
			why: "singleton-waiting 11s",
		},
		{
			name: "an orphan of it spoke in an earlier tenure",
			event: func(t *testing.T, w *world) {
				u := w.unit(t, "default.mon.0.1.1")
				u.Assignment, u.CreateRev, u.ModRev, u.Status.Orphan = units.Assignment{}, 0, 0, true
				w.back("n1")
				w.lose("n1")
			},
			does: []string{"place default.mon.0.1.2 n2 new-unit"},
		},
		{
			name: "a status about an earlier life of its assignment says that it ended",
			event: func(t *testing.T, w *world) {
				u := w.unit(t, "default.mon.0.1.1")
				u.Status.State, u.Status.Assignment = units.StateStopped, u.CreateRev-1
				w.restart()
			},
			why: "waits-for-stop",
		},
		{
			name: "a generation that was no singleton runs on a lost node, and nothing ends it there",
			event: func(t *testing.T, w *world) {
				w.submit(1, service("default/mon"))
				w.unit(t, "default.mon.0.1.1").ID.Generation = 2
				w.submit(1, service("default/mon", singleton))
				w.lose("n1")
				w.wait(24 * time.Hour)
			},
			why: "singleton-waiting",
		},
		{
			name: "a generation that was no singleton ran on a node whose loss a person confirmed",
			event: func(t *testing.T, w *world) {
				w.submit(1, service("default/mon"))
				w.unit(t, "default.mon.0.1.1").ID.Generation = 2
				w.submit(1, service("default/mon", singleton))
				w.lose("n1")
				w.node("n1").Confirmed = true
			},
			does: []string{"place default.mon.0.3.2 n2 new-unit"},
		},
		{
			name: "another slot, of a time when it was no singleton, has a unit",
			event: func(t *testing.T, w *world) {
				w.unit(t, "default.mon.0.1.1").ID.Slot = "3"
				w.app(mon).Intent.Count = 7 // not nsched's
			},
			does: []string{"stop default.mon.3.1.1 n1 scaled-down"},
			why:  "waits-for-stop",
		},
		{
			name:  "it was scaled to nothing and back while its node was away",
			event: func(_ *testing.T, w *world) { w.lose("n1"); w.scaleTo(0); w.scaleTo(1) },
			why:   "singleton-waiting 11s",
		},
		{
			name: "it is no singleton any more: the last unit that was stays alone",
			event: func(_ *testing.T, w *world) {
				w.submit(1, service("default/mon"))
			},
			does: []string{"stop default.mon.0.1.1 n1 replaced"},
		},
		{
			name: "it is no singleton any more, and its node was lost just now",
			event: func(_ *testing.T, w *world) {
				w.submit(1, service("default/mon"))
				w.lose("n1")
			},
			why: "singleton-waiting 11s",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := alone(t, test.change...)
			test.event(t, w)
			o := placement.Plan(w.Snapshot, w.policy)
			if diff := cmp.Diff(test.does, does(o)); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
			if got := w.said(o); got != test.why {
				t.Errorf("says %q, want %q: %+v", got, test.why, o.Unplaced)
			}
			if _, until, timed := strings.Cut(test.why, " "); timed {
				d, _ := time.ParseDuration(until)
				if o.WakeMs != w.NowMs+d.Milliseconds() {
					t.Errorf("looks again at %d, want in %s of %d", o.WakeMs, until, w.NowMs)
				}
			}
			checkPlan(t, w.Snapshot, o, w.policy)
		})
	}
}

func TestASingletonIsNotStoppedForAnUpdateThatCouldNotStart(t *testing.T) {
	w := alone(t)
	w.submit(1, service("default/mon")) // one that nothing ends
	w.submit(1, service("default/mon", singleton))
	w.submit(1, service("default/mon", singleton))
	other := *w.unit(t, "default.mon.0.1.1")
	other.ID.Generation, other.ID.Attempt, other.Node, other.Assignment.Desired = 2, 2, "n2", units.DesiredStop
	other.CreateRev = w.next()
	w.Units = append(w.Units, other)
	w.lose("n2")
	o := w.step(t, "rollout rolling")
	if got := w.said(o); got != units.ReasonSingletonWaiting {
		t.Errorf("says %q", got)
	}
	w.node("n2").Confirmed = true
	w.step(t, "stop default.mon.0.1.1")
}

// A unit of a time when the app was none is not bound to its node's tenure: it runs on when its node has another.
func TestASingletonIsNotStoppedForAnUpdateWhileAUnitThatNothingEndsRunsOnInALaterTenure(t *testing.T) {
	w := alone(t)
	w.submit(1, service("default/mon")) // one that nothing ends
	w.submit(1, service("default/mon", singleton))
	w.submit(1, service("default/mon", singleton))
	other := *w.unit(t, "default.mon.0.1.1")
	other.ID.Generation, other.ID.Attempt, other.Node, other.Assignment.Desired = 2, 2, "n2", units.DesiredStop
	other.CreateRev = w.next()
	w.Units = append(w.Units, other)
	w.lose("n2")
	w.back("n2")
	o := w.step(t, "rollout rolling")
	if got := w.said(o); got != placement.ReasonWaitsForStop {
		t.Errorf("says %q", got)
	}
}

// restart has the singleton told to stop, and wanted again before it has ended.
func (w *world) restart() { w.scaleTo(0); w.scaleTo(1) }

func (w *world) scaleTo(n int) {
	w.app(mon).Intent.Count = n
	w.plan()
}

func TestWhatASingletonsPlaceReliesOnIsComparedWhenItIsWritten(t *testing.T) {
	w := alone(t)
	w.lose("n1")
	w.wait(time.Hour)
	for _, a := range w.plan().Actions {
		if want := []placement.Holding{{Node: "n1"}}; a.Kind != placement.KindRollout && !slices.Equal(a.While, want) {
			t.Errorf("%s holds while %v, want %v", a.Kind, a.While, want)
		}
	}
	w = alone(t)
	w.back("n1")
	for _, a := range w.plan().Actions {
		if want := []placement.Holding{{Node: "n1", Tenure: w.node("n1").Tenure}}; a.Kind != placement.KindRollout && !slices.Equal(a.While, want) {
			t.Errorf("%s holds while %v, want %v", a.Kind, a.While, want)
		}
	}
}

func TestUnitsThatStopInAPartitionAreReplacedWhenTheyCannotRunAnyMore(t *testing.T) {
	w := running(t, onPartitionStop, stopTimeout(6*time.Second))
	lost := w.on(t, "default.web.0.1.1")
	w.lose(lost)
	w.step(t)
	w.wait(13*time.Second - time.Millisecond)
	w.step(t)
	w.wait(time.Millisecond)
	w.step(t, "evict default.web.0.1.1", "place default.web.0.1.2")
}

func TestUnitsThatStopInAPartitionDoNotWaitForANodeThatIsBack(t *testing.T) {
	w := running(t, onPartitionStop)
	back := w.on(t, "default.web.0.1.1")
	w.lose(back)
	w.back(back)
	w.step(t, "evict default.web.0.1.1", "place default.web.0.1.2")
}

func TestASystemUnitThatWasBoundToAnEarlierTenureIsReplacedOnItsNode(t *testing.T) {
	w := newWorld(machines("n1", "n2")...)
	w.submit(0, service("default/agent", system, onPartitionStop))
	w.converge(t)
	w.lose("n1")
	w.step(t)
	w.back("n1")
	w.step(t, "evict default.agent.n1.1.1", "place default.agent.n1.1.2")
}
