package scheduler

import (
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// status writes what a node says of the app's only unit.
func (st *stage) status(s units.Status) {
	st.t.Helper()
	id := units.UnitID{Namespace: helloID.Namespace, App: helloID.Name, Slot: "0", Generation: 1, Attempt: 1}
	r, err := st.etcd.Range(st.t.Context(), registry.Range{Key: st.keys.Unit("n1", id)})
	if err != nil || len(r.KVs) != 1 {
		st.t.Fatalf("the assignment is %v, %v", r.KVs, err)
	}
	s.Assignment, s.Desired = r.KVs[0].CreateRevision, units.DesiredRun
	st.put(st.keys.Status("n1", id), s)
}

// summaryVersion is how often the summary was written.
func (st *stage) summaryVersion() int64 {
	st.t.Helper()
	r, err := st.etcd.Range(st.t.Context(), registry.Range{Key: st.keys.Summary(helloID, "0")})
	if err != nil {
		st.t.Fatal(err)
	}
	if len(r.KVs) == 0 {
		return 0
	}
	return r.KVs[0].Version
}

// summary reads what is told of the app's only unit.
func (st *stage) summary() units.State {
	st.t.Helper()
	key := st.keys.Summary(helloID, "0")
	r, err := st.etcd.Range(st.t.Context(), registry.Range{Key: key})
	if err != nil || len(r.KVs) != 1 {
		st.t.Fatalf("the summary is %v, %v", r.KVs, err)
	}
	s, _, err := registry.Decode[units.Summary](key, r.KVs[0].Value)
	if err != nil {
		st.t.Fatal(err)
	}
	return s.Slots["0"].State
}

// A submit returned up to a second after its service was healthy: the summary that says so had to wait,
// because those of the states before had just been written.
func TestTheSummaryThatAStartedUnitIsHealthyFollowsAtOnce(t *testing.T) {
	for _, pace := range []time.Duration{time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond} {
		st := leading(t)
		st.node("n1")
		st.submit(helloID, hello(1), 1)
		for _, state := range []units.State{
			units.StateAssigned, units.StateFetching, units.StateStarting, units.StateRunning, units.StateHealthy,
		} {
			st.Advance(pace)
			st.status(units.Status{State: state})
		}
		st.Advance(summaryApart)
		if got := st.summary(); got != units.StateHealthy {
			t.Errorf("states %v apart: the summary says %s", pace, got)
		}
	}
}

func TestTheSummaryOfAnAppThatFlapsIsWrittenOnceASecond(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.submit(helloID, hello(1), 1)
	st.Settle()
	for i := range 100 {
		st.status(units.Status{State: []units.State{units.StateHealthy, units.StateUnhealthy}[i%2]})
		st.Advance(100 * time.Millisecond)
	}
	if n := st.summaryVersion(); n < 8 || n > 10+summaryBurst {
		t.Errorf("the summary was written %d times in ten seconds", n)
	}
}
