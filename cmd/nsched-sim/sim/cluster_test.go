package sim

import (
	"testing"
	"time"

	"github.com/nsched/nsched/units/registry"
)

func TestASubmittedAppIsPlacedAndBecomesHealthy(t *testing.T) {
	c := NewCluster(t.Context(), 1, NewTrace(nil), Size{Nodes: 3, Schedulers: 2})
	c.After(5*time.Second, func() { c.Operator.Submit(App(0), 3, 100) })
	if err := c.Run(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := c.Watchman.Settled(c.Operator); err != nil {
		t.Fatal(err)
	}
}

func TestAUnitOnALostNodeIsReplaced(t *testing.T) {
	c := NewCluster(t.Context(), 1, NewTrace(nil), Size{Nodes: 3, Schedulers: 2})
	c.After(5*time.Second, func() { c.Operator.Submit(App(0), 3, 100) })
	c.After(20*time.Second, func() { c.Nodes()[0].PowerOff() })
	if err := c.Run(60 * time.Second); err != nil {
		t.Fatal(err)
	}
	if running := len(c.Nodes()[1].Running()) + len(c.Nodes()[2].Running()); running != 3 {
		t.Errorf("%d units run on the machines that are left, want 3", running)
	}
	c.Nodes()[0].PowerOn()
	if err := c.Run(4 * time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := c.Watchman.Settled(c.Operator); err != nil {
		t.Fatal(err)
	}
}

// sweepSeeds is how many seeds are run each time; more run with nsched-sim.
const sweepSeeds = 1000

func TestClustersSurviveEveryMixOfFaults(t *testing.T) {
	r, err := Sweep{First: 1, Seeds: sweepSeeds}.Run(t.Context())
	t.Log(r)
	if err != nil {
		t.Error(err)
	}
	if r.Seeds != sweepSeeds {
		t.Errorf("%d seeds ran, want %d", r.Seeds, sweepSeeds)
	}
	// What lasts, every fault has to meet. What is brief is waited for; which seeds meet the last of it is chance.
	cells := Reachable(StandardFaults())
	if missed := r.Matrix.Missed(); len(missed) > len(cells)/100 {
		t.Errorf("%d of %d reachable cells were not hit: %q", len(missed), len(cells), missed)
	}
	for _, c := range cells {
		if !brief(c) && r.Matrix[c] == 0 {
			t.Errorf("no %s met %s", c.Fault, c.state())
		}
	}
}

func TestAClusterReplaysBitForBit(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		a, b := NewTrace(nil), NewTrace(nil)
		_, _ = Standard(t.Context(), seed, a)
		_, _ = Standard(t.Context(), seed, b)
		if a.Sum() != b.Sum() {
			t.Errorf("seed %d: the traces of two runs differ", seed)
		}
	}
}

// The answer to an orphan is a stop, and the stop has an end: its assignment stayed for ever, since the
// node's word was taken to be about an earlier life of the key.
func TestAnOrphanIsStoppedAndNothingOfItStays(t *testing.T) {
	c := NewCluster(t.Context(), 7, NewTrace(nil), Size{Nodes: 3, Schedulers: 1})
	c.After(5*time.Second, func() { c.Operator.Submit(App(0), 2, 100) })
	prefix := Keys.Under(registry.KindUnit)
	assigned := registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)}
	c.After(60*time.Second, func() {
		r, err := c.Etcd.Range(t.Context(), assigned)
		if err != nil || len(r.KVs) != 2 {
			t.Fatalf("assignments %+v, %v", r, err)
		}
		if _, err := c.Etcd.Txn(t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpDelete, Key: r.KVs[0].Key}}}); err != nil {
			t.Fatal(err)
		}
	})
	if err := c.Run(200 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := c.Watchman.Settled(c.Operator); err != nil {
		t.Error(err)
	}
	if r, err := c.Etcd.Range(t.Context(), assigned); err != nil || len(r.KVs) != 2 {
		t.Errorf("assignments %+v, %v", r.KVs, err)
	}
}
