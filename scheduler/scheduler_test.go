package scheduler

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop/looptest"
	"github.com/nsched/nsched/units/registry"
)

// stage is one scheduler over the twin of etcd, with nodes and apps that the test writes by hand.
type stage struct {
	*looptest.Bench
	t    *testing.T
	etcd *registry.Memory
	keys registry.Keys
	s    *Scheduler
}

func onStage(t *testing.T) *stage {
	t.Helper()
	keys, err := registry.NewKeys("")
	if err != nil {
		t.Fatal(err)
	}
	b := looptest.NewBench(t)
	st := &stage{Bench: b, t: t, etcd: registry.NewMemory(registry.MemoryOptions{}), keys: keys}
	clock := time.Duration(0)
	b.Tick = func(d time.Duration) {
		clock += d
		st.etcd.Advance(clock)
	}
	st.s, err = New(Options{
		Self: units.Leader{Name: "s1", API: "http://s1:7441"}, ClusterID: "the-cluster", Keys: keys,
		KV: looptest.NewKV(st.etcd), Leases: prompt(), Mail: b.Mail, Executor: b.Exec,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Use(st.s)
	return st
}

// prompt are times with which a loss is believed at once, for whoever looks at what follows from it.
func prompt() placement.Leases {
	l := placement.DefaultLeases()
	l.Settle = 0
	return l
}

// leading is a stage whose scheduler leads.
func leading(t *testing.T) *stage {
	t.Helper()
	st := onStage(t)
	st.Settle()
	return st
}

func (st *stage) put(key string, value any) {
	st.t.Helper()
	raw, err := registry.Encode(value, registry.Extra{})
	if err != nil {
		st.t.Fatal(err)
	}
	st.putRaw(key, raw)
}

func (st *stage) putRaw(key string, raw []byte) {
	st.t.Helper()
	if _, err := st.etcd.Txn(st.t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: raw}}}); err != nil {
		st.t.Fatal(err)
	}
}

// node registers a machine that is in its place.
func (st *stage) node(name units.NodeName) {
	st.put(st.keys.Node(name), units.Node{
		System: "x86_64-linux", AppSchema: units.AppSchema, Addresses: []string{"10.0.0.1"},
		Capacity: units.Capacity{CPUMilli: 4000, MemoryBytes: 8 << 30, DiskBytes: 1 << 40},
	})
	l, err := st.etcd.Grant(st.t.Context(), time.Hour)
	if err != nil {
		st.t.Fatal(err)
	}
	for _, key := range []string{st.keys.Alive(name), st.keys.Agent(name)} {
		if _, err := st.etcd.Txn(st.t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: []byte(`{"v":1}`), Lease: l.ID}}}); err != nil {
			st.t.Fatal(err)
		}
	}
}

func hello(count int) string {
	return fmt.Sprintf(`{"name":"hello","count":%d,"path":"/nix/store/0123456789abcdfghijklmnpqrsvwxyz-hello","command":["bin/hello"]}`, count)
}

// evicted is a document whose lost units are told to stop when they are replaced.
func evicted(document string) string {
	return strings.Replace(document, `"count"`, `"disconnect":{"reconcile":"keepReplacement"},"count"`, 1)
}

var helloID = units.AppID{Namespace: "default", Name: "hello"}

func (st *stage) submit(id units.AppID, document string, count int) {
	st.put(st.keys.Generation(id, 1), units.Submission{Document: document})
	st.put(st.keys.App(id), units.Intent{Generation: 1, Count: count})
}

// assignments are the keys under units/.
func (st *stage) assignments() map[string]units.Assignment {
	st.t.Helper()
	prefix := st.keys.Under(registry.KindUnit)
	r, err := st.etcd.Range(st.t.Context(), registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
	if err != nil {
		st.t.Fatal(err)
	}
	got := map[string]units.Assignment{}
	for _, kv := range r.KVs {
		a, _, err := registry.Decode[units.Assignment](kv.Key, kv.Value)
		if err != nil {
			continue // put there by a test
		}
		got[strings.TrimPrefix(kv.Key, prefix)] = a
	}
	return got
}

func TestTheFirstLeaderGivesTheClusterItsIdentityAndItsTime(t *testing.T) {
	st := leading(t)
	st.Advance(6 * time.Second)
	r, err := st.etcd.Range(t.Context(), registry.Range{Key: st.keys.Cluster()})
	if err != nil || len(r.KVs) != 1 {
		t.Fatalf("cluster %+v, %v", r, err)
	}
	c, _, err := registry.Decode[units.Cluster](r.KVs[0].Key, r.KVs[0].Value)
	if err != nil || c.ID != "the-cluster" || c.Epoch != 1 {
		t.Fatalf("cluster %+v, %v", c, err)
	}
	r, err = st.etcd.Range(t.Context(), registry.Range{Key: st.keys.Clock()})
	if err != nil || len(r.KVs) != 1 {
		t.Fatalf("clock %+v, %v", r, err)
	}
	if clock, _, err := registry.Decode[units.Clock](r.KVs[0].Key, r.KVs[0].Value); err != nil || clock.N < 2 {
		t.Fatalf("clock %+v, %v", clock, err)
	}
	if o := st.s.Overview(); !o.Leading || len(o.Problems) > 0 {
		t.Fatalf("overview %+v", o)
	}
}

func TestASubmittedAppIsPlacedOnNodesInTheirPlace(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.node("n2")
	st.submit(helloID, hello(3), 3)
	st.Advance(2 * time.Second)
	got := st.assignments()
	if len(got) != 3 {
		t.Fatalf("assignments %v", got)
	}
	for key, a := range got {
		if a.Desired != units.DesiredRun || a.Tenure == 0 || a.Term != st.s.Overview().Term {
			t.Errorf("%s is %+v", key, a)
		}
	}
}

func TestAKeyThatCannotBeReadHarmsOnlyItsOwnApp(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.submit(helloID, hello(1), 1)
	bad := units.AppID{Namespace: "default", Name: "bad"}
	st.submit(bad, hello(1), 1)
	st.putRaw(st.keys.App(bad), []byte("{"))
	st.putRaw(st.keys.Node("n9"), []byte(`{"v":99}`))
	st.putRaw(st.keys.Prefix()+"units/n1/nonsense", []byte("x"))
	st.Advance(2 * time.Second)
	if got := st.assignments(); len(got) != 1 {
		t.Fatalf("assignments %v", got)
	}
	if o := st.s.Overview(); len(o.BadKeys) != 3 {
		t.Fatalf("bad keys %v", o.BadKeys)
	}
}

func TestNothingIsWrittenAfterALostAnswerUntilTheTermIsProclaimedAnew(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.Advance(2 * time.Second)
	st.submit(helloID, hello(1), 1)
	st.Step()
	lost := st.Exec.Find("txn", st.keys.Under(registry.KindUnit))
	if lost == nil {
		t.Fatalf("nothing is committed; waiting %v", st.Exec.Waiting())
	}
	lost.Run(looptest.Late)
	st.Step()
	if st.Exec.Find("txn", st.keys.Under(registry.KindUnit)) != nil {
		t.Fatal("it went on writing")
	}
	st.Advance(2 * time.Second)
	if got := st.assignments(); len(got) != 1 {
		t.Fatalf("assignments %v", got)
	}
	before := st.etcd.Revision()
	lost.Land()
	if after := st.etcd.Revision(); after != before {
		t.Fatalf("the late write was applied: revision %d, then %d", before, after)
	}
}

func TestALostNodesUnitsGoElsewhereAfterItsLossIsOnRecord(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.node("n2")
	st.node("n3")
	st.submit(helloID, evicted(hello(3)), 3)
	st.Advance(20 * time.Second)
	if _, err := st.etcd.Txn(t.Context(), registry.Txn{Then: []registry.Op{
		{Kind: registry.OpDelete, Key: st.keys.Alive("n1")},
		{Kind: registry.OpDelete, Key: st.keys.Agent("n1")},
	}}); err != nil {
		t.Fatal(err)
	}
	st.Advance(2 * time.Second)
	r, err := st.etcd.Range(t.Context(), registry.Range{Key: st.keys.Fence("n1")})
	if err != nil || len(r.KVs) != 1 {
		t.Fatalf("the loss is not on record: %+v %v", r, err)
	}
	up := 0
	for key, a := range st.assignments() {
		if a.Desired == units.DesiredRun {
			up++
			if strings.HasPrefix(key, "n1/") {
				t.Errorf("%s is still to run on the lost node", key)
			}
		}
	}
	if up != 3 {
		t.Errorf("%d units are to run, want 3", up)
	}
}

func TestTheAPITellsWhatASubmitWouldDo(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.Advance(2 * time.Second)
	preview := func(document string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		done := make(chan struct{})
		go func() {
			defer close(done)
			API{Overview: st.s.Overview, Preview: st.s.Preview}.Handler().
				ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/plan", strings.NewReader(document)))
		}()
		for {
			select {
			case <-done:
				return w
			case <-time.After(time.Millisecond):
				st.Step()
			}
		}
	}
	before := st.etcd.Revision()
	w := preview(hello(2))
	var p Preview
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s %v", w.Code, w.Body, err)
	}
	if p.Generation != 1 || p.Count != 2 || len(p.Place) != 2 || p.Place[0].Node != "n1" || len(p.Unplaced) != 0 {
		t.Errorf("preview %+v", p)
	}
	if w := preview(`{"name":"x"}`); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("an invalid document is answered %d %s", w.Code, w.Body)
	}
	if w := preview(strings.Replace(hello(1), `"count"`, `"resources":{"memory":"64Gi"},"count"`, 1)); !strings.Contains(w.Body.String(), units.ReasonInsufficientMemory) {
		t.Errorf("a document that nothing can host is answered %s", w.Body)
	}
	if after := st.etcd.Revision(); after != before {
		t.Errorf("a preview wrote something")
	}
}

func TestAFollowerIsReadyAndMakesNoPlans(t *testing.T) {
	st := onStage(t)
	l, err := st.etcd.Grant(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.etcd.Txn(t.Context(), registry.Txn{Then: []registry.Op{
		{Kind: registry.OpPut, Key: st.keys.Leader(l.ID), Value: []byte(`{"v":1,"name":"other"}`), Lease: l.ID},
	}}); err != nil {
		t.Fatal(err)
	}
	st.Settle()
	if o := st.s.Overview(); o.Leading {
		t.Fatalf("overview %+v", o)
	}
	w := httptest.NewRecorder()
	api := API{Overview: st.s.Overview, Preview: st.s.Preview}
	done := make(chan struct{})
	go func() {
		defer close(done)
		api.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/plan", strings.NewReader(hello(1))))
	}()
	for waiting := true; waiting; {
		select {
		case <-done:
			waiting = false
		case <-time.After(time.Millisecond):
			st.Step()
		}
	}
	if w.Code != http.StatusMisdirectedRequest {
		t.Errorf("a follower answers %d %s", w.Code, w.Body)
	}
}
