package guard

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/units/loop/looptest"
)

// reaped is a world in which a reaper looks on.
func reaped(t testing.TB) *world {
	w := newWorld(t)
	w.startReaper()
	return w.begin()
}

func TestTheReaperKillsWhatAPausedGuardDoesNotEnd(t *testing.T) {
	for _, stop := range []time.Duration{0, time.Second, 4 * time.Second, 40 * time.Second} {
		t.Run(stop.String(), func(t *testing.T) {
			w := reaped(t)
			u := w.start("app", stop)
			until := w.state().FreshUntil
			w.guard.paused = true
			w.until("it is dead", func() bool { return !u.running })
			if late := u.endedAt - until - stop; late < 0 || late > 200*time.Millisecond {
				t.Errorf("it was killed %s after its time to stop was over", late)
			}
		})
	}
}

func TestTheReaperLeavesAFreshTenureAlone(t *testing.T) {
	w := reaped(t)
	u := w.start("app", time.Second)
	w.run(5 * time.Minute)
	if w.called("kill", u) || w.called("look", u) {
		t.Error("it was looked for")
	}
	if lists := strings.Count(strings.Join(w.calls, "\n"), "list"); lists > 5*60/2+5 {
		t.Errorf("what is bound was listed %d times in 5 minutes", lists)
	}
}

func TestTheReaperGoesByTheGuardThatDied(t *testing.T) {
	w := reaped(t)
	u := w.start("app", 4*time.Second)
	until := w.state().FreshUntil
	w.killGuard()
	w.run(until - w.now.Boot + 3*time.Second)
	if !u.running {
		t.Fatal("it was killed before its time to stop was over")
	}
	w.run(2 * time.Second)
	if u.running {
		t.Error("it runs")
	}
}

func TestTheReaperEndsWhatAGuardThatHangsGaveUp(t *testing.T) {
	w := reaped(t)
	u := w.start("app", 4*time.Second)
	w.guard.hangs = func(kind, _ string) bool { return strings.HasSuffix(kind, "-bound") }
	at := w.now.Boot
	w.shell().End("the machine goes down")
	w.until("it is dead", func() bool { return !u.running })
	if late := u.endedAt - at - u.StopTimeout; late < 0 || late > 200*time.Millisecond {
		t.Errorf("it was killed %s after its time to stop was over", late)
	}
}

func TestTheReaperKillsAtOnce(t *testing.T) {
	for name, change := range map[string]func(*world, *program){
		"what is of an earlier tenure":    func(_ *world, u *program) { u.Tenure-- },
		"what is of a tenure not claimed": func(_ *world, u *program) { u.Tenure++ },
		"what is of an earlier boot":      func(w *world, _ *program) { w.word.BootID = "boot-0" },
	} {
		t.Run(name, func(t *testing.T) {
			w := reaped(t)
			u := w.note("app", time.Hour)
			w.guard.paused = true
			change(w, u)
			began := w.now.Boot
			w.until("it is dead", func() bool { return !u.running })
			if took := u.endedAt - began; took > listEvery+reapEvery {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestAUnitOfWhichNothingIsKnownRunsUntilTheFence(t *testing.T) {
	w := reaped(t)
	u := w.note("app", 0)
	u.Tenure = 0
	until := w.state().FreshUntil
	w.run(time.Second)
	w.guard.paused = true
	w.until("it is dead", func() bool { return !u.running })
	if u.endedAt < until {
		t.Errorf("it was killed %s before the fence", until-u.endedAt)
	}
}

func TestAWordThatCannotBeReadIsRemembered(t *testing.T) {
	w := reaped(t)
	u := w.start("app", time.Second)
	w.run(time.Second)
	until := w.state().FreshUntil
	w.guard.paused = true
	w.wordErr = errors.New("input/output error")
	w.until("it is dead", func() bool { return !u.running })
	if late := u.endedAt - until - time.Second; late < 0 || late > 200*time.Millisecond {
		t.Errorf("it was killed %s after its time to stop was over", late)
	}
}

func TestWithoutAnyWordTheReaperCountsFromItsOwnBeginning(t *testing.T) {
	for name, err := range map[string]error{"there is none": nil, "it cannot be read": errors.New("input/output error")} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			u := w.note("app", 2*time.Second)
			u.Tenure = 7
			w.wordErr = err
			w.startReaper()
			began := w.now.Boot
			for u.running && w.now.Boot < began+time.Minute {
				w.run(tick)
			}
			if late := u.endedAt - began - FenceAfter - 2*time.Second; late < 0 || late > 200*time.Millisecond {
				t.Errorf("it was killed %s after F and its time to stop", late)
			}
		})
	}
}

func TestTheReapersCallsAreMadeAgain(t *testing.T) {
	for kind, allowed := range map[string]time.Duration{"kill": 200 * time.Millisecond, "look": 200 * time.Millisecond, "list": 500 * time.Millisecond} {
		t.Run(kind+" fails for a while", func(t *testing.T) {
			w := reaped(t)
			u := w.start("app", 0)
			w.guard.paused = true
			w.until("the fence comes", func() bool { return !w.fresh() })
			w.fails = map[string]error{kind: errors.New("out of order")}
			w.run(3300 * time.Millisecond)
			w.fails = nil
			w.run(allowed)
			if u.running {
				t.Error("it runs")
			}
		})
	}
	t.Run("about one unit they hold up no other", func(t *testing.T) {
		w := reaped(t)
		w.start("first", 0)
		u := w.start("second", 0)
		w.reaper.hangs = func(_, key string) bool { return strings.HasPrefix(key, "prod.first") }
		w.guard.paused = true
		w.until("the second is dead", func() bool { return !u.running })
	})
	t.Run("a unit that systemd started again", func(t *testing.T) {
		w := reaped(t)
		u := w.start("app", 0)
		w.guard.paused = true
		w.until("it is dead", func() bool { return !u.running })
		w.run(time.Second) // the reaper has seen that it is
		u.running = true
		w.run(1500 * time.Millisecond)
		if u.running {
			t.Error("it runs")
		}
	})
}

func TestATenureThatIsFreshAgainIsSpared(t *testing.T) {
	w := reaped(t)
	u := w.start("app", 4*time.Second)
	w.guard.paused = true
	w.run(9 * time.Second) // the fence came; its time to stop is not over
	w.guard.paused = false
	w.until("it is fresh", w.fresh)
	v := w.start("next", 0)
	w.run(time.Minute)
	if !v.running || w.called("kill", v) {
		t.Error("the next one was killed")
	}
	_ = u
}

// The guard was held up, and told that it is fresh before the reaper heard whether anything was left to kill.
func TestATenureThatIsFreshAgainWhileAUnitIsLookedForIsSpared(t *testing.T) {
	w := reaped(t)
	u := w.start("app", 0)
	w.run(listEvery)
	w.guard.paused, w.reaper.paused = true, true
	w.run(2 * FenceAfter)
	b := w.reaper.bench
	b.Now = w.now
	for b.Exec.Find("look-bound", "") == nil {
		b.Step()
		for _, task := range b.Exec.Waiting() {
			if task.Kind != "look-bound" {
				task.Run(looptest.Applied)
			}
		}
	}
	w.word.FreshUntil = w.now.Boot + FenceAfter
	b.Step()
	b.Settle()
	if w.called("kill", u) || !w.called("look", u) {
		t.Errorf("%v", w.calls)
	}
}

// A note that could not be read names no tenure and no time to stop, until it can.
func TestANoteCountsAsItIsNow(t *testing.T) {
	w := reaped(t)
	u := w.note("app", 0)
	tenure := u.Tenure
	u.Tenure = 0
	w.run(2 * listEvery)
	u.Tenure, u.StopTimeout = tenure, 4*time.Second
	w.run(2 * listEvery)
	until := w.state().FreshUntil
	w.guard.paused = true
	w.until("it is dead", func() bool { return !u.running })
	if late := u.endedAt - until - u.StopTimeout; late < 0 || late > 200*time.Millisecond {
		t.Errorf("it was killed %s after its time to stop was over", late)
	}
}

func TestANewTenureIsNoSurprise(t *testing.T) {
	w := reaped(t)
	for range 20 {
		w.shell().asked = w.state().Tenure
		before := w.claimed
		w.until("a new tenure is fresh", func() bool { return w.claimed > before && w.fresh() })
		u := w.start("app", time.Minute)
		u.takes = time.Millisecond
		w.run(3*time.Second + 7*tick)
		if w.called("kill", u) {
			t.Fatal("a unit of a fresh tenure was killed")
		}
		u.running, u.noted = false, false
	}
}

func TestAUnitThatBeganRightBeforeTheFenceIsKilledInTimeAsWell(t *testing.T) {
	for before := tick; before < 4*time.Second; before += 300 * time.Millisecond {
		w := newWorld(t).begin()
		w.guard.paused = true
		until := w.state().FreshUntil
		w.run(1100 * time.Millisecond) // its lists fall beside the fence
		w.startReaper()
		w.run(until - w.now.Boot - before)
		u := w.start("app", 0)
		w.until("it is dead", func() bool { return !u.running })
		if late := u.endedAt - until; late < 0 || late > 200*time.Millisecond {
			t.Errorf("it began %s before the fence, and was killed %s after it", before, late)
		}
	}
}
