package scheduler

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop/looptest"
	"github.com/nsched/nsched/units/registry"
)

func (st *stage) del(keys ...string) {
	var ops []registry.Op
	for _, k := range keys {
		ops = append(ops, registry.Op{Kind: registry.OpDelete, Key: k})
	}
	if _, err := st.etcd.Txn(st.t.Context(), registry.Txn{Then: ops}); err != nil {
		st.t.Fatal(err)
	}
}

// up are the nodes of the units that are to run, in order.
func (st *stage) up() []units.NodeName {
	var on []units.NodeName
	for key, a := range st.assignments() {
		if a.Desired == units.DesiredRun {
			on = append(on, units.NodeName(strings.Split(key, "/")[0]))
		}
	}
	slices.Sort(on)
	return on
}

// spin steps up to n rounds without moving the clock and counts txns.
func (st *stage) spin(n int) (txns int, quiet bool) {
	for range n {
		st.Step()
		w := st.Exec.Waiting()
		for _, t := range w {
			if t.Kind == "txn" {
				txns++
			}
		}
		if st.Exec.RunAll() == 0 && st.Mail.Len() == 0 {
			return txns, true
		}
	}
	return txns, false
}

// A fence that cannot be read was written again and again, and nothing else was planned meanwhile.
func TestAFenceThatCannotBeReadHoldsUpNothing(t *testing.T) {
	st := leading(t)
	for i := range 4 {
		st.node(units.NodeName(fmt.Sprintf("n%d", i+1)))
	}
	st.Advance(2 * time.Second)
	st.putRaw(st.keys.Fence("n1"), []byte("{"))
	st.Settle()
	st.del(st.keys.Alive("n1"), st.keys.Agent("n1"))
	txns, quiet := st.spin(500)
	if !quiet || txns > 5 {
		t.Errorf("%d transactions at one instant, quiet %v", txns, quiet)
	}
	st.submit(helloID, hello(1), 1)
	if _, quiet = st.spin(500); !quiet || len(st.assignments()) != 1 {
		t.Errorf("%d assignments, quiet %v", len(st.assignments()), quiet)
	}
}

// A registration that cannot be read kept its lost node's units from being replaced.
func TestTheUnitsOfALostNodeAreReplacedThoughItsRegistrationCannotBeRead(t *testing.T) {
	st := leading(t)
	for i := range 4 {
		st.node(units.NodeName(fmt.Sprintf("n%d", i+1)))
	}
	st.submit(helloID, evicted(hello(4)), 4)
	st.Advance(2 * time.Second)
	var on units.NodeName
	for k := range st.assignments() {
		on = units.NodeName(strings.Split(k, "/")[0])
	}
	st.putRaw(st.keys.Node(on), []byte(`{"v":2}`))
	st.Settle()
	st.del(st.keys.Alive(on), st.keys.Agent(on))
	txns, quiet := st.spin(500)
	if !quiet || txns > 5 {
		t.Errorf("%d transactions at one instant, quiet %v", txns, quiet)
	}
	if up := st.up(); len(up) != 4 || slices.Contains(up, on) {
		t.Errorf("units are to run on %v, want four and none on %s", up, on)
	}
}

func TestAnIdentityThatCannotBeReadMakesNoHotLoop(t *testing.T) {
	st := onStage(t)
	st.putRaw(st.keys.Cluster(), []byte(`{"v":2}`))
	st.node("n1")
	st.submit(helloID, hello(1), 1)
	txns, quiet := st.spin(500)
	if !quiet || txns > 5 || len(st.assignments()) != 1 {
		t.Errorf("%d transactions, quiet %v, assignments %v", txns, quiet, st.assignments())
	}
}

// A hand's JSON in the cluster's own keys, which said nothing, was a registry that had gone back to the scheduler that
// led: it held until a person acknowledged a restore that never was.
func TestALeaderGoesOnByWhatItKnewOfAnIdentityOrAClockThatSaysNothing(t *testing.T) {
	for _, c := range []struct{ key, value string }{
		{"cluster", `{"v":1}`},
		{"cluster", `{"v":1,"epoch":1,"schema":1}`},
		{"cluster", `{"v":1,"id":"the-cluster"}`},
		{"cluster/clock", `{"v":1}`},
	} {
		t.Run(c.key+" "+c.value, func(t *testing.T) {
			st := leading(t)
			st.node("n1")
			st.Advance(10 * time.Second)
			st.putRaw(st.keys.Prefix()+c.key, []byte(c.value))
			st.Settle()
			if o := st.s.Overview(); !o.Leading || o.Seen.Held != "" || o.BadKeys[st.keys.Prefix()+c.key] == "" {
				t.Errorf("%+v", o)
			}
			st.submit(helloID, hello(1), 1)
			st.Advance(time.Minute)
			if o := st.s.Overview(); !o.Leading || o.Seen.Held != "" || len(st.assignments()) != 1 {
				t.Errorf("%+v, %v", o, st.assignments())
			}
		})
	}
}

func TestAClockThatCannotBeReadIsWrittenAgainAndTimeGoesOn(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.Advance(10 * time.Second)
	st.putRaw(st.keys.Clock(), []byte(`{"v":2}`))
	st.Settle()
	st.Advance(60 * time.Second)
	r, err := st.etcd.Range(t.Context(), registry.Range{Key: st.keys.Clock()})
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := registry.Decode[units.Clock](r.KVs[0].Key, r.KVs[0].Value)
	if err != nil || c.N < 10 || c.TimeMs < st.Now.Wall.UnixMilli()-10_000 {
		t.Errorf("clock %+v, %v", c, err)
	}
}

// noSpace is an etcd that takes no assignments, or answers nothing about leases.
type noSpace struct {
	registry.KV
	full   bool
	txns   int
	ttls   int
	ttlErr error
}

func (n *noSpace) Txn(ctx context.Context, x registry.Txn) (registry.TxnResult, error) {
	n.txns++
	for _, op := range x.Then {
		if n.full && op.Kind == registry.OpPut && strings.Contains(op.Key, "/units/") {
			return registry.TxnResult{}, registry.ErrNoSpace
		}
	}
	return n.KV.Txn(ctx, x)
}

func (n *noSpace) TimeToLive(ctx context.Context, id registry.LeaseID) (registry.Lease, error) {
	n.ttls++
	if n.ttlErr != nil {
		return registry.Lease{}, n.ttlErr
	}
	return n.KV.TimeToLive(ctx, id)
}

func onStageKV(t *testing.T) (*stage, *noSpace) {
	keys, _ := registry.NewKeys("")
	b := looptest.NewBench(t)
	st := &stage{Bench: b, t: t, etcd: registry.NewMemory(registry.MemoryOptions{}), keys: keys}
	clock := time.Duration(0)
	b.Tick = func(d time.Duration) { clock += d; st.etcd.Advance(clock) }
	ns := &noSpace{KV: looptest.NewKV(st.etcd)}
	var err error
	st.s, err = New(Options{Self: units.Leader{Name: "s1", API: "http://s1:7441"}, ClusterID: "the-cluster", Keys: keys, KV: ns, Leases: prompt(), Mail: b.Mail, Executor: b.Exec})
	if err != nil {
		t.Fatal(err)
	}
	b.Use(st.s)
	return st, ns
}

// What etcd refused was sent again as fast as it answered.
func TestWhatEtcdRefusesIsNotRepeatedInAHurry(t *testing.T) {
	st, ns := onStageKV(t)
	st.Settle()
	st.node("n1")
	st.Advance(2 * time.Second)
	ns.full, ns.txns = true, 0
	st.submit(helloID, hello(1), 1)
	_, quiet := st.spin(500)
	if !quiet || ns.txns > 5 {
		t.Errorf("%d transactions at one instant, quiet %v", ns.txns, quiet)
	}
}

func TestAQuestionThatIsDeniedIsNotRepeatedInAHurry(t *testing.T) {
	st, ns := onStageKV(t)
	st.Settle()
	for i := range 5 {
		st.node(units.NodeName(fmt.Sprintf("n%d", i+1)))
	}
	st.Advance(2 * time.Second)
	ns.ttlErr = registry.ErrPermission
	st.del(st.keys.Alive("n1"), st.keys.Agent("n1"))
	_, quiet := st.spin(500)
	if !quiet || ns.ttls > 10 {
		t.Errorf("%d questions at one instant, quiet %v", ns.ttls, quiet)
	}
}

// leased registers a machine that is in its place on a lease of 15 s.
func (st *stage) leased(name units.NodeName) registry.LeaseID {
	st.put(st.keys.Node(name), units.Node{
		System: "x86_64-linux", AppSchema: units.AppSchema, Addresses: []string{"10.0.0.1"},
		Capacity: units.Capacity{CPUMilli: 4000, MemoryBytes: 8 << 30, DiskBytes: 1 << 40},
	})
	l, err := st.etcd.Grant(st.t.Context(), 15*time.Second)
	if err != nil {
		st.t.Fatal(err)
	}
	for _, key := range []string{st.keys.Alive(name), st.keys.Agent(name)} {
		if _, err := st.etcd.Txn(st.t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: []byte(`{"v":1}`), Lease: l.ID}}}); err != nil {
			st.t.Fatal(err)
		}
	}
	return l.ID
}

func (st *stage) run(d time.Duration, alive map[units.NodeName]registry.LeaseID) {
	for range int(d / time.Second) {
		for _, id := range alive {
			_, _ = st.etcd.KeepAlive(st.t.Context(), id)
		}
		st.Advance(time.Second)
	}
}

// What a lease had left was asked once in a term and believed for ever: after one earlier loss, half of
// the nodes could go at once and their units were evicted.
func TestHalfOfTheNodesAtOnceAreNotEvictedAfterAnEarlierLossEither(t *testing.T) {
	for _, earlier := range []bool{false, true} {
		st := leading(t)
		alive := map[units.NodeName]registry.LeaseID{}
		for i := range 10 {
			n := units.NodeName(fmt.Sprintf("n%02d", i))
			alive[n] = st.leased(n)
		}
		st.submit(helloID, hello(30), 30)
		st.run(20*time.Second, alive)
		if earlier { // one node dies, is replaced and comes back an hour later
			delete(alive, "n09")
			st.run(30*time.Second, alive)
			alive["n09"] = st.leased("n09")
			st.run(10*time.Second, alive)
		}
		count := func() (stop int) {
			for _, a := range st.assignments() {
				if a.Desired == units.DesiredStop {
					stop++
				}
			}
			return
		}
		before := count()
		// five of ten lose power together; their keepalives were up to 2 s apart
		gone := []units.NodeName{"n00", "n01", "n02", "n03", "n04"}
		for i, n := range gone {
			id := alive[n]
			delete(alive, n)
			_, _ = st.etcd.KeepAlive(t.Context(), id)
			st.run(0, alive)
			if i%2 == 1 {
				st.run(time.Second, alive)
			}
		}
		st.run(40*time.Second, alive)
		if o := st.s.Overview(); count() != before || !o.Frozen || o.NodesLost != 5 {
			t.Errorf("earlier loss %v: %d evictions, frozen %v, %d lost", earlier, count()-before, o.Frozen, o.NodesLost)
		}
	}
}

// Half of the nodes were cut off for a while. Nothing was evicted, until the first was back: then the other
// was one lost node of four, and its units were evicted a second before it returned.
func TestNodesThatReturnOneAfterTheOtherLoseNothing(t *testing.T) {
	for _, pause := range []time.Duration{time.Second, 12 * time.Second, time.Minute} {
		st := leading(t)
		alive := map[units.NodeName]registry.LeaseID{}
		for i := range 4 {
			n := units.NodeName(fmt.Sprintf("n%d", i))
			alive[n] = st.leased(n)
		}
		st.submit(helloID, evicted(hello(8)), 8)
		st.run(20*time.Second, alive)
		stops := func() (n int) {
			for _, a := range st.assignments() {
				if a.Desired == units.DesiredStop {
					n++
				}
			}
			return n
		}
		delete(alive, "n0")
		delete(alive, "n1")
		st.run(40*time.Second, alive)
		if o := st.s.Overview(); stops() != 0 || !o.Frozen {
			t.Fatalf("%d evictions, frozen %v", stops(), o.Frozen)
		}
		alive["n0"] = st.leased("n0")
		st.run(pause, alive)
		if got := stops(); (got == 0) != (pause < time.Minute) {
			t.Errorf("%v after the first of two is back, %d units of the other have been evicted", pause, got)
		}
	}
}

// A keepalive that was late once counted its node as lost for good.
func TestANodeThatWasLateOnceDoesNotFreezeEvictionsForGood(t *testing.T) {
	st := leading(t)
	alive := map[units.NodeName]registry.LeaseID{}
	for i := range 4 {
		n := units.NodeName(fmt.Sprintf("n%d", i))
		alive[n] = st.leased(n)
	}
	st.submit(helloID, evicted(hello(4)), 4)
	st.run(20*time.Second, alive)
	delete(alive, "n0")
	st.run(9*time.Second, alive)
	late := alive["n1"]
	delete(alive, "n1") // its guard is slow for five seconds
	st.run(8*time.Second, alive)
	alive["n1"] = late
	st.run(10*time.Minute, alive)
	o := st.s.Overview()
	if up := st.up(); o.Frozen || o.NodesLost != 1 || len(up) != 4 || slices.Contains(up, "n0") {
		t.Errorf("frozen %v, %d lost, units are to run on %v", o.Frozen, o.NodesLost, up)
	}
}

// A record of an earlier loss made a fresh leader evict at once.
func TestARecordOfAnEarlierTenureIsNoLoss(t *testing.T) {
	for _, old := range []bool{false, true} {
		st := onStage(t)
		for i := range 6 {
			n := units.NodeName(fmt.Sprintf("n%d", i))
			if old && i < 3 {
				st.put(st.keys.Fence(n), units.Fence{Tenure: 1, Reason: "last month"})
			}
			st.leased(n)
		}
		st.submit(helloID, hello(6), 6)
		st.Settle()
		st.Advance(2 * time.Second)
		// everything off for a while: leases gone; then a fresh scheduler comes up
		for i := range 6 {
			n := units.NodeName(fmt.Sprintf("n%d", i))
			st.del(st.keys.Alive(n), st.keys.Agent(n))
		}
		st2 := &stage{Bench: looptest.NewBench(t), t: t, etcd: st.etcd, keys: st.keys}
		st2.Bench.Tick = nil
		// old leader resigns cleanly
		st.s.Resign()
		for range 20 {
			st.Step()
			st.Exec.RunAll()
		}
		var err error
		st2.s, err = New(Options{Self: units.Leader{Name: "s2"}, ClusterID: "x", Keys: st.keys, KV: looptest.NewKV(st.etcd), Leases: prompt(), Mail: st2.Mail, Executor: st2.Exec})
		if err != nil {
			t.Fatal(err)
		}
		st2.Use(st2.s)
		// three nodes come back at once, those with the old record are slow by 5 s
		for i := 3; i < 6; i++ {
			st2.leased(units.NodeName(fmt.Sprintf("n%d", i)))
		}
		st2.Settle()
		st2.Advance(3 * time.Second)
		stop := 0
		for _, a := range st2.assignments() {
			if a.Desired == units.DesiredStop {
				stop++
			}
		}
		o := st2.s.Overview()
		if stop != 0 || !o.Leading {
			t.Errorf("old records %v: %d evictions, leading %v, frozen %v", old, stop, o.Leading, o.Frozen)
		}
	}
}

// Units of a forgotten node stayed for ever under a scheduler that never saw the node.
func TestTheUnitsOfAForgottenNodeGoUnderALaterLeaderToo(t *testing.T) {
	st := onStage(t)
	st.leased("n2")
	st.submit(helloID, hello(1), 1)
	id := units.UnitID{Namespace: "default", App: "hello", Slot: "0", Generation: 1, Attempt: 1}
	st.put(st.keys.Unit("n1", id), units.Assignment{Desired: units.DesiredRun, Tenure: 5, Term: 1})
	st.put(st.keys.Status("n1", id), units.Status{State: units.StateRunning})
	alive := map[units.NodeName]registry.LeaseID{}
	st.run(time.Minute, alive)
	st.leased("n2")
	st.Settle()
	st.Advance(10 * time.Second)
	if up := st.up(); len(st.assignments()) != 1 || !slices.Equal(up, []units.NodeName{"n2"}) {
		t.Errorf("assignments %v", st.assignments())
	}
}

// An answer about a node that was forgotten meanwhile ended the process.
func TestAnAnswerAboutAForgottenNodeIsNobodys(t *testing.T) {
	st := leading(t)
	for i := range 5 {
		st.node(units.NodeName(fmt.Sprintf("n%d", i+1)))
	}
	st.Advance(2 * time.Second)
	st.del(st.keys.Alive("n1"), st.keys.Agent("n1"))
	var late *looptest.Task
	for range 50 {
		st.Step()
		for _, x := range st.Exec.Waiting() {
			if x.Kind == "ttl" && x.Key == "n2" {
				late = x
				continue
			}
			x.Run(looptest.Applied)
		}
		if late != nil {
			break
		}
	}
	if late == nil {
		t.Fatal("not asked")
	}
	// n2 leaves and is forgotten while its answer is under way
	st.del(st.keys.Alive("n2"), st.keys.Agent("n2"), st.keys.Node("n2"))
	for range 50 {
		st.Step()
		for _, x := range st.Exec.Waiting() {
			if x != late {
				x.Run(looptest.Applied)
			}
		}
	}
	late.Run(looptest.Applied)
	st.Step()
}

// The end of a lease that the leader never saw, because its watch hung, may be etcd's answer when the node has another
// already: it would count as lost beside the one that is, and two of five are too many to replace any.
func TestAnAnswerAboutAnEarlierTenureSaysNothingOfTheNextOne(t *testing.T) {
	cuts := 0
	hand := onStage(t)
	st := hand.anotherOver("s2", deaf{hand.etcd, &cuts})
	st.Settle()
	for i := range 5 {
		st.node(units.NodeName(fmt.Sprintf("n%d", i+1)))
	}
	st.Advance(2 * time.Second)
	st.lose("n1")
	var late *looptest.Task
	for range 50 {
		st.Step()
		if late = st.Exec.Find("ttl", "n2"); late != nil {
			break
		}
		st.Exec.RunAll()
	}
	if late == nil {
		t.Fatal("not asked")
	}
	cuts++
	before, losses := st.s.world.nodes["n2"].tenure, st.s.world.losses
	if err := st.etcd.Revoke(t.Context(), st.s.world.nodes["n2"].lease); err != nil {
		t.Fatal(err)
	}
	late.Perform(looptest.Applied)
	st.back("n2")
	st.Advance(20 * time.Second) // everything is read anew
	if st.s.world.nodes["n2"].tenure == before || st.s.world.losses != losses {
		t.Fatalf("tenure %d after %d, losses %d after %d", st.s.world.nodes["n2"].tenure, before, st.s.world.losses, losses)
	}
	late.Deliver()
	st.Settle()
	if o := st.s.Overview(); !o.Leading || o.Frozen || o.NodesLost != 1 {
		t.Errorf("leading %v, frozen %v, %d nodes are lost", o.Leading, o.Frozen, o.NodesLost)
	}
}

// The assignments of a living node whose registration was deleted were deleted too.
func TestAMissingRegistrationOfALivingNodeStopsNothing(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.node("n2")
	st.node("n3")
	st.submit(helloID, hello(3), 3)
	st.Advance(2 * time.Second)
	var on units.NodeName
	for k := range st.assignments() {
		on = units.NodeName(strings.Split(k, "/")[0])
	}
	before := len(st.assignments())
	st.del(st.keys.Node(on))
	st.Advance(2 * time.Second)
	if up := st.up(); len(up) != before || !slices.Contains(up, on) {
		t.Errorf("units are to run on %v, want them where they were", up)
	}
}

func TestAFollowerHoldsNothingOfWhatCameAndWent(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st2 := &stage{Bench: looptest.NewBench(t), t: t, etcd: st.etcd, keys: st.keys}
	var err error
	st2.s, err = New(Options{Self: units.Leader{Name: "s2"}, ClusterID: "x", Keys: st.keys, KV: looptest.NewKV(st.etcd), Leases: prompt(), Mail: st2.Mail, Executor: st2.Exec})
	if err != nil {
		t.Fatal(err)
	}
	st2.Use(st2.s)
	st2.Settle()
	for i := range 1000 {
		id := units.UnitID{Namespace: "default", App: "hello", Slot: "0", Generation: 1, Attempt: units.Attempt(i + 1)}
		st.put(st.keys.Status("n1", id), units.Status{State: units.StateRunning})
		st.del(st.keys.Status("n1", id))
	}
	st2.Settle()
	if len(st2.s.world.units)+len(st2.s.world.dirtyUnits) > 0 {
		t.Errorf("it holds %d units, %d of them changed", len(st2.s.world.units), len(st2.s.world.dirtyUnits))
	}
}

// A hand's key whose name says nothing, or whose value cannot be read, was told of for ever after it was deleted.
func TestABadKeyThatIsDeletedIsToldOfNoMore(t *testing.T) {
	st := leading(t)
	for _, key := range []string{
		st.keys.Prefix() + "apps/strange", st.keys.Under(registry.KindNode), st.keys.Alive("n1") + "/more",
		st.keys.Prefix() + "apps/UPPER/x", st.keys.App(helloID), st.keys.Clock() + "/x",
	} {
		st.putRaw(key, []byte("x"))
		st.Settle()
		known := st.s.Overview().BadKeys[key] != ""
		st.del(key)
		st.Settle()
		if said := st.s.Overview().BadKeys; len(said) != 0 || !known && !strings.HasSuffix(key, "clock/x") {
			t.Errorf("%s: %v after it was deleted; told of before: %v", key, said, known)
		}
	}
}
