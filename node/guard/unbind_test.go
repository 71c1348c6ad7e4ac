package guard

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
)

func TestWhatIsBoundEndsWhenTheTenureCeasesToBeFresh(t *testing.T) {
	w := newWorld(t).begin()
	quick, slow := w.start("quick", 4*time.Second), w.start("slow", 4*time.Second)
	quick.takes = 100 * time.Millisecond
	until := w.state().FreshUntil
	w.cut = true
	w.until("it is stale", func() bool { return !w.fresh() })
	if w.called("stop", slow) {
		t.Error("it was stopped while the tenure was fresh")
	}
	w.until("nothing runs", func() bool { return w.anyone() == "" })
	until = max(until, w.state().FreshUntil)
	if w.called("kill", quick) || quick.endedAt > until+300*time.Millisecond {
		t.Errorf("the quick one ended %s after the fence, killed: %v", quick.endedAt-until, w.called("kill", quick))
	}
	if late := slow.endedAt - until - slow.StopTimeout; late < 0 || late > 200*time.Millisecond {
		t.Errorf("the slow one was killed %s after its time to stop was over", late)
	}
}

func TestAfterALeaseEndedNothingIsClaimedBeforeAllIsGone(t *testing.T) {
	w := newWorld(t).begin()
	stuck := w.start("stuck", time.Second)
	stuck.undying = true
	before := w.state().Tenure
	w.cut = true
	w.run(20 * time.Second)
	w.cut = false
	w.run(20 * time.Second)
	if w.claimed != 1 || w.state().Phase != PhaseReleasing {
		t.Fatalf("%d claims, %+v", w.claimed, w.state())
	}
	stuck.undying = false
	w.until("it is fresh again", w.fresh)
	if now := w.state().Tenure; now <= before || now != w.alive() {
		t.Errorf("the tenure after %d is %d, etcd says %d", before, now, w.alive())
	}
}

func TestATenureThatIsFreshAgainGoesOn(t *testing.T) {
	w := newWorld(t).begin()
	slow := w.start("slow", time.Minute)
	tenure := w.state().Tenure
	w.cut = true
	w.until("the stop is asked for", func() bool { return w.called("stop", slow) })
	w.cut = false
	w.until("it is fresh again", w.fresh)
	if w.state().Tenure != tenure {
		t.Fatalf("tenure %d became %d", tenure, w.state().Tenure)
	}
	next := w.start("next", time.Second)
	w.run(5 * time.Minute)
	if w.called("kill", slow) || w.called("stop", next) || !next.running {
		t.Errorf("something was ended in a fresh tenure:\n%s", strings.Join(w.calls, "\n"))
	}
	if w.claimed != 1 {
		t.Errorf("%d claims", w.claimed)
	}
}

func TestEachFenceCountsByItself(t *testing.T) {
	w := newWorld(t).begin()
	w.start("slow", time.Minute).takes = 10 * time.Second
	w.cut = true
	w.until("it is stale", func() bool { return !w.fresh() })
	w.run(time.Second)
	w.cut = false
	w.until("it is fresh again", w.fresh)
	w.run(20 * time.Second)
	u := w.start("next", 5*time.Second)
	w.cut = true
	w.until("the fence comes", func() bool { return !w.fresh() })
	fence := w.state().FreshUntil
	w.run(4 * time.Second)
	if !u.running {
		t.Errorf("it was killed %s after the fence", u.endedAt-fence)
	}
	w.run(1500 * time.Millisecond)
	if u.running {
		t.Error("it runs")
	}
}

func TestAGuardThatWasPausedKillsAtOnceWhatIsOverdue(t *testing.T) {
	w := newWorld(t).begin()
	u := w.start("app", 4*time.Second)
	w.guard.paused, w.cut = true, true
	w.run(14 * time.Second)
	w.guard.paused = false
	w.run(100 * time.Millisecond)
	if u.running || !w.called("kill", u) {
		t.Errorf("it runs: %v\n%s", u.running, strings.Join(w.calls, "\n"))
	}
}

func TestCallsToTheMachineThatHangHoldUpNoOther(t *testing.T) {
	for name, kind := range map[string]string{"the stop hangs": "stop-bound", "a look at another unit hangs": "look-bound prod.other"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).begin()
			u := w.start("app", time.Second)
			w.start("other", time.Second).running = false
			w.guard.hangs = func(k, key string) bool { return strings.HasPrefix(k+" "+key, kind) }
			w.put(w.keys.Fence("n1"), units.Fence{Tenure: w.state().Tenure})
			w.until("it is dead", func() bool { return !u.running })
		})
	}
}

func TestAMachineThatFailsKeepsTheTenureFromEnding(t *testing.T) {
	for _, kind := range []string{"list", "look"} {
		t.Run(kind+" fails", func(t *testing.T) {
			w := newWorld(t).begin()
			w.start("app", time.Second)
			tenure := w.state().Tenure
			w.fails = map[string]error{kind: errors.New("out of order")}
			w.put(w.keys.Fence("n1"), units.Fence{Tenure: tenure})
			w.run(time.Minute)
			if s := w.state(); s.Phase != PhaseReleasing || s.Reason.Code != reasonUnbinds || !strings.Contains(s.Reason.Message, "out of order") || w.alive() != tenure {
				t.Errorf("%+v, alive %d", s, w.alive())
			}
			w.fails = nil
			w.until("a new tenure is fresh", func() bool { return w.fresh() && w.state().Tenure > tenure })
		})
	}
	t.Run("stop fails", func(t *testing.T) {
		w := newWorld(t).begin()
		u := w.start("app", 3*time.Second)
		w.fails = map[string]error{"stop": errors.New("out of order")}
		w.put(w.keys.Fence("n1"), units.Fence{Tenure: w.state().Tenure})
		w.until("it is killed", func() bool { return !u.running })
		w.until("a new tenure is fresh", w.fresh)
	})
}

func TestAUnitThatIsNotedLateIsFound(t *testing.T) {
	w := newWorld(t).begin()
	w.start("first", 3*time.Second)
	w.put(w.keys.Fence("n1"), units.Fence{Tenure: w.state().Tenure})
	w.until("it is released", func() bool { return w.state().Phase == PhaseReleasing })
	w.run(time.Second)
	late := w.note("late", time.Second) // systemd was asked before, and took its time
	w.until("a new tenure is fresh", w.fresh)
	if late.running {
		t.Error("the late one runs")
	}
}

func TestAGuardWithoutAMachineHasNothingToEnd(t *testing.T) {
	w := newWorld(t)
	w.startGuard()
	w.shell().o.Machine, w.shell().clean = nil, true
	w.until("it is fresh", w.fresh)
	w.put(w.keys.Fence("n1"), units.Fence{Tenure: w.state().Tenure})
	w.until("another tenure is fresh", func() bool { return w.claimed == 2 && w.fresh() })
	if len(w.calls) > 0 {
		t.Errorf("the machine was called: %v", w.calls)
	}
}
