package conformance

import (
	"github.com/nsched/nsched/units/registry"
)

var rangeCases = []conformanceCase{
	{"keys come in ascending order of their bytes", func(b *bench) {
		b.ok(put("b", ""), put("a/10", ""), put("a/2", ""), put("a", ""), put("a\xff", ""))
		b.equal("keys", b.keys("a", "~"), []string{"a", "a/10", "a/2", "a\xff", "b"})
	}},
	{"the end of a range is not part of it, and of a prefix it is the next one", func(b *bench) {
		b.ok(put("a", ""), put("a/1", ""), put("a/2", ""), put("a0", ""))
		b.equal("range", b.keys("a/1", "a/2"), []string{"a/1"})
		b.equal("prefix", b.keys("a/", registry.PrefixEnd("a/")), []string{"a/1", "a/2"})
		b.equal("one", b.keys("a", ""), []string{"a"})
		b.equal("backwards", b.keys("b", "a"), []string{})
	}},
	{"the end of the empty prefix has everything before it", func(b *bench) {
		b.ok(put("a", ""), put("\xff\xff", ""))
		b.equal("keys", b.keys("\x01", registry.PrefixEnd("")), []string{"a", "~base", "\xff\xff"})
	}},
	{"a limit gives the first keys, says that there are more, and counts all", func(b *bench) {
		b.ok(put("a", ""), put("b", ""), put("c", ""))
		res := b.read(registry.Range{Key: "a", End: "z", Limit: 2})
		b.equal("keys", keysOf(res.KVs), []string{"a", "b"})
		b.equal("more", res.More, true)
		b.equal("count", res.Count, int64(3))
		res = b.read(registry.Range{Key: "a", End: "z", Limit: 3})
		b.equal("more of all", res.More, false)
	}},
	{"counting gives no keys", func(b *bench) {
		b.ok(put("a", "1"), put("b", "2"))
		b.equal("result", b.read(registry.Range{Key: "a", End: "z", CountOnly: true}),
			registry.RangeResult{Revision: b.base + 1, Count: 2})
	}},
	{"keys alone come without values and leases, but with their revisions", func(b *bench) {
		b.ok(registry.Op{Kind: registry.OpPut, Key: "a", Value: []byte("1"), Lease: b.grant(100e9)})
		b.equal("result", b.read(registry.Range{Key: "a", End: "z", KeysOnly: true}).KVs, []registry.KeyValue{
			{Key: "a", CreateRevision: b.base + 1, ModRevision: b.base + 1, Version: 1},
		})
	}},
	{"an old revision reads as it was, under the newest header", func(b *bench) {
		b.ok(put("a", "old"))
		b.ok(put("a", "new"), put("b", ""))
		b.ok(del("a", ""))
		res := b.read(registry.Range{Key: "a", End: "z", Revision: b.base + 1})
		b.equal("revision", res.Revision, b.base+3)
		b.equal("keys", keysOf(res.KVs), []string{"a"})
		b.equal("value", string(res.KVs[0].Value), "old")
		b.equal("before", b.read(registry.Range{Key: "a", End: "z", Revision: b.base}).Count, int64(0))
	}},
	{"a revision that does not exist yet is refused as such", func(b *bench) {
		_, err := b.Range(b.t.Context(), registry.Range{Key: "a", Revision: b.base + 1})
		b.is(err, registry.ErrFutureRevision)
	}},
	{"a serializable read sees a store that is alone", func(b *bench) {
		b.ok(put("a", "x"))
		b.equal("count", b.read(registry.Range{Key: "a", Serializable: true}).Count, int64(1))
	}},
}

var compactionCases = []conformanceCase{
	{"a compacted revision cannot be read, and the one compacted at can", func(b *bench) {
		b.ok(put("a", "1"))
		b.ok(put("a", "2"))
		b.ok(put("b", ""))
		b.is(b.compact(b.t, b.base+2), nil)
		_, err := b.Range(b.t.Context(), registry.Range{Key: "a", Revision: b.base + 1})
		b.is(err, registry.ErrCompacted)
		res := b.read(registry.Range{Key: "a", End: "z", Revision: b.base + 2})
		b.equal("value", string(res.KVs[0].Value), "2")
		b.equal("keys", keysOf(res.KVs), []string{"a"})
	}},
	{"compacting keeps what exists, with its revisions", func(b *bench) {
		b.ok(put("a", "1"))
		b.ok(put("a", "2"), put("b", ""))
		b.ok(del("b", ""))
		b.ok(put("c", ""))
		b.is(b.compact(b.t, b.base+4), nil)
		b.equal("keys", b.keys("a", "z"), []string{"a", "c"})
		b.equal("a", b.one("a"), registry.KeyValue{
			Key: "a", Value: []byte("2"), CreateRevision: b.base + 1, ModRevision: b.base + 2, Version: 2,
		})
	}},
	{"compacting twice, or ahead, is refused", func(b *bench) {
		b.ok(put("a", "1"))
		b.is(b.compact(b.t, b.base+1), nil)
		b.is(b.compact(b.t, b.base+1), registry.ErrCompacted)
		b.is(b.compact(b.t, b.base+2), registry.ErrFutureRevision)
	}},
	{"a watch from a compacted revision ends with the first one that can be read", func(b *bench) {
		for range 3 {
			b.ok(put("a", ""))
		}
		b.is(b.compact(b.t, b.base+3), nil)
		w := b.watch("a", "", 2)
		got := w.upTo(b.t, b.base+3)
		b.equal("responses", len(got), 1)
		b.is(got[0].Err, registry.ErrCompacted)
		b.equal("from", got[0].CompactRevision, b.base+3)
	}},
	{"a watch from the revision compacted at delivers it, deletions too", func(b *bench) {
		b.ok(put("a", ""), put("b", ""))
		b.ok(put("a", ""), del("b", ""))
		b.ok(put("c", ""))
		b.is(b.compact(b.t, b.base+2), nil)
		b.equal("changes", b.lines(b.watch("a", "z", 2)), []string{"+a-b", "+c"})
	}},
	{"a watch that has come along is not disturbed by a compaction", func(b *bench) {
		w := b.watch("a", "z", 1)
		for range 3 {
			b.ok(put("a", ""))
		}
		w.upTo(b.t, b.base+3)
		b.is(b.compact(b.t, b.base+3), nil)
		b.ok(put("b", ""))
		b.equal("changes", b.lines(w), []string{"+a", "+a", "+a", "+b"})
	}},
}
