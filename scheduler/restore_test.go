package scheduler

import (
	"testing"
	"time"

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
