package registry_test

import (
	"testing"
	"time"

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
	if n := lastLease(t, c) - before; n > 6 {
		t.Fatalf("it took %d leases", n)
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
