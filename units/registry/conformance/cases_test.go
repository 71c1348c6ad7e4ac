package conformance

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nsched/nsched/units/registry"
)

// bench is one back end during one case: revisions count from base, the newest one before the case, and
// no key of an earlier case is there.
type bench struct {
	backend
	t    *testing.T
	base int64
}

type conformanceCase struct {
	name string
	run  func(*bench)
}

// TestCases runs every case on both back ends.
func TestCases(t *testing.T) {
	t.Parallel()
	etcd := newReal(t)
	for _, c := range slices.Concat(txnCases, rangeCases, leaseCases, watchCases, compactionCases, limitCases) {
		t.Run(c.name, func(t *testing.T) {
			t.Run("twin", func(t *testing.T) { c.run(newBench(t, newTwin())) })
			t.Run("etcd", func(t *testing.T) { c.run(newBench(t, etcd)) })
		})
	}
}

func newBench(t *testing.T, b backend) *bench {
	t.Helper()
	n := &bench{backend: b, t: t}
	n.base = newPlayer(t, b).base
	return n
}

func put(key, value string) registry.Op {
	return registry.Op{Kind: registry.OpPut, Key: key, Value: []byte(value)}
}

func leased(key string, id registry.LeaseID) registry.Op {
	return registry.Op{Kind: registry.OpPut, Key: key, Lease: id}
}

func del(key, end string) registry.Op {
	return registry.Op{Kind: registry.OpDelete, Key: key, End: end}
}

func get(key, end string) registry.Op {
	return registry.Op{Kind: registry.OpRange, Key: key, End: end}
}

// ok commits operations that must succeed.
func (b *bench) ok(ops ...registry.Op) registry.TxnResult {
	b.t.Helper()
	res, err := b.Txn(b.t.Context(), registry.Txn{Then: ops})
	if err != nil {
		b.t.Fatal(err)
	}
	return res
}

// fails commits operations that must fail with a sentinel and change nothing.
func (b *bench) fails(want error, ops ...registry.Op) {
	b.t.Helper()
	before := b.read(registry.Range{Key: "a", End: "~"})
	_, err := b.Txn(b.t.Context(), registry.Txn{Then: ops})
	b.is(err, want)
	after := b.read(registry.Range{Key: "a", End: "~"})
	if after.Revision != before.Revision {
		b.t.Errorf("the revision moved from %d to %d", before.Revision, after.Revision)
	}
}

// is checks for a sentinel, nil for none.
func (b *bench) is(err, want error) {
	b.t.Helper()
	if class(err) != class(want) {
		b.t.Errorf("got %v, want %v", err, want)
	}
}

func (b *bench) read(r registry.Range) registry.RangeResult {
	b.t.Helper()
	res, err := b.Range(b.t.Context(), r)
	if err != nil {
		b.t.Fatal(err)
	}
	return res
}

// one reads a key, the zero KeyValue where it does not exist.
func (b *bench) one(key string) registry.KeyValue {
	b.t.Helper()
	res := b.read(registry.Range{Key: key})
	if len(res.KVs) == 0 {
		return registry.KeyValue{}
	}
	return res.KVs[0]
}

// keys lists what exists in a range.
func (b *bench) keys(key, end string) []string {
	b.t.Helper()
	return keysOf(b.read(registry.Range{Key: key, End: end}).KVs)
}

func keysOf(kvs []registry.KeyValue) []string {
	out := []string{}
	for _, kv := range kvs {
		out = append(out, kv.Key)
	}
	return out
}

func (b *bench) equal(what string, got, want any) {
	b.t.Helper()
	if diff := diffOf(want, got); diff != "" {
		b.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func (b *bench) grant(ttl time.Duration) registry.LeaseID {
	b.t.Helper()
	l, err := b.Grant(b.t.Context(), ttl)
	if err != nil {
		b.t.Fatal(err)
	}
	return l.ID
}

// watch opens a watch that is closed with the case. Revision counts from base; 0 is what comes next.
func (b *bench) watch(key, end string, rev int64) *recorder {
	b.t.Helper()
	w := registry.Watch{Key: key, End: end}
	if rev != 0 {
		w.Revision = b.base + rev
	}
	r := record(b.t.Context(), b, w)
	b.t.Cleanup(r.Close)
	if rev == 0 {
		r.upTo(b.t, 0)
	}
	return r
}

// lines are the changes that a watch has delivered up to now, one string a response.
func (b *bench) lines(r *recorder) []string {
	b.t.Helper()
	now := b.read(registry.Range{Key: "a"}).Revision
	out := []string{}
	for _, resp := range r.upTo(b.t, now) {
		if resp.Err != nil {
			out = append(out, "ended: "+class(resp.Err))
			continue
		}
		// etcd may join several revisions in one response, but never parts one.
		rev, line := int64(0), ""
		for _, c := range resp.Changes {
			if c.ModRevision != rev && line != "" {
				out, line = append(out, line), ""
			}
			rev = c.ModRevision
			verb := "+"
			if c.Deleted {
				verb = "-"
			}
			line += verb + c.Key
		}
		out = append(out, line)
	}
	return out
}

// canceled is a context that has ended.
func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
