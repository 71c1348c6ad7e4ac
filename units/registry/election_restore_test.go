package registry_test

import (
	"testing"
	"time"

	"github.com/nsched/nsched/units/loop/looptest"
	"github.com/nsched/nsched/units/registry"
)

// etcd is restored under candidates whose watches fall silent: the keys that they make are older than what
// they view. Each was judged to be gone, at once and again and again, some 150 leases a second until the
// watch was given up.
func TestARestoredEtcdIsReadAnewAndTheElectionGoesOnInOneMoreRound(t *testing.T) {
	c := newCandidates(t, 1)
	snapshot := c.twin.Snapshot()
	c.settle(time.Second)
	for range 50 {
		if _, err := c.twin.Txn(t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: c.keys.Clock(), Value: []byte("{}")}}}); err != nil {
			t.Fatal(err)
		}
	}
	c.settle(6 * time.Second)
	if len(c.leaders()) != 1 {
		t.Fatal("nobody leads")
	}
	before := lastLease(t, c)
	c.twin.Restore(snapshot)
	c.settle(8 * time.Second)
	if len(c.leaders()) != 1 {
		t.Fatalf("nobody leads after the restore: %s", c.seats[0].e.State(c.now))
	}
	if e := c.seats[0].e; !e.Regressed() || e.Regressed() {
		t.Error("it does not say, once, that etcd went back")
	}
	if n := lastLease(t, c) - before; n > 6 {
		t.Fatalf("it took %d leases", n)
	}
}

// The snapshot holds the key of an earlier leader beside that of the later one, and in the restored etcd nothing is
// missing that the later one's watch would notice: a read of everything anew shows it.
func TestALeaderWhoseElderIsBackLeadsNoMoreUntilThatHasGone(t *testing.T) {
	c := newCandidates(t, 1)
	c.settle(0)
	first := c.leaders()[0]
	c.seats = append(c.seats, c.seat("s1"))
	c.settle(time.Second)
	snapshot := c.twin.Snapshot()
	first.e.Resign()
	c.settle(time.Second)
	if now := c.leaders(); len(now) != 1 || now[0].name != "s1" {
		t.Fatal("the second does not lead")
	}
	high := c.twin.Revision()
	c.seats = c.seats[1:]
	c.twin.Restore(snapshot)
	for c.twin.Revision() <= high {
		if _, err := c.twin.Txn(t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: c.keys.Clock(), Value: []byte("{}")}}}); err != nil {
			t.Fatal(err)
		}
	}
	c.seats[0].e.Reload()
	c.settle(0)
	if now := c.leaders(); len(now) != 0 || c.seats[0].e.State(c.now) != registry.StateCandidate {
		t.Fatalf("it leads beside an older key: %s", c.seats[0].e.State(c.now))
	}
	c.settle(6 * time.Second) // the resigned one renews nothing
	if len(c.leaders()) != 1 {
		t.Fatal("it leads no more")
	}
}

// lastLease grants a lease: their numbers rise.
func lastLease(t *testing.T, c *candidates) registry.LeaseID {
	t.Helper()
	l, err := c.twin.Grant(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return l.ID
}

// A candidate was cut off before the snapshot was made, came back just before it was put in place, and its watch
// had told it nothing since: what it viewed was in the snapshot. Only its own key had been made later. It lost
// that, made another, and led on an etcd that nobody had accepted yet.
func TestACandidateKnowsARestoreByItsOwnEarlierKey(t *testing.T) {
	c := newCandidates(t, 1)
	c.settle(time.Second)
	first, _ := c.seats[0].e.Term(c.now)
	snapshot := c.twin.Snapshot()
	for range 50 {
		if _, err := c.twin.Txn(t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: c.keys.Clock(), Value: []byte("{}")}}}); err != nil {
			t.Fatal(err)
		}
	}
	c.seats[0].cut = true
	if err := c.twin.Revoke(t.Context(), first.Lease); err != nil {
		t.Fatal(err)
	}
	c.seats[0].cut = false // the watch stays silent
	c.settle(1500 * time.Millisecond)
	if second, ok := c.seats[0].e.Term(c.now); !ok || second.CreateRevision <= snapshot.Revision() {
		t.Fatalf("%+v, %v", second, ok)
	}
	c.twin.Restore(snapshot)
	c.settle(1500 * time.Millisecond)
	if e := c.seats[0].e; !e.Regressed() || e.Regressed() {
		t.Error("it does not say, once, that etcd went back")
	}
}

// The leader's key was in the snapshot, so nothing that the election looks at has gone. What was under way in the history
// before may compare just that key, so it is not led with any more.
func TestARestoredEtcdEndsTheTermThoughItsKeyIsThere(t *testing.T) {
	c := newCandidates(t, 1)
	c.settle(time.Second)
	before, _ := c.seats[0].e.Term(c.now)
	snapshot := c.twin.Snapshot()
	other := c.seat("other") // a key of the election, so that its view is farther than the snapshot
	c.seats = append(c.seats, other)
	c.settle(time.Second)
	other.Exec.Crash()
	c.seats = c.seats[:1]
	c.twin.Restore(snapshot)
	c.settle(12 * time.Second)
	if after, ok := c.seats[0].e.Term(c.now); !ok || after.Key == before.Key {
		t.Errorf("%+v, %v, after %+v", after, ok, before)
	}
	if !c.seats[0].e.Regressed() {
		t.Error("it does not say that etcd went back")
	}
}

// Who has asked for a Reload knows of the restore: that the next key is of an earlier revision than the last is no news of
// another, which would hold the cluster once more.
func TestAKeyOfTheHistoryBeforeIsNoSignOfAnotherRestore(t *testing.T) {
	for _, late := range []bool{false, true} {
		c := newCandidates(t, 1)
		s := c.seats[0]
		snapshot := c.twin.Snapshot()
		for range 50 {
			if _, err := c.twin.Txn(t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: c.keys.Clock(), Value: []byte("{}")}}}); err != nil {
				t.Fatal(err)
			}
		}
		var create *looptest.Task
		for create == nil {
			s.Step()
			if create = s.Exec.Find("campaign", ""); create == nil {
				s.Exec.RunAll()
			}
		}
		create.Perform(looptest.Applied)
		if !late {
			create.Deliver()
			c.settle(time.Second)
		}
		c.twin.Restore(snapshot)
		s.e.Reload()
		create.Deliver()
		c.settle(10 * time.Second)
		if len(c.leaders()) != 1 {
			t.Fatalf("late %v: nobody leads: %s", late, s.e.State(c.now))
		}
		if s.e.Regressed() {
			t.Errorf("late %v: another restore is told of", late)
		}
	}
}
