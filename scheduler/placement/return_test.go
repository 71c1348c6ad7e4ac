package placement_test

import (
	"testing"
	"time"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

// away has a unit's node lost, and the unit replaced on another, which is at work.
func away(t *testing.T, change ...func(*units.App)) (w *world, home string) {
	t.Helper()
	w = running(t, change...)
	home = w.on(t, "default.web.0.1.1")
	w.lose(home)
	w.step(t, "place default.web.0.1.2")
	w.report(w.unit(t, "default.web.0.1.2"), units.StateRunning)
	w.step(t)
	return w, home
}

func TestTheOriginalStaysWhenItsNodeIsBackAndItIsWell(t *testing.T) {
	w, home := away(t)
	w.back(home)
	w.step(t) // what its status says is of before
	w.report(w.unit(t, "default.web.0.1.1"), units.StateRunning)
	w.step(t, "stop default.web.0.1.2")
	w.obey()
	w.step(t, "delete default.web.0.1.2")
}

// The daemon of a node that came back reported its units a second before its own key was there again, and a
// healthy original was stopped: it was ready, and its node was not.
func TestTheOriginalStaysWhenItsStatusComesBeforeItsDaemonCounts(t *testing.T) {
	w, home := away(t)
	w.back(home)
	w.node(home).Standing = placement.AgentDown
	w.report(w.unit(t, "default.web.0.1.1"), units.StateRunning)
	w.step(t)
	w.node(home).Standing = placement.Ready
	w.step(t, "stop default.web.0.1.2")
}

func TestTheReplacementStaysWhenTheOriginalIsNotWell(t *testing.T) {
	w, home := away(t)
	w.back(home)
	w.step(t)
	w.report(w.unit(t, "default.web.0.1.1"), units.StateStarting) // its machine was started again
	w.step(t, "stop default.web.0.1.1")
}

func TestNeitherIsStoppedWhileNeitherIsKnownToBeWell(t *testing.T) {
	w := running(t)
	home := w.on(t, "default.web.0.1.1")
	w.lose(home)
	w.step(t, "place default.web.0.1.2")
	w.back(home)
	w.step(t)
	w.report(w.unit(t, "default.web.0.1.1"), units.StateFetching)
	w.step(t)
	w.report(w.unit(t, "default.web.0.1.2"), units.StateStarting)
	w.step(t)
	w.report(w.unit(t, "default.web.0.1.2"), units.StateRunning)
	w.step(t, "stop default.web.0.1.1")
}

func TestAReplacementThatIsLostItselfGoesWhenTheOriginalIsBack(t *testing.T) {
	w, home := away(t)
	w.lose(w.on(t, "default.web.0.1.2"))
	w.back(home)
	w.step(t, "place default.web.2.1.2") // its neighbour
	w.report(w.unit(t, "default.web.0.1.1"), units.StateRunning)
	w.step(t, "stop default.web.0.1.2")
}

func TestTheReplacementIsKeptWhereTheAppWantsThat(t *testing.T) {
	w := running(t, keepReplacement)
	home := w.on(t, "default.web.0.1.1")
	w.lose(home)
	w.step(t, "evict default.web.0.1.1", "place default.web.0.1.2")
	w.back(home)
	w.step(t)
	w.obey()
	w.step(t, "delete default.web.0.1.1")
}

func TestAnOriginalThatIsAwayIsNotShown(t *testing.T) {
	w, _ := away(t)
	o := placement.Plan(w.Snapshot, w.policy)
	got := placement.Summaries(*w.app(units.AppID{Namespace: "default", Name: "web"}), w.Units, o)["0"].Slots["0"]
	if got.Unit != "default.web.0.1.2" || !got.Reason.IsZero() {
		t.Errorf("shows %+v", got)
	}
}

// The replacement left it alone, and the plan after that told it to stop.
func TestALostUnitWhoseGenerationCannotBeReadIsTreatedAsItsReplacementIs(t *testing.T) {
	for _, keep := range []bool{true, false} {
		w := running(t)
		a := w.app(units.AppID{Namespace: "default", Name: "web"})
		change := keepReplacement
		if keep {
			change = func(*units.App) {}
		}
		w.submit(3, service("default/web", change))
		a.Generations[0] = placement.Generation{Number: 1, Problem: units.Reason{Code: units.ReasonUndecodable}}
		w.lose(w.on(t, "default.web.0.1.1"))
		want := []string{"evict default.web.0.1.1", "place default.web.0.2.2", "rollout rolling"}
		if keep {
			want = want[1:]
		}
		w.step(t, want...)
		w.step(t)
	}
}

func TestALostNodeHasLostAfterToReturn(t *testing.T) {
	w := running(t, lostAfter(time.Minute))
	home := w.on(t, "default.web.0.1.1")
	w.lose(home)
	o := w.step(t)
	u := o.Unplaced[0]
	if u.Reason.Code != units.ReasonLostWaiting || u.UntilMs != w.NowMs+60_000 || o.WakeMs != u.UntilMs || u.Incumbent.String() != "default.web.0.1.1" {
		t.Errorf("unplaced %+v, wakes at %d", u, o.WakeMs)
	}
	if want := "waits until 00:17:40 UTC: " + home + ", where its unit is, is lost and may return"; u.Reason.Message != want {
		t.Errorf("says %q, want %q", u.Reason.Message, want)
	}
	w.wait(59 * time.Second)
	w.step(t)
	w.wait(time.Second)
	w.step(t, "place default.web.0.1.2")
}

func TestANodeThatReturnsInTimeKeepsItsUnits(t *testing.T) {
	w := running(t, lostAfter(time.Minute))
	home := w.on(t, "default.web.0.1.1")
	w.lose(home)
	w.step(t)
	w.wait(time.Second)
	w.back(home)
	w.wait(time.Hour)
	w.step(t)
}

func TestAConfirmedLossIsWaitedForNoLonger(t *testing.T) {
	w := running(t, lostAfter(time.Hour))
	home := w.on(t, "default.web.0.1.1")
	w.lose(home)
	w.node(home).Confirmed = true
	w.step(t, "place default.web.0.1.2")
}

func TestAnUpdateDoesNotWaitForALostNodeToReturn(t *testing.T) {
	w := running(t, lostAfter(time.Hour))
	w.lose(w.on(t, "default.web.0.1.1"))
	w.submit(3, service("default/web", lostAfter(time.Hour)))
	w.step(t, "place default.web.0.2.2", "rollout rolling")
}

// A unit that was to replace one of an earlier generation was lost with its node before it was ready. The next
// attempt was placed at once, 45 s too soon, since the slot's older unit made an update of it.
func TestALostUnitOfAnUpdateHasLostAfterToReturnToo(t *testing.T) {
	change := []func(*units.App){checked, lostAfter(time.Minute)}
	w := newWorld(machine("n1"), machine("n2"), machine("n3"))
	w.submit(1, service("default/web", change...))
	w.converge(t)
	w.submit(1, service("default/web", change...))
	older := w.node(w.on(t, "default.web.0.1.1"))
	older.Cordon = true // the next goes elsewhere
	w.step(t, "place default.web.0.2.2", "rollout rolling")
	older.Cordon = false
	w.lose(w.on(t, "default.web.0.2.2"))
	w.step(t)
	w.wait(59 * time.Second)
	w.step(t)
	w.wait(time.Second)
	w.step(t, "place default.web.0.2.3")
}
