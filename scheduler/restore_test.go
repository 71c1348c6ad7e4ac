package scheduler

import (
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// Etcd was restored under a leader whose watch had fallen silent. It went on for up to 20 s to decide by a view of
// the history that was gone, while another, whose view was older still, could be elected and do the same: two units
// of a slot. The answer to the first write has said it all along.
func TestALeaderLearnsOfARestoreFromTheAnswerToItsFirstWrite(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.submit(helloID, hello(1), 1)
	st.Advance(2 * time.Second)
	snapshot := st.etcd.Snapshot()
	st.Advance(30 * time.Second)
	if held := st.s.continuity.Held(); held != "" || len(st.assignments()) != 1 {
		t.Fatalf("held %q, %d assignments", held, len(st.assignments()))
	}
	st.etcd.Restore(snapshot)
	st.Advance(registry.ClockPeriod)
	st.Advance(time.Second)
	if st.s.continuity.Held() == "" {
		t.Fatal("it believes what was restored")
	}
	st.submit(helloID, hello(3), 3)
	st.Advance(time.Minute)
	if n := len(st.assignments()); n != 1 {
		t.Fatalf("%d assignments", n)
	}
}

// The leader's key was in the snapshot, its latest clock was not, and other writes had brought the new history as far
// as its view. Its clock was refused; it took that for somebody's faster write and went on planning.
func TestALeaderWhoseClockIsRefusedReadsEverythingAnew(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.submit(helloID, hello(1), 1)
	st.Advance(2 * time.Second)
	snapshot := st.etcd.Snapshot()
	st.Advance(registry.ClockPeriod)
	st.etcd.Restore(snapshot)
	for range 20 {
		st.putRaw("/elsewhere", []byte("x"))
	}
	st.Advance(registry.ClockPeriod)
	st.Advance(time.Second)
	st.submit(helloID, hello(3), 3)
	st.Advance(time.Second)
	if st.s.continuity.Held() == "" || len(st.assignments()) != 1 {
		t.Fatalf("held %q, %d assignments", st.s.continuity.Held(), len(st.assignments()))
	}
}

// A scheduler slept through a restore until the new history had come farther than it had ever seen: it read everything
// anew, and kept a tenure of the old history of a node that was away. By that the unit that the node was given since
// was bound to an earlier one, and so was gone.
func TestATenureOfAnotherHistoryIsForgottenWhenEverythingIsReadAnew(t *testing.T) {
	keys, err := registry.NewKeys("")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(keys, zerolog.Nop())
	id := units.UnitID{Namespace: "default", App: "hello", Slot: "0", Generation: 1, Attempt: 1}
	change := func(key string, rev int64, value string) registry.Change {
		return registry.Change{KeyValue: registry.KeyValue{Key: key, Value: []byte(value), CreateRevision: rev, ModRevision: rev}}
	}
	gone := func(key string) registry.Change {
		return registry.Change{Deleted: true, KeyValue: registry.KeyValue{Key: key, ModRevision: 6000}}
	}
	w.Apply(registry.Batch{Revision: 5001, Changes: []registry.Change{
		change(keys.Node("n1"), 10, `{"v":1}`), change(keys.Alive("n1"), 5000, `{"v":1}`),
		change(keys.Status("n1", id), 5001, `{"v":1,"tenure":5000}`),
	}})
	w.rereading = true
	w.Apply(registry.Batch{After: 5001, Revision: 6000, Relisted: true, Changes: []registry.Change{
		gone(keys.Alive("n1")), change(keys.Node("n1"), 10, `{"v":1}`),
		change(keys.Status("n1", id), 4700, `{"v":1,"tenure":4500}`),
		change(keys.Unit("n1", id), 4600, `{"v":1,"desired":"run","tenure":4500}`),
	}})
	n := w.nodes["n1"]
	if n.tenure != 0 || n.lastTenure() != 4500 || n.placement("n1").Tenure != 0 {
		t.Errorf("the last tenure is %d, that of placement %d", n.lastTenure(), n.placement("n1").Tenure)
	}
}
