package guard

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop/looptest"
	"github.com/nsched/nsched/units/registry"
)

func TestWhatEndsATenure(t *testing.T) {
	first := units.Cluster{ID: "c1", Epoch: 1, Schema: 1}
	for name, c := range map[string]struct {
		happens func(*world)
		code    string // "": the tenure goes on
	}{
		"the scheduler asks for it": {func(w *world) {
			w.put(w.keys.Fence("n1"), units.Fence{Tenure: w.state().Tenure})
		}, reasonFenced},
		"the scheduler asked for an earlier one": {func(w *world) {
			w.put(w.keys.Fence("n1"), units.Fence{Tenure: w.state().Tenure - 1})
		}, ""},
		"the fence cannot be read":        {func(w *world) { w.put(w.keys.Fence("n1"), "?") }, ""},
		"the epoch rises":                 {func(w *world) { w.put(w.keys.Cluster(), units.Cluster{ID: "c1", Epoch: 2, Schema: 1}) }, reasonCluster},
		"the cluster is another":          {func(w *world) { w.put(w.keys.Cluster(), units.Cluster{ID: "c2", Epoch: 1, Schema: 1}) }, reasonCluster},
		"the cluster is written again":    {func(w *world) { w.put(w.keys.Cluster(), first) }, ""},
		"the schema rises":                {func(w *world) { w.put(w.keys.Cluster(), units.Cluster{ID: "c1", Epoch: 1, Schema: 2}) }, ""},
		"the cluster's key is gone":       {func(w *world) { w.remove(w.keys.Cluster()) }, ""},
		"the cluster's key is unreadable": {func(w *world) { w.put(w.keys.Cluster(), "?") }, ""},
		"the cluster's key has no id":     {func(w *world) { w.put(w.keys.Cluster(), `{"v":1,"epoch":2}`) }, ""},
		"the cluster's key has no epoch":  {func(w *world) { w.put(w.keys.Cluster(), `{"v":1,"id":"c1"}`) }, ""},
		"somebody removes alive":          {func(w *world) { w.remove(w.keys.Alive("n1")) }, reasonTaken},
		"somebody revokes the lease":      {func(w *world) { must(w, w.etcd.Revoke(w.t.Context(), w.state().Lease)) }, ""}, // told by either
		"etcd is away for a while": {func(w *world) {
			w.cut = true
			w.run(3 * time.Second)
			w.cut = false
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.put(w.keys.Cluster(), first)
			w.begin()
			w.run(time.Second)
			u := w.start("app", time.Second)
			tenure := w.state().Tenure
			c.happens(w)
			if c.code == "" && w.alive() == tenure {
				w.run(time.Minute)
				if w.state().Tenure != tenure || !w.fresh() || !u.running {
					t.Errorf("tenure %d became %+v; %v", tenure, w.state(), w.anyone())
				}
				return
			}
			w.until("it is released", func() bool { return w.state().Phase == PhaseReleasing })
			if code := w.state().Reason.Code; code != c.code && c.code != "" {
				t.Errorf("released for %s, want %s", code, c.code)
			}
			if w.fresh() {
				t.Error("a tenure that is given up is fresh")
			}
			w.until("a new one is fresh", func() bool { return w.fresh() && w.state().Tenure != tenure })
			w.run(time.Minute)
			if w.claimed != 2 || w.state().Phase != PhaseHolding {
				t.Errorf("%d claims, %+v", w.claimed, w.state())
			}
		})
	}
}

func must(w *world, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestTheLeaseIsRenewedUntilAllIsGone(t *testing.T) {
	w := newWorld(t).begin()
	slow := w.start("slow", 40*time.Second)
	tenure := w.state().Tenure
	w.put(w.keys.Fence("n1"), units.Fence{Tenure: tenure})
	w.run(39 * time.Second)
	if w.alive() != tenure || !slow.running {
		t.Fatalf("alive is %d of %d, it runs: %v", w.alive(), tenure, slow.running)
	}
	w.until("a new one is fresh", w.fresh)
}

func TestAKeyThatIsGoneIsNamed(t *testing.T) {
	w := newWorld(t).begin()
	w.start("app", time.Second)
	w.remove(w.keys.Alive("n1"))
	w.until("it is released", func() bool { return w.state().Phase == PhaseReleasing })
	if why := w.state().Reason; why.Code != reasonTaken || !strings.Contains(why.Message, w.keys.Alive("n1")) {
		t.Errorf("%+v", why)
	}
}

func TestATenureOlderThanTheClusterGoesOnInIt(t *testing.T) {
	w := newWorld(t).begin()
	w.put(w.keys.Cluster(), units.Cluster{ID: "c1", Epoch: 1, Schema: 1})
	w.run(30 * time.Second)
	if w.claimed != 1 || !w.fresh() {
		t.Fatalf("%d claims, %+v", w.claimed, w.state())
	}
	w.startGuard() // the memory knows as well
	w.put(w.keys.Cluster(), units.Cluster{ID: "c1", Epoch: 2, Schema: 1})
	w.until("a new tenure is fresh", func() bool { return w.claimed == 2 && w.fresh() })
}

func TestAnEpochThatRoseWhileTheGuardWasAwayEndsTheTenure(t *testing.T) {
	w := newWorld(t)
	w.put(w.keys.Cluster(), units.Cluster{ID: "c1", Epoch: 1, Schema: 1})
	w.begin()
	w.killGuard()
	w.put(w.keys.Cluster(), units.Cluster{ID: "c1", Epoch: 2, Schema: 1})
	w.startGuard()
	w.until("a new tenure is fresh", func() bool { return w.claimed == 2 && w.fresh() })
}

// An etcd that was restored from before the claim, but after the lease was granted, renews the lease and knows
// of no tenure.
func TestAnAdoptedTenureThatEtcdDoesNotKnowIsGivenUp(t *testing.T) {
	for name, claimed := range map[string]int64{"etcd went back behind it": 1000, "etcd did not go back": 1} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			lease, err := w.etcd.Grant(t.Context(), DefaultTTL)
			must(w, err)
			w.put(w.keys.Cluster(), units.Cluster{ID: "c1", Epoch: 1, Schema: 1})
			w.memory = Memory{BootID: w.boot, Lease: lease.ID, Tenure: claimed, Cluster: units.Cluster{ID: "c1", Epoch: 1, Schema: 1}}
			w.startGuard()
			w.until("a tenure of its own is fresh", func() bool { return w.fresh() && w.claimed == 1 && w.alive() == w.state().Tenure })
		})
	}
}

func TestWithoutAMemoryEverythingBoundEndsFirst(t *testing.T) {
	for name, memory := range map[string]func(*world){
		"there is none":     func(w *world) { w.memory = Memory{} },
		"it is unreadable":  func(w *world) { w.memoryErr = errors.New("decode it") },
		"it is of old boot": func(w *world) { w.memory.BootID = "boot-0" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).begin()
			u := w.start("app", 5*time.Second)
			w.killGuard()
			memory(w)
			began := w.now.Boot
			w.startGuard()
			w.until("it is dead", func() bool { return !u.running })
			if took := u.endedAt - began; took < 5*time.Second || took > 5*time.Second+200*time.Millisecond {
				t.Errorf("it was killed after %s", took)
			}
			w.until("a new tenure is fresh", func() bool { return w.claimed == 2 && w.fresh() })
		})
	}
}

func TestWithoutAMemoryNothingIsClaimedWhileSomethingBoundRuns(t *testing.T) {
	w := newWorld(t)
	w.note("app", 30*time.Second).Tenure = 7
	w.startGuard()
	w.run(29 * time.Second)
	if w.claimed != 0 || w.state().Lease != 0 {
		t.Errorf("%d claims, %+v", w.claimed, w.state())
	}
	w.until("it is fresh", w.fresh)
}

// A view that lags shows the place as it was before the tenure began.
func TestWhatWasSeenBeforeTheTenureSaysNothingAboutIt(t *testing.T) {
	w := newWorld(t)
	w.put(w.keys.Cluster(), units.Cluster{ID: "c1", Epoch: 2, Schema: 1})
	w.begin()
	g := w.shell()
	for _, c := range []struct {
		seen sighting
		over bool
	}{
		{sighting{any: true, revision: g.tenure - 1}, false},
		{sighting{any: true, revision: g.tenure - 1, regress: true}, true}, // etcd went back: this is what there is now
		{sighting{any: true, revision: g.tenure}, true},
		{sighting{any: true, revision: g.tenure, alive: g.tenure}, false},
		{sighting{any: true, revision: g.tenure, alive: g.tenure, known: true, cluster: units.Cluster{ID: "c1", Epoch: 1}}, true},
		{sighting{any: false, revision: g.tenure}, false},
	} {
		g.seen = c.seen
		if _, over := g.over(); over != c.over {
			t.Errorf("in tenure %d of epoch 2 %+v ends it: %v", g.tenure, c.seen, over)
		}
	}
}

func TestAnAdoptedTenureIsFreshOnlyByARenewal(t *testing.T) {
	w := newWorld(t).begin()
	u := w.start("app", 5*time.Second)
	u.takes = time.Second
	tenure := w.state().Tenure
	w.killGuard()
	w.cut = true
	w.startGuard()
	w.run(100 * time.Millisecond)
	if w.fresh() || !w.called("stop", u) {
		t.Errorf("fresh: %v; %v", w.fresh(), w.calls)
	}
	w.cut = false
	w.until("it is fresh", w.fresh)
	if w.state().Tenure != tenure || w.claimed != 1 {
		t.Errorf("%d claims, tenure %d became %d", w.claimed, tenure, w.state().Tenure)
	}
}

func TestAnUpgradeKeepsWhatIsBoundRunning(t *testing.T) {
	w := newWorld(t).begin()
	u := w.start("app", time.Second)
	w.shell().save()
	w.killGuard()
	w.cut = true
	w.startGuard()
	w.run(3 * time.Second)
	if !w.fresh() || w.called("stop", u) {
		t.Errorf("%+v %v", w.state(), w.calls)
	}
	w.until("the fence comes all the same", func() bool { return !u.running })
}

// A guard that was upgraded and crashed much later was followed by one that took the freshness saved at the
// upgrade for the latest: it told the reaper so, and both killed at once what had time left to stop.
func TestACrashLongAfterAnUpgradeLeavesWhatIsBoundItsTimeToStop(t *testing.T) {
	w := newWorld(t).begin()
	w.startReaper()
	w.shell().save()
	w.startGuard()
	w.run(time.Minute)
	u := w.start("app", 5*time.Second)
	w.killGuard()
	w.cut = true
	w.run(time.Second)
	w.startGuard()
	began := w.now.Boot
	w.until("it is dead", func() bool { return !u.running })
	if took := u.endedAt - began; took < 5*time.Second || took > 5*time.Second+200*time.Millisecond {
		t.Errorf("it had %s to stop", took)
	}
}

// A guard that dies while it gives a tenure up is followed by one that goes on giving it up: what had been
// saved of its freshness at an upgrade counts no more.
func TestAReleaseOutlivesTheGuard(t *testing.T) {
	w := newWorld(t).begin()
	slow := w.start("slow", 5*time.Second)
	tenure := w.state().Tenure
	w.shell().save()
	w.put(w.keys.Fence("n1"), units.Fence{Tenure: tenure})
	w.until("it is released", func() bool { return w.state().Phase == PhaseReleasing })
	w.remove(w.keys.Fence("n1"))
	w.startGuard()
	for w.alive() == tenure {
		w.run(tick)
		if w.state().Fresh(tenure, w.now.Boot) {
			t.Fatal("it is fresh")
		}
	}
	w.until("a new one is fresh", w.fresh)
	if slow.running {
		t.Error("it runs")
	}
}

func TestTheGuardGivesItsPlaceBackWhenTheMachineGoesDown(t *testing.T) {
	t.Run("while it holds", func(t *testing.T) {
		w := newWorld(t).begin()
		u := w.start("app", time.Second)
		w.shell().End("the machine goes down")
		w.until("it ended", func() bool { return w.state().Phase == PhaseEnded })
		if u.running || w.alive() != 0 || w.memory.Tenure != 0 {
			t.Errorf("it runs: %v, alive %d, memory %+v", u.running, w.alive(), w.memory)
		}
		w.run(time.Minute)
		if w.claimed != 1 {
			t.Errorf("%d claims", w.claimed)
		}
	})
	t.Run("in every phase before", func(t *testing.T) {
		for steps := range 12 {
			w := newWorld(t)
			w.startGuard()
			for range steps { // each makes what the one before it asked for
				w.guard.bench.Step()
				w.guard.bench.Exec.RunAll()
			}
			w.shell().End("the machine goes down")
			w.until("it ended", func() bool { return w.state().Phase == PhaseEnded })
			if w.alive() != 0 {
				t.Errorf("after %d steps alive stays", steps)
			}
		}
	})
	t.Run("after a claim whose answer was lost", func(t *testing.T) {
		w := newWorld(t)
		w.startGuard()
		b := w.guard.bench
		w.aboutToClaim()
		b.Exec.Find("claim", "").Run(looptest.ReplyLost)
		w.shell().End("the machine goes down")
		w.until("it ended", func() bool { return w.state().Phase == PhaseEnded })
		if w.alive() != 0 {
			t.Error("alive stays")
		}
	})
	t.Run("with etcd away it does not end what runs any less", func(t *testing.T) {
		w := newWorld(t).begin()
		u := w.start("app", time.Second)
		w.cut = true
		w.shell().End("the machine goes down")
		w.until("it is dead", func() bool { return !u.running })
		w.cut = false
		w.until("it ended", func() bool { return w.state().Phase == PhaseEnded })
	})
	t.Run("where something runs and no tenure is held", func(t *testing.T) {
		w := newWorld(t)
		u := w.note("app", 5*time.Second)
		w.startGuard()
		w.shell().End("the machine goes down")
		w.until("it ended", func() bool { return w.state().Phase == PhaseEnded })
		if u.running {
			t.Error("what is bound runs")
		}
	})
	t.Run("where another machine has its name", func(t *testing.T) {
		w := newWorld(t)
		w.put(w.keys.Node("n1"), units.Node{Key: "other"})
		w.startGuard()
		w.until("it is refused", func() bool { return w.state().Phase == PhaseRefused })
		w.shell().End("the machine goes down")
		w.until("it ended", func() bool { return w.state().Phase == PhaseEnded })
	})
}

func TestNothingIsFresherThanWasTold(t *testing.T) {
	w := newWorld(t).begin()
	u := w.start("app", time.Second)
	told := w.word
	w.wordErr = errors.New("no space left on device")
	w.until("the tenure ceases to be fresh", func() bool { return !w.fresh() })
	if w.now.Boot > told.FreshUntil+tick {
		t.Errorf("it ceased at %s, told was %s", w.now.Boot, told.FreshUntil)
	}
	w.until("it is dead", func() bool { return !u.running })
	if w.alive() != w.state().Tenure {
		t.Error("the tenure ended, too")
	}
	w.wordErr = nil
	w.until("it is fresh again", w.fresh)
}

func TestTheWordOfATenureThatIsGivenUpStandsStill(t *testing.T) {
	for _, crashes := range []bool{false, true} {
		w := newWorld(t).begin()
		w.start("slow", 10*time.Second)
		w.put(w.keys.Fence("n1"), units.Fence{Tenure: w.state().Tenure})
		w.until("it is released", func() bool { return w.state().Phase == PhaseReleasing })
		at := w.now.Boot
		if crashes {
			w.startGuard()
		}
		w.run(9 * time.Second)
		if w.word.FreshUntil > at {
			t.Errorf("it was given up at %s, and is fresh until %s by the word; the guard crashed: %v", at, w.word.FreshUntil, crashes)
		}
	}
}

func TestAClaimFindsWhatWasProbed(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(*world)
		then      func(*world) bool
	}{
		"the epoch rose": {
			func(w *world) { w.put(w.keys.Cluster(), units.Cluster{ID: "c1", Epoch: 2, Schema: 1}) },
			func(w *world) bool { return w.fresh() && w.claimed == 1 && w.memory.Cluster.Epoch == 2 },
		},
		"another machine registered the name": {
			func(w *world) { w.put(w.keys.Node("n1"), units.Node{Key: "another's"}) },
			func(w *world) bool { return w.state().Phase == PhaseRefused && w.alive() == 0 },
		},
		"a twin was faster": {
			func(w *world) {
				twins, err := w.etcd.Grant(w.t.Context(), time.Hour)
				must(w, err)
				_, err = w.etcd.Txn(w.t.Context(), registry.Txn{Then: []registry.Op{
					{Kind: registry.OpPut, Key: w.keys.Alive("n1"), Value: []byte(`{"v":1}`), Lease: twins.ID},
				}})
				must(w, err)
			},
			func(w *world) bool {
				return w.state().Phase == PhaseProbing && w.state().Reason.Code == reasonClaimed && w.claimed == 0
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.put(w.keys.Cluster(), units.Cluster{ID: "c1", Epoch: 1, Schema: 1})
			w.startGuard()
			b := w.guard.bench
			w.aboutToClaim()
			c.meanwhile(w)
			before := w.alive()
			b.Exec.RunAll()
			if w.alive() != before || w.state().Tenure != 0 {
				t.Errorf("it claimed by what was so no more: %+v", w.state())
			}
			for range 30 {
				w.run(time.Second)
				if w.state().Tenure != 0 && w.state().Tenure == before {
					t.Fatalf("it holds what is another's: %+v", w.state())
				}
			}
			if !c.then(w) {
				t.Errorf("%d claims, %+v, alive is %d", w.claimed, w.state(), w.alive())
			}
		})
	}
}

func TestANameThatIsForgottenIsClaimed(t *testing.T) {
	w := newWorld(t)
	w.put(w.keys.Node("n1"), units.Node{Key: "other"})
	w.startGuard()
	w.until("it is refused", func() bool { return w.state().Phase == PhaseRefused })
	w.remove(w.keys.Node("n1"))
	w.until("it is fresh", w.fresh)
}

// A view may lag, and tell only after a claim how the place was before it.
func TestWhatIsToldLateOfThePlaceBeforeATenureDoesNotEndIt(t *testing.T) {
	for name, before := range map[string]func(*world){
		"in the first tenure":        func(*world) {},
		"after one that was adopted": (*world).startGuard,
		"after one in which etcd went back": func(w *world) {
			placeSink{w.shell()}.Apply(registry.Batch{Regressed: true, Relisted: true, Revision: w.etcd.Revision()})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).begin()
			before(w)
			w.until("it is fresh", w.fresh)
			w.shell().asked = w.state().Tenure
			w.until("a new tenure is fresh", func() bool { return w.claimed > 1 && w.fresh() })
			w.run(time.Second)
			tenure, alive := w.state().Tenure, w.keys.Alive("n1")
			place := placeSink{w.shell()}
			place.Apply(registry.Batch{Revision: tenure - 1, Changes: []registry.Change{{KeyValue: registry.KeyValue{Key: alive}, Deleted: true}}})
			w.run(time.Second)
			place.Apply(registry.Batch{Revision: tenure, Changes: []registry.Change{{KeyValue: registry.KeyValue{Key: alive, CreateRevision: tenure}}}})
			w.run(10 * time.Second)
			if w.state().Tenure != tenure || !w.fresh() || w.claimed != 2 {
				t.Errorf("tenure %d became %+v", tenure, w.state())
			}
		})
	}
}

// What was asked when the tenure was not fresh the last time may be answered when it is not fresh again.
func TestALateAnswerAboutAnEarlierEndSettlesNothing(t *testing.T) {
	w := newWorld(t).begin()
	u := w.start("app", 20*time.Second)
	w.put(w.keys.Fence("n1"), units.Fence{Tenure: w.state().Tenure})
	w.until("it is released", func() bool { return w.state().Phase == PhaseReleasing })
	w.shell().unbound(&unbinding{}) // nothing was bound then
	w.run(10 * time.Second)
	if w.state().Phase != PhaseReleasing || !u.running {
		t.Errorf("it runs: %v; %+v", u.running, w.state())
	}
	w.until("a new tenure is fresh", w.fresh)
}

// A keepalive hung from before the tenure began until after, and was answered that the lease before is gone.
func TestAnAnswerAboutAnEarlierLeaseSaysNothingOfThisOne(t *testing.T) {
	w := newWorld(t).begin()
	var hangs *looptest.Task
	b := w.guard.bench
	w.settle = func() {
		b.Now = w.now
		for ran := true; ran || b.Mail.Len() > 0; {
			b.Step()
			ran = false
			for _, task := range b.Exec.Waiting() {
				if hangs == nil && task.Kind == "keepalive" {
					hangs = task
				}
				if task != hangs {
					task.Run(looptest.Applied)
					ran = true
				}
			}
		}
	}
	w.until("a keepalive hangs", func() bool { return hangs != nil })
	w.put(w.keys.Fence("n1"), units.Fence{Tenure: w.state().Tenure})
	w.until("a new tenure is fresh", func() bool { return w.claimed == 2 && w.fresh() })
	hangs.Run(looptest.Applied)
	w.run(10 * time.Second)
	if w.claimed != 2 || !w.fresh() {
		t.Errorf("%d claims, %+v", w.claimed, w.state())
	}
}

var _ registry.KV = wire{}
