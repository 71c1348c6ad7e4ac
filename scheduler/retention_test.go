package scheduler

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// kept are the numbers below a kind's keys of the app.
func (st *stage) kept(kind registry.Kind) []string {
	st.t.Helper()
	prefix := st.keys.Under(kind, "default", "hello")
	r, err := st.etcd.Range(st.t.Context(), registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
	if err != nil {
		st.t.Fatal(err)
	}
	var list []string
	for _, kv := range r.KVs {
		list = append(list, strings.TrimPrefix(kv.Key, prefix))
	}
	return list
}

func TestTheLatestGenerationsAndThoseInUseAreKept(t *testing.T) {
	st := leading(t)
	st.node("n1")
	for g := range 15 {
		st.put(st.keys.Generation(helloID, units.Generation(g+1)), units.Submission{Document: hello(1)})
		st.put(st.keys.Rollout(helloID, units.Generation(g+1)), units.Rollout{Phase: units.PhaseComplete, Serving: units.Generation(g)})
	}
	st.put(st.keys.Rollout(helloID, 4), units.Rollout{Phase: units.PhaseRolling, Serving: 3})
	st.put(st.keys.App(helloID), units.Intent{Generation: 15, Count: 1, Stopped: true, Confirmed: 2})
	id := units.UnitID{Namespace: "default", App: "hello", Slot: "0", Generation: 1, Attempt: 1}
	st.put(st.keys.Unit("n1", id), units.Assignment{Desired: units.DesiredStop, Tenure: 1, Term: 1})
	st.Advance(5 * time.Second)
	all := func(numbers ...int) (list []string) {
		for _, n := range numbers {
			list = append(list, fmt.Sprint(n))
		}
		slices.Sort(list)
		return list
	}
	newest := []int{6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	if got, want := st.kept(registry.KindGeneration), all(append(newest, 1, 2, 3, 4)...); !slices.Equal(got, want) {
		t.Errorf("generations %v, want %v", got, want)
	}
	if got, want := st.kept(registry.KindRollout), all(append(newest, 1, 2, 3, 4)...); !slices.Equal(got, want) {
		t.Errorf("rollouts %v, want %v", got, want)
	}
}

func TestAGenerationThatIsWantedAgainMeanwhileIsKept(t *testing.T) {
	st := leading(t)
	for g := range 11 {
		st.put(st.keys.Generation(helloID, units.Generation(g+1)), units.Submission{Document: hello(1)})
	}
	st.put(st.keys.App(helloID), units.Intent{Generation: 11, Stopped: true})
	for range 50 {
		st.Step()
		if x := st.Exec.Find("txn", st.keys.Under(registry.KindGeneration)); x != nil {
			break
		}
		st.Exec.RunAll()
	}
	st.put(st.keys.App(helloID), units.Intent{Generation: 1, Stopped: true})
	st.Advance(2 * time.Second)
	if got := st.kept(registry.KindGeneration); !slices.Contains(got, "1") {
		t.Errorf("generations %v", got)
	}
}

// Apps of which nothing was left stayed in memory for ever.
func TestAnAppOfWhichNothingIsLeftIsForgotten(t *testing.T) {
	st := leading(t)
	st.submit(helloID, hello(0), 0)
	st.Advance(2 * time.Second)
	var keys []string
	for _, kind := range []registry.Kind{registry.KindApp, registry.KindGeneration, registry.KindRollout, registry.KindSlots, registry.KindSummary} {
		for _, k := range st.kept(kind) {
			keys = append(keys, st.keys.Under(kind, "default", "hello")+k)
		}
	}
	st.del(append(keys, st.keys.App(helloID))...)
	st.Advance(2 * time.Second)
	if n := len(st.s.world.apps); n != 0 {
		t.Errorf("%d apps are remembered", n)
	}
	st.node("n1")
	st.submit(helloID, hello(1), 1)
	st.Advance(2 * time.Second)
	if got := st.assignments(); len(got) != 1 {
		t.Errorf("assignments %v", got)
	}
}

// A node that was forgotten still counted as one that might have taken the unit.
func TestAForgottenNodeIsNoReason(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.node("n2")
	st.Advance(2 * time.Second)
	st.lose("n2")
	st.del(st.keys.Node("n2"))
	st.Advance(2 * time.Second)
	st.submit(helloID, with(hello(1), `"resources":{"memory":"64Gi"}`), 1)
	st.Advance(2 * time.Second)
	if o := st.s.outcome; len(o.Unplaced) != 1 || len(o.Unplaced[0].Nodes) != 1 || o.Unplaced[0].Nodes[0].Count != 1 {
		t.Errorf("unplaced %+v", o.Unplaced)
	}
	if st.s.world.nodes["n2"] != nil {
		t.Error("it is remembered")
	}
}

func TestAPortThatSomebodyElseHasIsAvoidedForTenMinutes(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.submit(helloID, with(hello(1), `"ports":[{"name":"http","port":8080}]`), 1)
	st.Advance(2 * time.Second)
	prefix := st.keys.Under(registry.KindUnit)
	r, err := st.etcd.Range(t.Context(), registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
	if err != nil || len(r.KVs) != 1 {
		t.Fatalf("assignments %v, %v", r.KVs, err)
	}
	id := units.UnitID{Namespace: "default", App: "hello", Slot: "0", Generation: 1, Attempt: 1}
	st.put(st.keys.Status("n1", id), units.Status{
		State: units.StateFailed, Reason: units.Reason{Code: units.ReasonPortBusy}, Assignment: r.KVs[0].CreateRevision,
	})
	st.Advance(9 * time.Minute)
	if up := st.up(); len(up) != 0 {
		t.Fatalf("units are to run on %v", up)
	}
	if o := st.s.outcome; len(o.Unplaced) != 1 || o.Unplaced[0].Reason.Code != units.ReasonPortTaken {
		t.Errorf("unplaced %+v", o.Unplaced)
	}
	st.Advance(time.Minute + time.Second)
	if up := st.up(); len(up) != 1 {
		t.Errorf("units are to run on %v", up)
	}
}

func TestAnAppWhoseNameBelongsToAnotherIsNotPlaced(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.put(st.keys.Name("www.example.com"), units.Claim{App: units.AppID{Namespace: "default", Name: "other"}})
	st.submit(helloID, with(hello(1), `"dns":[{"name":"www.example.com","type":"A"}]`), 1)
	st.Advance(2 * time.Second)
	if o := st.s.outcome; len(st.assignments()) != 0 || len(o.Unplaced) != 1 || o.Unplaced[0].Reason.Code != units.ReasonNameClaimed {
		t.Fatalf("assignments %v, unplaced %+v", st.assignments(), o.Unplaced)
	}
	st.put(st.keys.Name("www.example.com"), units.Claim{App: helloID})
	st.Advance(2 * time.Second)
	if up := st.up(); len(up) != 1 {
		t.Fatalf("units are to run on %v", up)
	}
	st.put(st.keys.Name("www.example.com"), units.Claim{App: units.AppID{Namespace: "default", Name: "other"}})
	st.Advance(2 * time.Second)
	if up := st.up(); len(up) != 1 {
		t.Errorf("what ran was stopped: units are to run on %v", up)
	}
}
