package conformance

import (
	"fmt"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/units/registry"
)

func diffOf(want, got any) string { return cmp.Diff(want, got) }

var txnCases = []conformanceCase{
	{"a new key has version 1 and its create revision", func(b *bench) {
		res := b.ok(put("a", "x"))
		b.equal("revision", res.Revision, b.base+1)
		b.equal("key", b.one("a"), registry.KeyValue{
			Key: "a", Value: []byte("x"), CreateRevision: b.base + 1, ModRevision: b.base + 1, Version: 1,
		})
	}},
	{"a key that is put again keeps its create revision, and one that was deleted does not", func(b *bench) {
		b.ok(put("a", "1"))
		b.ok(put("a", "2"))
		b.equal("second", b.one("a"), registry.KeyValue{
			Key: "a", Value: []byte("2"), CreateRevision: b.base + 1, ModRevision: b.base + 2, Version: 2,
		})
		b.ok(del("a", ""))
		b.ok(put("a", "3"))
		b.equal("third", b.one("a"), registry.KeyValue{
			Key: "a", Value: []byte("3"), CreateRevision: b.base + 4, ModRevision: b.base + 4, Version: 1,
		})
	}},
	{"all writes of a transaction have one revision", func(b *bench) {
		b.ok(put("a", ""), put("b", ""), put("c", ""))
		for _, kv := range b.read(registry.Range{Key: "a", End: "z"}).KVs {
			b.equal(kv.Key, kv.ModRevision, b.base+1)
		}
	}},
	{"a transaction whose comparison fails runs Else alone", func(b *bench) {
		res, err := b.Txn(b.t.Context(), registry.Txn{
			If:   []registry.Compare{{Key: "a", Target: registry.ModRevision, Relation: registry.NotEqual}},
			Then: []registry.Op{put("a", "then")}, Else: []registry.Op{put("b", "else"), get("b", "")},
		})
		b.is(err, nil)
		b.equal("succeeded", res.Succeeded, false)
		b.equal("results", len(res.Results), 2)
		b.equal("keys", b.keys("a", "z"), []string{"b"})
	}},
	{"a transaction that fails without Else makes no revision", func(b *bench) {
		res, err := b.Txn(b.t.Context(), registry.Txn{
			If:   []registry.Compare{{Key: "a", Target: registry.Version, Relation: registry.Greater}},
			Then: []registry.Op{put("a", "then")},
		})
		b.is(err, nil)
		b.equal("revision", res.Revision, b.base)
	}},
	{"a missing key compares as zero, but never by its value", func(b *bench) {
		for _, target := range []registry.Target{registry.CreateRevision, registry.ModRevision, registry.Version, registry.LeaseOf} {
			b.equal(fmt.Sprint(target), b.holds(registry.Compare{Key: "a", Target: target}), true)
		}
		b.equal("equal to empty", b.holds(registry.Compare{Key: "a", Target: registry.Value}), false)
		b.equal("not equal to x", b.holds(registry.Compare{
			Key: "a", Target: registry.Value, Relation: registry.NotEqual, Bytes: []byte("x"),
		}), false)
	}},
	{"an empty value equals no bytes", func(b *bench) {
		b.ok(put("a", ""))
		b.equal("holds", b.holds(registry.Compare{Key: "a", Target: registry.Value}), true)
	}},
	{"comparisons hold together or not at all", func(b *bench) {
		b.ok(put("a", "x"))
		yes := registry.Compare{Key: "a", Target: registry.Version, Number: 1}
		no := registry.Compare{Key: "a", Target: registry.Version, Number: 2}
		b.equal("yes and yes", b.holds(yes, yes), true)
		b.equal("yes and no", b.holds(yes, no), false)
	}},
	{"a comparison of a range holds when it does for every key there", func(b *bench) {
		b.ok(put("a/1", "x"))
		b.ok(put("a/2", "x"))
		b.ok(put("b", "x"))
		all := func(target registry.Target, is registry.Relation, n int64) bool {
			return b.holds(registry.Compare{Key: "a/", End: registry.PrefixEnd("a/"), Target: target, Relation: is, Number: n})
		}
		b.equal("none is older than the first", all(registry.CreateRevision, registry.Greater, b.base), true)
		b.equal("none is older than the second", all(registry.CreateRevision, registry.Greater, b.base+1), false)
		b.equal("none is later than the second", all(registry.CreateRevision, registry.Less, b.base+3), true)
		b.equal("none is later than the first", all(registry.CreateRevision, registry.Less, b.base+2), false)
		b.equal("versions", all(registry.Version, registry.Equal, 1), true)
		b.equal("no leases", all(registry.LeaseOf, registry.Equal, 0), true)
		b.ok(del("a/1", ""))
		b.equal("and when the first has gone", all(registry.CreateRevision, registry.Greater, b.base+1), true)
		b.equal("of one key", b.holds(registry.Compare{Key: "a/2", End: "a/2\x00", Target: registry.Value, Bytes: []byte("x")}), true)
		b.equal("of values", b.holds(registry.Compare{Key: "a/", End: "c", Target: registry.Value, Relation: registry.NotEqual, Bytes: []byte("x")}), false)
		b.equal("up to the end", b.holds(registry.Compare{Key: "a/", End: "\x00", Target: registry.Version, Number: 1}), true)
		b.ok(put("b", "y"))
		b.equal("up to the end, with another", b.holds(registry.Compare{Key: "a/", End: "\x00", Target: registry.Version, Number: 1}), false)
	}},
	{"a comparison of a range without keys is one of a missing key", func(b *bench) {
		for _, target := range []registry.Target{registry.CreateRevision, registry.ModRevision, registry.Version, registry.LeaseOf} {
			b.equal(fmt.Sprint(target), b.holds(registry.Compare{Key: "a/", End: "b", Target: target}), true)
			b.equal(fmt.Sprint(target), b.holds(registry.Compare{Key: "a/", End: "b", Target: target, Relation: registry.Greater}), false)
		}
		b.equal("by value", b.holds(registry.Compare{Key: "a/", End: "b", Target: registry.Value, Relation: registry.NotEqual, Bytes: []byte("x")}), false)
		b.ok(put("a", ""), put("b", ""))
		b.equal("backwards", b.holds(registry.Compare{Key: "b", End: "a", Target: registry.Version}), true)
	}},
	{"a range in a transaction sees what was written before it and not what comes after", func(b *bench) {
		res := b.ok(get("a", "z"), put("a", ""), get("a", "z"), put("b", ""))
		b.equal("before", res.Results[0].Range.Count, int64(0))
		b.equal("between", keysOf(res.Results[2].Range.KVs), []string{"a"})
	}},
	{"a deletion counts what it deleted", func(b *bench) {
		b.ok(put("a/1", ""), put("a/2", ""), put("b", ""))
		res := b.ok(del("a/", registry.PrefixEnd("a/")), del("a/1", ""))
		b.equal("prefix", res.Results[0].Deleted, int64(2))
		b.equal("again", res.Results[1].Deleted, int64(0))
		b.equal("left", b.keys("a", "z"), []string{"b"})
	}},
	{"deleting nothing makes no revision", func(b *bench) {
		b.equal("revision", b.ok(del("a", "z")).Revision, b.base)
	}},
	{"an empty transaction answers with the newest revision", func(b *bench) {
		b.equal("revision", b.ok().Revision, b.base)
	}},
	{"a key that is put twice is refused", func(b *bench) {
		b.fails(registry.ErrRefused, put("a", "1"), put("a", "2"))
	}},
	{"a key that is put and deleted is refused", func(b *bench) {
		b.fails(registry.ErrRefused, put("a", "1"), del("a", ""))
		b.fails(registry.ErrRefused, del("a", "c"), put("b", "1"))
	}},
	{"an overlap is refused in the branch that does not run, too", func(b *bench) {
		_, err := b.Txn(b.t.Context(), registry.Txn{
			Then: []registry.Op{put("a", "")}, Else: []registry.Op{put("b", ""), put("b", "")},
		})
		b.is(err, registry.ErrRefused)
		b.equal("keys", b.keys("a", "z"), []string{})
	}},
	{"an empty key is refused", func(b *bench) {
		b.fails(registry.ErrRefused, put("", ""))
		b.fails(registry.ErrRefused, del("", ""))
		_, err := b.Range(b.t.Context(), registry.Range{})
		b.is(err, registry.ErrRefused)
	}},
	{"a write whose context has ended is not sent", func(b *bench) {
		_, err := b.Txn(canceled(b.t), registry.Txn{Then: []registry.Op{put("a", "")}})
		b.is(err, registry.ErrUnavailable)
		b.equal("keys", b.keys("a", "z"), []string{})
	}},
}

// holds says whether comparisons do.
func (b *bench) holds(c ...registry.Compare) bool {
	b.t.Helper()
	res, err := b.Txn(b.t.Context(), registry.Txn{If: c})
	if err != nil {
		b.t.Fatal(err)
	}
	return res.Succeeded
}

var limitCases = []conformanceCase{
	{"a transaction of MaxOps operations and comparisons is taken", func(b *bench) {
		var txn registry.Txn
		for i := range registry.MaxOps {
			key := fmt.Sprintf("a/%d", i)
			txn.Then = append(txn.Then, put(key, ""))
			txn.If = append(txn.If, registry.Compare{Key: key, Target: registry.ModRevision})
		}
		res, err := b.Txn(b.t.Context(), txn)
		b.is(err, nil)
		b.equal("succeeded", res.Succeeded, true)
	}},
	{"a transaction of 129 operations is refused", func(b *bench) {
		var ops []registry.Op
		for i := range 129 {
			ops = append(ops, put(fmt.Sprintf("a/%d", i), ""))
		}
		b.ok(ops[:128]...)
		b.ok(del("a", "b"))
		b.fails(registry.ErrRefused, ops...)
	}},
	{"a value of 1 MiB is taken, one of 1.6 MiB and one of 4 MiB are refused", func(b *bench) {
		b.ok(put("a", strings.Repeat("x", 1<<20)))
		b.equal("size", len(b.one("a").Value), 1<<20)
		b.fails(registry.ErrRefused, put("a", strings.Repeat("x", 1600<<10)))
		b.fails(registry.ErrRefused, put("a", strings.Repeat("x", 4<<20)))
	}},
	{"a full database takes no puts and leases, but reads, deletions and renewals", func(b *bench) {
		id := b.grant(100e9)
		b.ok(leased("a", id), put("b", ""))
		b.setNoSpace(b.t, true)
		defer b.setNoSpace(b.t, false)
		b.fails(registry.ErrNoSpace, put("c", ""))
		b.fails(registry.ErrNoSpace, del("a", ""), put("c", ""))
		_, err := b.Grant(b.t.Context(), 100e9)
		b.is(err, registry.ErrNoSpace)
		_, err = b.KeepAlive(b.t.Context(), id)
		b.is(err, nil)
		b.ok(del("b", ""))
		b.is(b.Revoke(b.t.Context(), id), nil)
		b.equal("keys", b.keys("a", "z"), []string{})
		b.setNoSpace(b.t, false)
		b.ok(put("c", ""))
	}},
}
