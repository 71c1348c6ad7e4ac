package conformance

import (
	"context"

	"github.com/nsched/nsched/units/registry"
)

var watchCases = []conformanceCase{
	{"a watch from an old revision delivers the history and goes on", func(b *bench) {
		b.ok(put("a", "1"))
		b.ok(put("b", ""))
		b.ok(del("a", ""))
		w := b.watch("a", "z", 2)
		b.ok(put("c", ""))
		b.equal("changes", b.lines(w), []string{"+b", "-a", "+c"})
	}},
	{"a change says all of the key, a deletion only its name and revision", func(b *bench) {
		id := b.grant(100e9)
		b.ok(put("a", ""))
		b.ok(registry.Op{Kind: registry.OpPut, Key: "a", Value: []byte("x"), Lease: id})
		b.ok(del("a", ""))
		got := b.watch("a", "", 2).upTo(b.t, b.base+3)
		var changes []registry.Change
		for _, r := range got {
			changes = append(changes, r.Changes...)
		}
		b.equal("changes", changes, []registry.Change{
			{KeyValue: registry.KeyValue{
				Key: "a", Value: []byte("x"), CreateRevision: b.base + 1, ModRevision: b.base + 2, Version: 2, Lease: id,
			}},
			{Deleted: true, KeyValue: registry.KeyValue{Key: "a", ModRevision: b.base + 3}},
		})
		b.equal("revision", got[len(got)-1].Revision, b.base+3)
	}},
	{"all changes of a transaction come in one response, in the order of its operations", func(b *bench) {
		b.ok(put("x", ""), put("y", ""))
		w := b.watch("a", "z", 0)
		b.ok(put("c", ""), del("x", "z"), put("a", ""))
		b.equal("changes", b.lines(w), []string{"+c-x-y+a"})
	}},
	{"a watch of nothing but its range hears nothing else", func(b *bench) {
		one, prefix, all := b.watch("a/1", "", 1), b.watch("a/", registry.PrefixEnd("a/"), 1), b.watch("", registry.PrefixEnd(""), 1)
		b.ok(put("a/1", ""), put("a/2", ""), put("b", ""))
		b.equal("one", b.lines(one), []string{"+a/1"})
		b.equal("prefix", b.lines(prefix), []string{"+a/1+a/2"})
		b.equal("all", b.lines(all), []string{"+a/1+a/2+b"})
	}},
	{"a watch of what comes next delivers nothing old", func(b *bench) {
		b.ok(put("a", ""))
		w := b.watch("a", "z", 0)
		b.ok(put("b", ""))
		b.equal("changes", b.lines(w), []string{"+b"})
	}},
	{"a watch from the revision after the newest tells its progress though nothing happens", func(b *bench) {
		b.ok(put("a", ""))
		w := b.watch("a", "z", 2)
		b.equal("changes", b.lines(w), []string{})
		b.ok(put("b", ""))
		b.equal("changes", b.lines(w), []string{"+b"})
	}},
	{"a watch from a later revision waits for it", func(b *bench) {
		w := b.watch("a", "z", 3)
		b.ok(put("a", ""))
		b.ok(put("b", ""))
		b.ok(put("c", ""))
		b.equal("changes", b.lines(w), []string{"+c"})
	}},
	{"a watch of a range that is empty by its bounds is refused", func(b *bench) {
		for _, end := range []string{"a", "b"} {
			got := b.watch("b", end, 1).upTo(b.t, b.base+1)
			b.equal("responses", len(got), 1)
			b.is(got[0].Err, registry.ErrRefused)
		}
	}},
	{"nothing comes after Close", func(b *bench) {
		w := b.watch("a", "z", 1)
		b.ok(put("a", ""))
		b.lines(w)
		w.Close()
		before := len(w.responses())
		b.ok(put("b", ""))
		w.RequestProgress()
		b.equal("another watch", b.lines(b.watch("a", "z", 1)), []string{"+a", "+b"})
		b.equal("responses", len(w.responses()), before)
		w.Close()
	}},
	{"nothing comes after the end of the context", func(b *bench) {
		ctx, cancel := context.WithCancel(b.t.Context())
		w := record(ctx, b, registry.Watch{Key: "a", End: "z", Revision: b.base + 1})
		b.ok(put("a", ""))
		w.upTo(b.t, b.base+1)
		cancel()
		w.Close()
		before := len(w.responses())
		b.ok(put("b", ""))
		b.equal("another watch", b.lines(b.watch("a", "z", 1)), []string{"+a", "+b"})
		b.equal("responses", len(w.responses()), before)
	}},
}
