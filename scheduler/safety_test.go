package scheduler

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop/looptest"
	"github.com/nsched/nsched/units/registry"
)

// with adds fields to a document.
func with(document, fields string) string {
	return strings.Replace(document, `"count"`, fields+`,"count"`, 1)
}

const single = `"singleton":true,"stop":{"timeout":"4s"}`

// another is a second scheduler over the same etcd.
func (st *stage) another(name string) *stage { return st.anotherOver(name, st.etcd) }

func (st *stage) anotherOver(name string, kv registry.KV) *stage {
	st2 := &stage{Bench: looptest.NewBench(st.t), t: st.t, etcd: st.etcd, keys: st.keys}
	st2.Now = st.Now
	st2.Tick = st.Tick
	var err error
	st2.s, err = New(Options{Self: units.Leader{Name: name}, ClusterID: "x", Keys: st.keys, KV: looptest.NewKV(kv), Leases: prompt(), Mail: st2.Mail, Executor: st2.Exec})
	if err != nil {
		st.t.Fatal(err)
	}
	st2.Use(st2.s)
	return st2
}

// resigned has the leader give up, and no longer lives.
func (st *stage) resigned() {
	st.s.Resign()
	for range 20 {
		st.Step()
		st.Exec.RunAll()
	}
}

// lose ends the lease of a node.
func (st *stage) lose(n units.NodeName) { st.del(st.keys.Alive(n), st.keys.Agent(n)) }

// back gives a node a new tenure.
func (st *stage) back(n units.NodeName) {
	l, err := st.etcd.Grant(st.t.Context(), time.Hour)
	if err != nil {
		st.t.Fatal(err)
	}
	for _, key := range []string{st.keys.Alive(n), st.keys.Agent(n)} {
		if _, err := st.etcd.Txn(st.t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: []byte(`{"v":1}`), Lease: l.ID}}}); err != nil {
			st.t.Fatal(err)
		}
	}
}

func (st *stage) fence(n units.NodeName) units.Fence {
	st.t.Helper()
	r, err := st.etcd.Range(st.t.Context(), registry.Range{Key: st.keys.Fence(n)})
	if err != nil || len(r.KVs) == 0 {
		return units.Fence{}
	}
	f, _, err := registry.Decode[units.Fence](r.KVs[0].Key, r.KVs[0].Value)
	if err != nil {
		st.t.Fatal(err)
	}
	return f
}

// home is the only node of a unit that is to run.
func (st *stage) home() units.NodeName {
	st.t.Helper()
	up := st.up()
	if len(up) != 1 {
		st.t.Fatalf("units are to run on %v", up)
	}
	return up[0]
}

// The wait of an app began anew with each leader.
func TestALostNodesTimeToReturnCountsFromTheRecordWhoeverLeads(t *testing.T) {
	st := leading(t)
	for _, n := range []units.NodeName{"n1", "n2", "n3"} {
		st.node(n)
	}
	st.submit(helloID, with(hello(1), `"disconnect":{"lostAfter":"60s","reconcile":"keepReplacement"}`), 1)
	st.Advance(20 * time.Second)
	lost := st.home()
	st.lose(lost)
	st.Advance(time.Second)
	if f := st.fence(lost); f.LostAtMs == 0 {
		t.Fatalf("the loss is on record without its time: %+v", f)
	}
	st.Advance(30 * time.Second)
	st.resigned()
	st2 := st.another("s2")
	st2.Settle()
	st2.Advance(26 * time.Second)
	if up := st2.up(); !slices.Equal(up, []units.NodeName{lost}) {
		t.Errorf("replaced early: units are to run on %v", up)
	}
	st2.Advance(6 * time.Second)
	if up := st2.up(); len(up) != 1 || up[0] == lost {
		t.Errorf("not replaced in time: units are to run on %v", up)
	}
}

func TestASingletonOfALostNodeIsReplacedWhenItCannotRunAnyMore(t *testing.T) {
	st := leading(t)
	for _, n := range []units.NodeName{"n1", "n2", "n3"} {
		st.node(n)
	}
	st.submit(helloID, with(hello(1), single), 1)
	st.Advance(20 * time.Second)
	lost := st.home()
	st.lose(lost)
	st.Advance(10 * time.Second)
	if up := st.up(); !slices.Equal(up, []units.NodeName{lost}) {
		t.Errorf("replaced early: units are to run on %v", up)
	}
	st.Advance(2 * time.Second)
	if up := st.up(); len(up) != 1 || up[0] == lost {
		t.Errorf("not replaced: units are to run on %v", up)
	}
}

func TestASingletonOfAConfirmedLossIsReplacedAtOnceAndEvictionsGoOn(t *testing.T) {
	st := leading(t)
	for _, n := range []units.NodeName{"n1", "n2", "n3", "n4"} {
		st.node(n)
	}
	st.submit(helloID, with(hello(1), single), 1)
	st.Advance(20 * time.Second)
	lost := st.home()
	other := units.NodeName("n1")
	if lost == other {
		other = "n2"
	}
	tenure := st.s.world.nodes[lost].tenure
	st.lose(lost)
	st.lose(other)
	st.Advance(time.Minute)
	if o := st.s.Overview(); !o.Frozen || !slices.Equal(st.up(), []units.NodeName{lost}) {
		t.Fatalf("frozen %v, units are to run on %v", o.Frozen, st.up())
	}
	st.put(st.keys.Operator(lost), units.Operator{ConfirmLost: tenure})
	st.Advance(time.Second)
	if o := st.s.Overview(); o.Frozen || len(st.up()) != 1 || st.up()[0] == lost {
		t.Errorf("frozen %v, units are to run on %v", o.Frozen, st.up())
	}
}

func TestANodeThatWasToldToGiveItsTenureUpTakesNothing(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.Advance(time.Second)
	st.put(st.keys.Fence("n1"), units.Fence{Tenure: st.s.world.nodes["n1"].tenure})
	st.submit(helloID, hello(1), 1)
	st.Advance(5 * time.Second)
	if up := st.up(); len(up) != 0 {
		t.Fatalf("units are to run on %v", up)
	}
	st.lose("n1")
	st.back("n1")
	st.Advance(5 * time.Second)
	if up := st.up(); len(up) != 1 {
		t.Errorf("units are to run on %v", up)
	}
}

// Whoever was first keeps its place; the copy of its disk takes nothing, and an event says so.
func TestAMachineWithTheKeyOfAnotherTakesNothing(t *testing.T) {
	st := leading(t)
	for _, n := range []units.NodeName{"n1", "n2"} {
		st.node(n)
	}
	st.Advance(time.Second)
	for _, n := range []units.NodeName{"n2", "n1"} {
		st.put(st.keys.Node(n), units.Node{
			Key: "the-same", System: "x86_64-linux", AppSchema: units.AppSchema, Addresses: []string{"10.0.0.1"},
			Capacity: units.Capacity{CPUMilli: 4000, MemoryBytes: 8 << 30, DiskBytes: 1 << 40},
		})
	}
	st.submit(helloID, hello(4), 4)
	st.Advance(2 * time.Second)
	if up := st.up(); !slices.Equal(up, []units.NodeName{"n1", "n1", "n1", "n1"}) {
		t.Errorf("units are to run on %v", up)
	}
	prefix := st.keys.Under(registry.KindEvent)
	r, err := st.etcd.Range(t.Context(), registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
	if err != nil || !slices.ContainsFunc(r.KVs, func(kv registry.KeyValue) bool { return strings.Contains(string(kv.Value), units.ReasonKeyCopied) }) {
		t.Errorf("no event tells of it: %v", err)
	}
}

// flying has a placement on its way to etcd.
func flying(t *testing.T, st *stage) *looptest.Task {
	t.Helper()
	for range 50 {
		st.Step()
		if x := st.Exec.Find("txn", st.keys.Under(registry.KindUnit)); x != nil {
			return x
		}
		st.Exec.RunAll()
	}
	t.Fatal("nothing is placed")
	return nil
}

func TestWhatANodeOffersIsComparedWhenAPlacementIsWritten(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.Advance(2 * time.Second)
	st.submit(helloID, hello(1), 1)
	placing := flying(t, st)
	st.put(st.keys.Node("n1"), units.Node{System: "x86_64-linux", AppSchema: units.AppSchema, Addresses: []string{"10.0.0.1"}})
	placing.Run(looptest.Applied)
	st.Advance(2 * time.Second)
	if got := st.assignments(); len(got) != 0 {
		t.Errorf("assignments %v on a node that offers nothing", got)
	}
}

func TestAPlacementInATenureThatIsOverIsNotWritten(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.Advance(2 * time.Second)
	st.submit(helloID, hello(1), 1)
	placing := flying(t, st)
	st.lose("n1")
	st.back("n1")
	placing.Run(looptest.Applied)
	if got := st.assignments(); len(got) != 0 {
		t.Errorf("assignments %v", got)
	}
	st.Advance(2 * time.Second)
	for key, a := range st.assignments() {
		if a.Tenure != st.s.world.nodes["n1"].tenure {
			t.Errorf("%s is %+v", key, a)
		}
	}
	if up := st.up(); len(up) != 1 {
		t.Errorf("units are to run on %v", up)
	}
}

func TestANodeThatComesBackMeanwhileIsNotEvicted(t *testing.T) {
	for _, document := range []string{hello(1), evicted(hello(1)), with(hello(1), single)} {
		st := leading(t)
		for _, n := range []units.NodeName{"n1", "n2", "n3"} {
			st.node(n)
		}
		st.submit(helloID, document, 1)
		st.Advance(20 * time.Second)
		before := st.assignments()
		lost := st.home()
		st.lose(lost)
		if strings.Contains(document, "singleton") {
			st.Advance(11 * time.Second)
			if len(st.assignments()) != 1 {
				t.Fatal("replaced early")
			}
			st.Tick(time.Second)
			st.Now = st.Now.Add(time.Second)
		}
		evicting := flying(t, st)
		st.back(lost)
		evicting.Run(looptest.Applied)
		if after := st.assignments(); !maps.EqualFunc(before, after, func(a, b units.Assignment) bool { return a.Desired == b.Desired }) {
			t.Errorf("%s\nwas %v and is %v", document, before, after)
		}
	}
}

// Leases that are revoked end one after the other, and so do those that guards give back when a restored etcd was
// accepted. Whoever asked for the others as soon as the first was gone found them well, and evicted it.
func TestLeasesThatEndOneAfterTheOtherEvictNothingAndOneThatStaysAwayIsReplaced(t *testing.T) {
	st := leading(t)
	st.s.o.Leases = placement.DefaultLeases()
	nodes := []units.NodeName{"n1", "n2", "n3", "n4"}
	for _, n := range nodes {
		st.node(n)
	}
	st.submit(helloID, evicted(hello(1)), 1)
	st.Advance(20 * time.Second)
	home := st.home()
	for _, n := range nodes {
		st.lose(n)
		st.Advance(30 * time.Millisecond)
	}
	for _, n := range nodes {
		st.back(n)
		st.Advance(30 * time.Millisecond)
	}
	st.Advance(20 * time.Second)
	if len(st.assignments()) != 1 || st.home() != home {
		t.Fatalf("evicted: %v", st.assignments())
	}
	for _, n := range nodes { // and so when each is back before the next goes
		st.lose(n)
		st.Advance(200 * time.Millisecond)
		st.back(n)
		st.Advance(200 * time.Millisecond)
	}
	if len(st.assignments()) != 1 || st.home() != home {
		t.Fatalf("evicted: %v", st.assignments())
	}
	st.lose(home)
	st.Advance(900 * time.Millisecond)
	if st.home() != home {
		t.Fatal("evicted at once")
	}
	st.Advance(time.Second)
	if up := st.up(); len(up) != 1 || up[0] == home {
		t.Errorf("runs on %v, and %s is lost", up, home)
	}
}

// A lost node registers before it claims its next tenure: what was decided of it before is decided anew.
func TestANodeThatRegistersMeanwhileIsNotEvicted(t *testing.T) {
	st := leading(t)
	for _, n := range []units.NodeName{"n1", "n2", "n3"} {
		st.node(n)
	}
	st.submit(helloID, evicted(hello(1)), 1)
	st.Advance(2 * time.Second)
	lost := st.home()
	st.lose(lost)
	evicting := flying(t, st)
	st.put(st.keys.Node(lost), units.Node{
		System: "x86_64-linux", AppSchema: units.AppSchema, BootID: "the-next", Addresses: []string{"10.0.0.1"},
		Capacity: units.Capacity{CPUMilli: 4000, MemoryBytes: 8 << 30, DiskBytes: 1 << 40},
	})
	evicting.Run(looptest.Applied)
	if home := st.home(); home != lost || len(st.assignments()) != 1 {
		t.Errorf("assignments %v, want the one on %s", st.assignments(), lost)
	}
}

// Another word about the tenure, which comes while the leader's is on its way, is not written over unread.
func TestALossIsNotRecordedOverAWordThatIsNew(t *testing.T) {
	st := leading(t)
	for _, n := range []units.NodeName{"n1", "n2", "n3"} {
		st.node(n)
	}
	st.Advance(2 * time.Second)
	tenure := st.s.world.nodes["n1"].tenure
	st.lose("n1")
	var recording *looptest.Task
	for range 50 {
		st.Step()
		if recording = st.Exec.Find("txn", st.keys.Fence("n1")); recording != nil {
			break
		}
		st.Exec.RunAll()
	}
	if recording == nil {
		t.Fatal("not recorded")
	}
	said := units.Fence{Tenure: tenure, Reason: "a hand has seen it burn", LostAtMs: 1}
	st.put(st.keys.Fence("n1"), said)
	recording.Run(looptest.Applied)
	if got := st.fence("n1"); got != said {
		t.Errorf("the record is %+v, want %+v", got, said)
	}
	st.Advance(2 * time.Second)
	if got := st.fence("n1"); got != said {
		t.Errorf("the record is then %+v, want %+v", got, said)
	}
}

// A stop wrote an assignment anew and lost what a newer version had put there.
func TestAStopKeepsWhatANewerVersionWrote(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.submit(helloID, hello(1), 1)
	st.Advance(2 * time.Second)
	var key string
	for k := range st.assignments() {
		key = st.keys.Under(registry.KindUnit) + k
	}
	r, _ := st.etcd.Range(t.Context(), registry.Range{Key: key})
	st.putRaw(key, []byte(strings.Replace(string(r.KVs[0].Value), `{"v":1,`, `{"v":1,"colour":"green",`, 1)))
	st.put(st.keys.App(helloID), units.Intent{Generation: 1, Count: 1, Stopped: true})
	st.Advance(2 * time.Second)
	r, _ = st.etcd.Range(t.Context(), registry.Range{Key: key})
	if got := string(r.KVs[0].Value); !strings.Contains(got, `"stop"`) || !strings.Contains(got, `"colour":"green"`) {
		t.Errorf("the assignment is %s", got)
	}
}

func TestAfterARestoreWasAcceptedASingletonWaitsForNewTenures(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.node("n2")
	st.Advance(20 * time.Second)
	st.put(st.keys.Cluster(), units.Cluster{ID: "the-cluster", Epoch: 2, Schema: 1})
	st.submit(helloID, with(hello(1), single), 1)
	st.Advance(time.Minute)
	if up := st.up(); len(up) != 0 {
		t.Fatalf("units are to run on %v, whose tenures are of before", up)
	}
	for _, n := range []units.NodeName{"n1", "n2"} {
		st.lose(n)
		st.back(n)
	}
	st.Advance(2 * time.Second)
	if up := st.up(); len(up) != 1 {
		t.Errorf("units are to run on %v", up)
	}
}

// deaf is an etcd whose watches bring nothing more once they are cut; those that are opened later do.
type deaf struct {
	registry.KV
	cuts *int
}

func (d deaf) Watch(ctx context.Context, r registry.Watch, deliver func(registry.WatchResponse)) registry.Watcher {
	opened := *d.cuts
	return d.KV.Watch(ctx, r, func(w registry.WatchResponse) {
		if *d.cuts == opened {
			deliver(w)
		}
	})
}

// A scheduler that was cut off for a while knew of a node only its tenure before the last, and that
// this one's loss was on record: it took the node, which had returned and was lost just now, for one that had been
// lost since then, and replaced at once what its app waits a minute for.
func TestARecordOfATenureBeforeTheLastIsNoLossForWhoeverWasCutOff(t *testing.T) {
	for name, says := range map[string]func(st *stage, n units.NodeName, id units.UnitID, tenure int64){
		"its units' statuses": func(st *stage, n units.NodeName, id units.UnitID, tenure int64) {
			st.put(st.keys.Status(n, id), units.Status{State: units.StateRunning, Tenure: tenure})
		},
		"its assignments": func(st *stage, n units.NodeName, id units.UnitID, tenure int64) {
			st.put(st.keys.Unit(n, id), units.Assignment{Desired: units.DesiredRun, Tenure: tenure})
		},
		"its registration": func(st *stage, n units.NodeName, _ units.UnitID, _ int64) {
			st.put(st.keys.Node(n), units.Node{
				System: "x86_64-linux", AppSchema: units.AppSchema, Addresses: []string{"10.0.0.1"},
				Capacity: units.Capacity{CPUMilli: 4000, MemoryBytes: 8 << 30, DiskBytes: 1 << 40},
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			st := leading(t)
			for _, n := range []units.NodeName{"n1", "n2", "n3"} {
				st.node(n)
			}
			st.submit(helloID, with(hello(1), `"disconnect":{"lostAfter":"60s","reconcile":"keepReplacement"}`), 1)
			st.Advance(20 * time.Second)
			cuts := 0
			st2 := st.anotherOver("s2", deaf{st.etcd, &cuts})
			lost, id := st.only()
			st.lose(lost)
			st.Advance(time.Second)
			if st.fence(lost).LostAtMs == 0 {
				t.Fatal("the loss is not on record")
			}
			st2.Now = st.Now
			st2.Settle()
			cuts++
			st.back(lost)
			r, err := st.etcd.Range(t.Context(), registry.Range{Key: st.keys.Alive(lost)})
			if err != nil {
				t.Fatal(err)
			}
			says(st, lost, id, r.KVs[0].CreateRevision)
			st.Advance(2 * time.Minute)
			st.resigned()
			st.lose(lost)
			st2.Now = st.Now
			st2.Settle()
			st2.Advance(50 * time.Second)
			if up := st2.up(); !slices.Equal(up, []units.NodeName{lost}) || !st2.s.Overview().Leading {
				t.Errorf("replaced early: units are to run on %v, leading %v", up, st2.s.Overview().Leading)
			}
			st2.Advance(time.Minute)
			if up := st2.up(); len(up) != 1 || up[0] == lost {
				t.Errorf("not replaced: units are to run on %v", up)
			}
		})
	}
}
