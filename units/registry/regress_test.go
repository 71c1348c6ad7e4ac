package registry_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

func TestARegistryThatWentBackIsHeldUntilItsEpochIsRaised(t *testing.T) {
	seen := registry.Highest{ID: "a", Epoch: 2, N: 100}
	for name, c := range map[string]struct {
		before  registry.Highest
		cluster units.Cluster
		n       int64
		held    bool
	}{
		"nothing was seen before":                 {registry.Highest{}, units.Cluster{ID: "a", Epoch: 1}, 5, false},
		"nothing was seen and nothing is":         {registry.Highest{}, units.Cluster{}, 0, false},
		"the clock went on":                       {seen, units.Cluster{ID: "a", Epoch: 2}, 101, false},
		"nothing changed":                         {seen, units.Cluster{ID: "a", Epoch: 2}, 100, false},
		"the clock went back":                     {seen, units.Cluster{ID: "a", Epoch: 2}, 99, true},
		"the clock is gone":                       {seen, units.Cluster{ID: "a", Epoch: 2}, 0, true},
		"the cluster is gone":                     {seen, units.Cluster{}, 200, true},
		"another cluster":                         {seen, units.Cluster{ID: "b", Epoch: 2}, 200, true},
		"an older epoch":                          {seen, units.Cluster{ID: "a", Epoch: 1}, 200, true},
		"back, and an operator raised it":         {seen, units.Cluster{ID: "a", Epoch: 3}, 7, false},
		"another, and an operator raised it":      {seen, units.Cluster{ID: "b", Epoch: 3}, 7, false},
		"it was restored, and its clock is ahead": {seen, units.Cluster{ID: "a", Epoch: 2, Restored: true}, 200, true},
		"it was restored, and nothing was seen":   {registry.Highest{}, units.Cluster{ID: "a", Epoch: 1, Restored: true}, 5, true},
		"it was restored once more since":         {seen, units.Cluster{ID: "a", Epoch: 3, Restored: true}, 200, true},
		"a cluster was seen without its clock":    {registry.Highest{ID: "a", Epoch: 1}, units.Cluster{ID: "a", Epoch: 1}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			after, err := c.before.Admit(c.cluster, units.Clock{N: c.n})
			if errors.Is(err, registry.ErrRegressed) != c.held || (err != nil) != c.held {
				t.Fatalf("%v", err)
			}
			want := registry.Highest{ID: c.cluster.ID, Epoch: c.cluster.Epoch, N: c.n}
			if c.held {
				want = c.before
			}
			if after != want {
				t.Fatalf("kept %+v", after)
			}
		})
	}
}

func TestWithinAnEpochTheHighestNeverFalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h registry.Highest
		for range 20 {
			c := units.Cluster{
				ID:    rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "id"),
				Epoch: rapid.Int64Range(1, 3).Draw(t, "epoch"),
			}
			next, err := h.Admit(c, units.Clock{N: rapid.Int64Range(0, 5).Draw(t, "n")})
			if next.Epoch < h.Epoch || (next.Epoch == h.Epoch && h.ID != "" && (next.ID != h.ID || next.N < h.N)) {
				t.Fatalf("%+v after %+v", next, h)
			}
			if err != nil && next != h {
				t.Fatalf("%v moved it", err)
			}
			h = next
		}
	})
}

func TestARestoreIsAcknowledgedOnce(t *testing.T) {
	keys, twin := defaultKeys(t), registry.NewMemory(registry.MemoryOptions{})
	op := registry.Op{Kind: registry.OpPut, Key: keys.Cluster(), Value: []byte(`{"v":1,"id":"a","epoch":2,"schema":1,"restored":true,"newer":"field"}`)}
	if _, err := twin.Txn(t.Context(), registry.Txn{Then: []registry.Op{op}}); err != nil {
		t.Fatal(err)
	}
	read := func() (registry.KeyValue, units.Cluster) {
		res, err := twin.Range(t.Context(), registry.Range{Key: keys.Cluster()})
		if err != nil {
			t.Fatal(err)
		}
		c, _, err := registry.Decode[units.Cluster](res.KVs[0].Key, res.KVs[0].Value)
		if err != nil {
			t.Fatal(err)
		}
		return res.KVs[0], c
	}
	before, _ := read()
	txn, err := registry.AcknowledgeRestore(before, 5)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} { // the second is the same request once more
		res, err := twin.Txn(t.Context(), txn)
		if err != nil || res.Succeeded != want {
			t.Fatalf("%d: %+v, %v", i, res, err)
		}
		after, c := read()
		if (c != units.Cluster{ID: "a", Epoch: 5, Schema: 1}) || !strings.Contains(string(after.Value), `"newer":"field"`) {
			t.Fatalf("%d: %s", i, after.Value)
		}
	}
	for _, low := range []int64{0, 1, 2} {
		if _, err := registry.AcknowledgeRestore(before, low); err == nil {
			t.Fatalf("epoch 2 was lowered to %d", low)
		}
	}
}

func TestTheFirstToCreateTheClusterNamesIt(t *testing.T) {
	keys, twin := defaultKeys(t), registry.NewMemory(registry.MemoryOptions{})
	first := units.Cluster{ID: "first", Epoch: 1, Schema: 1}
	for _, c := range []units.Cluster{first, first, {ID: "second", Epoch: 9}} {
		got, err := registry.EnsureCluster(t.Context(), twin, keys, c)
		if err != nil || got != first {
			t.Fatalf("%+v %v", got, err)
		}
	}
	del(t, twin, keys.Cluster())
	op := registry.Op{Kind: registry.OpPut, Key: keys.Cluster(), Value: []byte(`{"v":2}`)}
	if _, err := twin.Txn(t.Context(), registry.Txn{Then: []registry.Op{op}}); err != nil {
		t.Fatal(err)
	}
	if _, err := registry.EnsureCluster(t.Context(), twin, keys, first); !errors.Is(err, registry.ErrUndecodable) {
		t.Fatal(err)
	}
}
