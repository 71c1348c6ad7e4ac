package registry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nsched/nsched/units/registry"
)

// memoryPut puts one key, on a lease where one is given.
func memoryPut(t testing.TB, kv registry.KV, key string, lease registry.LeaseID) registry.TxnResult {
	t.Helper()
	res, err := kv.Txn(t.Context(), registry.Txn{Then: []registry.Op{
		{Kind: registry.OpPut, Key: key, Value: []byte(key), Lease: lease},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func memoryKeys(t testing.TB, kv registry.KV) []string {
	t.Helper()
	res, err := kv.Range(t.Context(), registry.Range{Key: "\x00", End: "\x00"})
	if err != nil {
		t.Fatal(err)
	}
	keys := []string{}
	for _, kv := range res.KVs {
		keys = append(keys, kv.Key)
	}
	return keys
}

func memoryGrant(t testing.TB, kv registry.KV, ttl time.Duration) registry.LeaseID {
	t.Helper()
	l, err := kv.Grant(t.Context(), ttl)
	if err != nil {
		t.Fatal(err)
	}
	return l.ID
}

func TestMemoryClock(t *testing.T) {
	t.Run("leases end at their time, in the order of expiry and then of their ids", func(t *testing.T) {
		m := registry.NewMemory(registry.MemoryOptions{})
		for i, ttl := range []time.Duration{5, 3, 5, 3} {
			memoryPut(t, m, fmt.Sprintf("k%d", i), memoryGrant(t, m, ttl*time.Second))
		}
		var gone []string
		m.Watch(t.Context(), registry.Watch{Key: "k", End: "l"}, func(r registry.WatchResponse) {
			for _, c := range r.Changes {
				gone = append(gone, c.Key)
			}
		})
		next, ok := m.NextExpiry()
		if !ok || next != 3*time.Second {
			t.Errorf("next expiry %s, %t", next, ok)
		}
		m.Advance(3*time.Second - 1)
		if len(gone) > 0 {
			t.Errorf("%v ended early", gone)
		}
		m.Advance(10 * time.Second)
		if diff := cmp.Diff([]string{"k1", "k3", "k0", "k2"}, gone); diff != "" {
			t.Error(diff)
		}
		if _, ok := m.NextExpiry(); ok {
			t.Error("a lease is left")
		}
	})
	t.Run("a time in the past does nothing", func(t *testing.T) {
		m := registry.NewMemory(registry.MemoryOptions{})
		m.Advance(time.Minute)
		m.Advance(time.Second)
		if m.Now() != time.Minute {
			t.Errorf("now is %s", m.Now())
		}
	})
	t.Run("with etcd's rate, many leases end over seconds, cannot be renewed, and hold their keys until then", func(t *testing.T) {
		m := registry.NewMemory(registry.MemoryOptions{RevokesPerSecond: 4})
		var ids []registry.LeaseID
		for i := range 10 {
			ids = append(ids, memoryGrant(t, m, 2*time.Second))
			memoryPut(t, m, fmt.Sprintf("k%d", i), ids[i])
		}
		left := func(now time.Duration) int {
			m.Advance(now)
			return len(memoryKeys(t, m))
		}
		for _, c := range []struct {
			now  time.Duration
			want int
		}{{1999 * time.Millisecond, 10}, {2 * time.Second, 8}, {2400 * time.Millisecond, 8}, {3 * time.Second, 4}, {time.Minute, 0}} {
			if got := left(c.now); got != c.want {
				t.Errorf("at %s %d keys are left, want %d", c.now, got, c.want)
			}
			if c.now == 3*time.Second {
				if _, err := m.KeepAlive(t.Context(), ids[9]); !errors.Is(err, registry.ErrLeaseNotFound) {
					t.Errorf("renewing an expired lease: %v", err)
				}
				if l, err := m.TimeToLive(t.Context(), ids[9]); err != nil || l.Remaining != 0 {
					t.Errorf("an expired lease: %+v, %v", l, err)
				}
			}
		}
	})
}

func TestMemoryDelivery(t *testing.T) {
	t.Run("the hook decides when, and never in which order", func(t *testing.T) {
		var due []func()
		m := registry.NewMemory(registry.MemoryOptions{Deliver: func(run func()) { due = append(due, run) }})
		var got []int64
		m.Watch(t.Context(), registry.Watch{Key: "k", End: "l"}, func(r registry.WatchResponse) { got = append(got, r.Revision) })
		for range 4 {
			memoryPut(t, m, "k", 0)
		}
		if len(got) > 0 {
			t.Errorf("delivered %v unasked", got)
		}
		slices.Reverse(due)
		for _, run := range due {
			run()
		}
		if diff := cmp.Diff([]int64{2, 3, 4, 5}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("what is due for a closed watch, or after its context, is not delivered", func(t *testing.T) {
		var due []func()
		m := registry.NewMemory(registry.MemoryOptions{Deliver: func(run func()) { due = append(due, run) }})
		ctx, cancel := context.WithCancel(t.Context())
		fail := func(registry.WatchResponse) { t.Error("delivered") }
		w := m.Watch(t.Context(), registry.Watch{Key: "k"}, fail)
		m.Watch(ctx, registry.Watch{Key: "k"}, fail)
		memoryPut(t, m, "k", 0)
		w.Close()
		cancel()
		memoryPut(t, m, "k", 0)
		for _, run := range due {
			run()
		}
	})
	t.Run("a delivery may write", func(t *testing.T) {
		m := registry.NewMemory(registry.MemoryOptions{})
		var got []string
		m.Watch(t.Context(), registry.Watch{Key: "a", End: "z"}, func(r registry.WatchResponse) {
			got = append(got, r.Changes[0].Key)
			if r.Changes[0].Key == "a" {
				memoryPut(t, m, "b", 0)
			}
		})
		memoryPut(t, m, "a", 0)
		if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("the same calls give the same deliveries", func(t *testing.T) {
		run := func() string {
			var log strings.Builder
			m := registry.NewMemory(registry.MemoryOptions{})
			for i := range 5 {
				m.Watch(t.Context(), registry.Watch{Key: "k", End: "l"}, func(r registry.WatchResponse) {
					fmt.Fprintf(&log, "%d %d %v\n", i, r.Revision, r.Changes)
				})
			}
			id := memoryGrant(t, m, 5*time.Second)
			for i := range 50 {
				memoryPut(t, m, fmt.Sprintf("k%d", i), id)
			}
			m.Advance(time.Minute)
			return log.String()
		}
		if first, second := run(), run(); first != second {
			t.Error(cmp.Diff(first, second))
		}
	})
}

func TestMemoryRestore(t *testing.T) {
	m := registry.NewMemory(registry.MemoryOptions{})
	id := memoryGrant(t, m, 5*time.Second)
	memoryPut(t, m, "k0", id) // 2
	backup := m.Snapshot()
	var got []string
	w := m.Watch(t.Context(), registry.Watch{Key: "k", End: "l"}, func(r registry.WatchResponse) {
		if len(r.Changes) == 0 {
			got = append(got, fmt.Sprint("progress ", r.Revision))
		}
		for _, c := range r.Changes {
			got = append(got, fmt.Sprint(c.Key, " ", c.ModRevision))
		}
	})
	memoryPut(t, m, "k1", 0) // 3
	memoryPut(t, m, "k2", 0) // 4
	m.Advance(4 * time.Second)
	m.Restore(backup)
	if diff := cmp.Diff([]string{"k0"}, memoryKeys(t, m)); diff != "" {
		t.Error(diff)
	}
	if _, err := m.Range(t.Context(), registry.Range{Key: "k", Revision: 3}); !errors.Is(err, registry.ErrFutureRevision) {
		t.Errorf("reading what is gone: %v", err)
	}
	memoryPut(t, m, "other", 0) // 3 again
	w.RequestProgress()         // answered by nothing: the store is behind
	memoryPut(t, m, "k3", 0)    // 4 again, which the watch has seen under another name
	memoryPut(t, m, "k4", 0)    // 5
	w.RequestProgress()
	if diff := cmp.Diff([]string{"k1 3", "k2 4", "k4 5", "progress 5"}, got); diff != "" {
		t.Errorf("the watch (-want +got):\n%s", diff)
	}
	if second := memoryGrant(t, m, 5*time.Second); second == id {
		t.Error("a lease id was given twice")
	}
	m.Advance(8 * time.Second) // the lease began anew
	if !slices.Contains(memoryKeys(t, m), "k0") {
		t.Error("the lease of the backup ended early")
	}
	m.Advance(9 * time.Second)
	if slices.Contains(memoryKeys(t, m), "k0") {
		t.Error("the lease of the backup did not end")
	}
	m.Restore(backup) // it never changes
	if diff := cmp.Diff([]string{"k0"}, memoryKeys(t, m)); diff != "" {
		t.Error(diff)
	}
}

// Reading at any revision that is not compacted gives what a plain map held then, however many keys and
// blocks there are.
func TestMemoryReadsAsAMapOfEveryRevision(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := registry.NewMemory(registry.MemoryOptions{})
		states := map[int64]map[string]string{1: {}}
		state := map[string]string{}
		compacted := int64(0)
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			var ops []registry.Op
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0:
				from, to := memoryKey(rt), memoryKey(rt)
				ops = []registry.Op{{Kind: registry.OpDelete, Key: from, End: to}}
				for k := range state {
					if from <= k && k < to {
						delete(state, k)
					}
				}
			case 1:
				if m.Revision() > compacted {
					compacted = rapid.Int64Range(compacted+1, m.Revision()).Draw(rt, "compact")
					if err := m.Compact(compacted); err != nil {
						rt.Fatal(err)
					}
				}
				continue
			default:
				first := rapid.IntRange(0, 2000).Draw(rt, "first")
				value := rapid.StringN(1, 3, 3).Draw(rt, "value")
				for i := range rapid.IntRange(1, 120).Draw(rt, "keys") {
					k := fmt.Sprintf("%05d", first+i*7)
					ops = append(ops, registry.Op{Kind: registry.OpPut, Key: k, Value: []byte(value)})
					state[k] = value
				}
			}
			res, err := m.Txn(t.Context(), registry.Txn{Then: ops})
			if err != nil {
				rt.Fatal(err)
			}
			states[res.Revision] = map[string]string{}
			for k, v := range state {
				states[res.Revision][k] = v
			}
		}
		for rev := max(1, compacted); rev <= m.Revision(); rev++ {
			res, err := m.Range(t.Context(), registry.Range{Key: "\x00", End: "\x00", Revision: rev})
			if err != nil {
				rt.Fatal(err)
			}
			got := map[string]string{}
			last := ""
			for _, kv := range res.KVs {
				if kv.Key <= last {
					rt.Fatalf("%q comes after %q", kv.Key, last)
				}
				last = kv.Key
				got[kv.Key] = string(kv.Value)
			}
			if diff := cmp.Diff(states[rev], got); diff != "" {
				rt.Fatalf("revision %d (-want +got):\n%s", rev, diff)
			}
		}
	})
}

func memoryKey(rt *rapid.T) string {
	return fmt.Sprintf("%05d", rapid.IntRange(0, 3000).Draw(rt, "key"))
}

func BenchmarkMemory(b *testing.B) {
	fill := func(n int) *registry.Memory {
		m := registry.NewMemory(registry.MemoryOptions{})
		for i := range n {
			memoryPut(b, m, fmt.Sprintf("/nsched/units/node%04d/%06d", i*7919%10_000, i), 0)
		}
		return m
	}
	b.Run("fill/keys=100000", func(b *testing.B) {
		for b.Loop() {
			fill(100_000)
		}
	})
	b.Run("range/keys=100000", func(b *testing.B) {
		m := fill(100_000)
		for b.Loop() {
			if _, err := m.Range(b.Context(), registry.Range{Key: "/", End: "0"}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("put/keys=100000/watches=100", func(b *testing.B) {
		m := fill(100_000)
		for i := range 100 {
			m.Watch(b.Context(), registry.Watch{Key: fmt.Sprintf("/nsched/units/node%04d/", i), End: "0"}, func(registry.WatchResponse) {})
		}
		for b.Loop() {
			memoryPut(b, m, "/nsched/units/node5000/x", 0)
		}
	})
	b.Run("snapshot/keys=100000", func(b *testing.B) {
		m := fill(100_000)
		for b.Loop() {
			m.Snapshot()
		}
	})
}
