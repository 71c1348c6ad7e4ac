package conformance

import (
	"time"

	"github.com/nsched/nsched/units/registry"
)

var leaseCases = []conformanceCase{
	{"a lease is granted in whole seconds, rounded up, and in two at least", func(b *bench) {
		for ttl, want := range map[time.Duration]time.Duration{
			0: 2 * time.Second, time.Second: 2 * time.Second, 2 * time.Second: 2 * time.Second,
			2500 * time.Millisecond: 3 * time.Second, 15 * time.Second: 15 * time.Second,
		} {
			l, err := b.Grant(b.t.Context(), ttl)
			b.is(err, nil)
			b.equal(ttl.String(), l.Granted, want)
		}
	}},
	{"a lease longer than etcd's longest is refused", func(b *bench) {
		_, err := b.Grant(b.t.Context(), 9_000_000_001*time.Second)
		b.is(err, registry.ErrRefused)
	}},
	{"a lease tells what it was granted with, and a renewal gives all of it", func(b *bench) {
		id := b.grant(100 * time.Second)
		l, err := b.TimeToLive(b.t.Context(), id)
		b.is(err, nil)
		b.equal("granted", l.Granted, 100*time.Second)
		if l.Remaining <= 0 || l.Remaining > l.Granted {
			b.t.Errorf("%s of %s remain", l.Remaining, l.Granted)
		}
		l, err = b.KeepAlive(b.t.Context(), id)
		b.is(err, nil)
		b.equal("renewed", l, registry.Lease{ID: id, Granted: 100 * time.Second, Remaining: 100 * time.Second})
	}},
	{"a lease that never was is not found by anything", func(b *bench) {
		_, err := b.KeepAlive(b.t.Context(), never)
		b.is(err, registry.ErrLeaseNotFound)
		_, err = b.TimeToLive(b.t.Context(), never)
		b.is(err, registry.ErrLeaseNotFound)
		b.is(b.Revoke(b.t.Context(), never), registry.ErrLeaseNotFound)
		b.fails(registry.ErrLeaseNotFound, put("a", ""), leased("b", never))
	}},
	{"a renewal works again after one of a lease that is gone", func(b *bench) {
		id := b.grant(100 * time.Second)
		for range 3 {
			_, err := b.KeepAlive(b.t.Context(), never)
			b.is(err, registry.ErrLeaseNotFound)
			_, err = b.KeepAlive(b.t.Context(), id)
			b.is(err, nil)
		}
	}},
	{"revoking a lease deletes its keys at one revision, in their order", func(b *bench) {
		id := b.grant(100 * time.Second)
		b.ok(leased("c", id), leased("a", id), put("b", ""))
		w := b.watch("a", "z", 1)
		b.is(b.Revoke(b.t.Context(), id), nil)
		b.equal("keys", b.keys("a", "z"), []string{"b"})
		b.equal("changes", b.lines(w), []string{"+c+a+b", "-a-c"})
		b.is(b.Revoke(b.t.Context(), id), registry.ErrLeaseNotFound)
	}},
	{"revoking a lease without keys makes no revision", func(b *bench) {
		b.is(b.Revoke(b.t.Context(), b.grant(100*time.Second)), nil)
		b.equal("revision", b.read(registry.Range{Key: "a"}).Revision, b.base)
	}},
	{"a key that is put without its lease leaves it", func(b *bench) {
		id := b.grant(100 * time.Second)
		b.ok(leased("a", id), leased("b", id))
		b.ok(put("a", "free"))
		b.equal("lease", b.one("a").Lease, registry.LeaseID(0))
		b.is(b.Revoke(b.t.Context(), id), nil)
		b.equal("keys", b.keys("a", "z"), []string{"a"})
	}},
	{"a key that keeps its lease keeps it", func(b *bench) {
		id := b.grant(100 * time.Second)
		b.ok(leased("a", id))
		b.ok(registry.Op{Kind: registry.OpPut, Key: "a", Value: []byte("new"), IgnoreLease: true})
		b.equal("lease", b.one("a").Lease, id)
	}},
	{"keeping the lease of a key that does not exist is refused, and so is naming one besides", func(b *bench) {
		b.fails(registry.ErrRefused, put("b", ""), registry.Op{Kind: registry.OpPut, Key: "a", IgnoreLease: true})
		id := b.grant(100 * time.Second)
		b.ok(leased("a", id))
		b.fails(registry.ErrRefused, registry.Op{Kind: registry.OpPut, Key: "a", IgnoreLease: true, Lease: id})
	}},
	{"a key that moves to another lease ends with that one", func(b *bench) {
		first, second := b.grant(100*time.Second), b.grant(100*time.Second)
		b.ok(leased("a", first))
		b.ok(leased("a", second))
		b.is(b.Revoke(b.t.Context(), first), nil)
		b.equal("keys", b.keys("a", "z"), []string{"a"})
		b.is(b.Revoke(b.t.Context(), second), nil)
		b.equal("keys", b.keys("a", "z"), []string{})
	}},
	{"a key that was deleted and made again does not end with its old lease", func(b *bench) {
		id := b.grant(100 * time.Second)
		b.ok(leased("a", id))
		b.ok(del("a", ""))
		b.ok(put("a", ""))
		b.is(b.Revoke(b.t.Context(), id), nil)
		b.equal("keys", b.keys("a", "z"), []string{"a"})
	}},
	{"leases that are not renewed end with their keys, each at a revision of its own, and the renewed one lives", func(b *bench) {
		short, long, renewed := b.grant(2*time.Second), b.grant(3*time.Second), b.grant(3*time.Second)
		b.ok(leased("b", short), leased("a", short), leased("c", long), leased("d", renewed))
		w := b.watch("a", "z", 1)
		for range 6 {
			b.pass(time.Second)
			_, err := b.KeepAlive(b.t.Context(), renewed)
			b.is(err, nil)
		}
		b.equal("changes", b.lines(w), []string{"+b+a+c+d", "-a-b", "-c"})
		_, err := b.KeepAlive(b.t.Context(), short)
		b.is(err, registry.ErrLeaseNotFound)
		_, err = b.TimeToLive(b.t.Context(), long)
		b.is(err, registry.ErrLeaseNotFound)
		b.fails(registry.ErrLeaseNotFound, leased("e", short))
	}},
}
