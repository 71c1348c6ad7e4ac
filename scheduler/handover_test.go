package scheduler

import (
	"slices"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop/looptest"
	"github.com/nsched/nsched/units/registry"
)

func TestANodeThatWentWhileNobodyLedHasTimeToReturn(t *testing.T) {
	for name, followed := range map[string]bool{"the next leader had followed": true, "the next leader was started since": false} {
		t.Run(name, func(t *testing.T) {
			st := leading(t)
			for _, n := range []units.NodeName{"n1", "n2", "n3"} {
				st.node(n)
			}
			st.submit(helloID, evicted(hello(1)), 1)
			st.Advance(20 * time.Second)
			lost := st.home()
			var st2 *stage
			if followed {
				st2 = st.another("s2")
				st2.Settle()
			}
			st.resigned()
			st.lose(lost)
			if !followed {
				st2 = st.another("s2")
			}
			st2.Settle()
			st2.Advance(10 * time.Second)
			if up := st2.up(); !slices.Equal(up, []units.NodeName{lost}) || !st2.s.Overview().Leading {
				t.Fatalf("units are to run on %v, leading %v", up, st2.s.Overview().Leading)
			}
			st2.back(lost)
			st2.Advance(time.Minute)
			if up := st2.up(); !slices.Equal(up, []units.NodeName{lost}) {
				t.Errorf("units are to run on %v", up)
			}
		})
	}
}

// What the others' leases have left is asked when a leader begins. The node that went meanwhile has its time to
// return, and when that is over those answers say nothing any more.
func TestALeaderAsksAgainWhenItHasWaitedForANode(t *testing.T) {
	st := leading(t)
	alive := map[units.NodeName]registry.LeaseID{}
	for _, n := range []units.NodeName{"n1", "n2", "n3", "n4"} {
		alive[n] = st.leased(n)
	}
	st.submit(helloID, evicted(hello(8)), 8)
	st.run(20*time.Second, alive)
	before := st.up()
	st.resigned()
	st.lose("n1")
	delete(alive, "n1")
	st2 := st.another("s2")
	st2.Settle()
	st2.run(9*time.Second, alive)
	delete(alive, "n2") // its lease has six seconds left when the time of n1 is over
	st2.run(10*time.Second, alive)
	if up := st2.up(); !slices.Equal(up, before) || !st2.s.Overview().Frozen {
		t.Errorf("units are to run on %v, and were on %v; frozen %v", up, before, st2.s.Overview().Frozen)
	}
}

// There is no record of a forgotten node's loss: when its units are gone counts from when it was found gone, however
// often nodes are looked at since.
func TestASingletonOfAForgottenNodeIsReplacedThoughNodesChangeAllTheTime(t *testing.T) {
	st := leading(t)
	for _, n := range []units.NodeName{"n1", "n2", "n3"} {
		st.node(n)
	}
	st.submit(helloID, with(hello(1), single), 1)
	st.Advance(20 * time.Second)
	lost := st.home()
	st.del(st.keys.Alive(lost), st.keys.Agent(lost), st.keys.Node(lost))
	for second := range 14 {
		st.put(st.keys.Operator("n9"), units.Operator{Cordon: true})
		st.Advance(time.Second)
		if up := st.up(); second < 10 && !slices.Equal(up, []units.NodeName{lost}) {
			t.Fatalf("after %d s units are to run on %v", second+1, up)
		}
	}
	if up := st.up(); len(up) != 1 || up[0] == lost {
		t.Errorf("units are to run on %v", up)
	}
}

func TestTheTimeOfALossIsThatOfTheLastTenure(t *testing.T) {
	fence := func(tenure, at int64) held[units.Fence] {
		return held[units.Fence]{value: units.Fence{Tenure: tenure, LostAtMs: at}, rev: 50}
	}
	for name, test := range map[string]struct {
		node nodeFacts
		want int64
	}{
		"on record":                            {nodeFacts{tenure: 20, goneMs: 900, fence: fence(20, 700)}, 700},
		"on record of an earlier tenure":       {nodeFacts{tenure: 20, goneMs: 900, fence: fence(10, 700)}, 900},
		"on record of one before it was heard": {nodeFacts{tenure: 10, told: 20, goneMs: 900, fence: fence(10, 700)}, 900},
		"on record before it registered again": {nodeFacts{tenure: 20, goneMs: 900, fence: fence(20, 700), record: held[units.Node]{rev: 60}}, 900},
		"on record later than it was seen":     {nodeFacts{tenure: 20, goneMs: 900, fence: fence(20, 1000)}, 900},
		"on record, and not yet looked at":     {nodeFacts{tenure: 20, fence: fence(20, 1000)}, 1000},
	} {
		if got := test.node.lostAtMs(); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}

// A value can only speak of a tenure that began before it was written.
func TestATenureThatIsYetToBeginIsNotHeardOf(t *testing.T) {
	n := &nodeFacts{tenure: 10, goneMs: 5}
	n.heard(30, 30)
	if n.lastTenure() != 10 || n.goneMs != 5 {
		t.Errorf("%+v", n)
	}
	n.heard(29, 30)
	if n.lastTenure() != 29 || n.goneMs != 0 {
		t.Errorf("%+v", n)
	}
}

func TestADeletionIsNotWrittenOverAStatusThatIsNew(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.submit(helloID, hello(1), 1)
	st.Advance(2 * time.Second)
	node, id := st.only()
	r, err := st.etcd.Range(t.Context(), registry.Range{Key: st.keys.Unit(node, id)})
	if err != nil {
		t.Fatal(err)
	}
	st.put(st.keys.Status(node, id), units.Status{Assignment: r.KVs[0].CreateRevision, State: units.StateFailed})
	deleting := flying(t, st)
	st.put(st.keys.Status(node, id), units.Status{Assignment: r.KVs[0].CreateRevision, State: units.StateRunning})
	deleting.Run(looptest.Applied)
	if got := st.assignments(); len(got) != 1 {
		t.Errorf("assignments %v", got)
	}
}

func TestASingletonIsNotPlacedInARegistryThatSomebodyHasJustAccepted(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.Advance(2 * time.Second)
	st.submit(helloID, with(hello(1), single), 1)
	placing := flying(t, st)
	st.put(st.keys.Cluster(), units.Cluster{ID: "the-cluster", Epoch: 2, Schema: units.AppSchema})
	placing.Run(looptest.Applied)
	if got := st.assignments(); len(got) != 0 {
		t.Errorf("assignments %v", got)
	}
}

func TestEveryEpochIsSeenWhenItBegins(t *testing.T) {
	w := &world{}
	for i, rev := range []int64{5, 9} {
		w.cluster.rev = rev
		if at := int64(100 * (i + 1)); !w.seeEpoch(at) || w.seeEpoch(at+1) || w.epochSeenMs != at {
			t.Errorf("epoch %d: seen at %d, want %d", i+1, w.epochSeenMs, at)
		}
	}
}

func TestAnAnswerThatIsNoNewerThanTheViewTellsOfARestore(t *testing.T) {
	s := &Scheduler{world: &world{}, handed: 10}
	for _, test := range []struct {
		outcome  registry.Outcome
		revision int64
		want     bool
	}{
		{registry.Committed, 11, false},
		{registry.Committed, 10, true},
		{registry.Committed, 9, true},
		{registry.Conflict, 10, false},
		{registry.Conflict, 9, true},
		{registry.Conflict, 0, false},
		{registry.NotWritten, 0, false},
	} {
		if got := s.wentBack(registry.Result{Outcome: test.outcome, Revision: test.revision}); got != test.want {
			t.Errorf("%s at %d: %v", test.outcome, test.revision, got)
		}
	}
}

// A hand deleted an assignment, and then the record of its slot, which knew only of the attempt before.
func TestAnAttemptThatOnlyItsAssignmentSpokeOfIsNotGivenOutAgain(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.submit(helloID, hello(1), 1)
	st.Settle()
	st.fails()
	st.Advance(2 * time.Minute)
	node, second := st.only()
	st.del(st.keys.Unit(node, second))
	st.del(st.keys.Slots(helloID, "0"))
	st.Advance(2 * time.Minute)
	if _, third := st.only(); second.Attempt != 2 || third.Attempt != 3 {
		t.Errorf("%s follows %s", third, second)
	}
}

// A hand deleted the key of a node that was cut off, and put it there again. That was taken for a new tenure, which no
// guard claims before all that was bound to the last one is gone: a singleton was placed beside the one that still ran.
func TestAKeyThatAHandHasPutIsNoTenure(t *testing.T) {
	st := leading(t)
	for _, n := range []units.NodeName{"n1", "n2", "n3"} {
		st.node(n)
	}
	st.submit(helloID, with(hello(1), single), 1)
	st.Advance(20 * time.Second)
	cut := st.home()
	st.del(st.keys.Alive(cut))
	st.put(st.keys.Alive(cut), units.Alive{})
	st.Advance(time.Minute)
	if up := st.up(); !slices.Equal(up, []units.NodeName{cut}) {
		t.Errorf("units are to run on %v", up)
	}
	if txns, quiet := st.spin(500); !quiet || txns > 2 {
		t.Errorf("%d transactions at one instant, quiet %v", txns, quiet)
	}
	st.del(st.keys.Alive(cut))
	st.Advance(10 * time.Second)
	if up := st.up(); !slices.Equal(up, []units.NodeName{cut}) {
		t.Errorf("replaced early: units are to run on %v", up)
	}
	st.Advance(20 * time.Second)
	if up := st.up(); len(up) != 1 || up[0] == cut {
		t.Errorf("not replaced: units are to run on %v", up)
	}
}
