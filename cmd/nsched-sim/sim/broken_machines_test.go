package sim

import (
	"math"
	"time"

	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// manyTokens is above every fence token that a scheduler gives.
const manyTokens = math.MaxInt64

// brokenOnMachines are what no daemon and no guard does.
var brokenOnMachines = []broke{
	{"a singleton runs on two machines", OneOfASingleton, func(b *brokenWorld) {
		k := b.of(loneApp, 0)
		n := b.elsewhere(k)
		b.starts(next(k, n), b.tenure(n), manyTokens)
	}},
	{"a singleton runs twice on one machine", OneOfASingleton, func(b *brokenWorld) {
		k := b.of(loneApp, 0)
		n := b.machineOf(k)
		b.starts(next(k, n), b.tenure(n), manyTokens)
	}},
	{"a bound unit outlives its node's tenure", FencedInTime, func(b *brokenWorld) {
		k := b.of(tiedApp, 0)
		n := b.elsewhere(k)
		b.starts(next(k, n), b.tenure(n), 0)
		n.Cut(true, true)
	}},
	{"a bound unit is started by a shim that asks nobody", FencedInTime, func(b *brokenWorld) {
		k := b.of(tiedApp, 0)
		b.starts(next(k, b.elsewhere(k)), 0, 0)
	}},
	{"a bound unit is started on an assignment for an earlier tenure", FencedInTime, func(b *brokenWorld) {
		k := b.of(tiedApp, 0)
		n := b.elsewhere(k)
		k = next(k, n)
		b.byEtcd(b.put(unitKeyOf(k), units.Assignment{Desired: units.DesiredRun, Tenure: b.tenure(n) - 1}))
		b.starts(k, b.tenure(n), 0)
	}},
	{"a bound unit is started by a node that has not been heard", FencedInTime, func(b *brokenWorld) {
		k := b.of(tiedApp, 0)
		n := b.elsewhere(k)
		n.Cut(true, true)
		b.After(8*time.Second, func() {
			b.starts(next(k, n), 0, 0)
			n.tenures[next(k, n).id] = 1 // which it did not ask about
		})
	}},
	{"a guard vouches for longer than it may", FencedInTime, func(b *brokenWorld) {
		b.nodes[0].Guard.word.FreshUntil += time.Minute
	}},
	{"a node takes a new tenure while something runs in the old one", FencedInTime, func(b *brokenWorld) {
		k := b.of(tiedApp, 0)
		key := Keys.Alive(k.node)
		was := b.Watchman.mirror.alive[k.node]
		b.byEtcd(gone(key))
		b.byEtcd(registry.Op{Kind: registry.OpPut, Key: key, Value: was.Value, Lease: was.Lease})
	}},
	{"a singleton shows an older token", TokensRise, func(b *brokenWorld) {
		k := b.of(loneApp, 0)
		n := b.elsewhere(k)
		b.starts(next(k, n), b.tenure(n), 1)
	}},
	{"a singleton shows the token of another", TokensRise, func(b *brokenWorld) {
		k := b.of(loneApp, 0)
		n := b.elsewhere(k)
		b.starts(next(k, n), b.tenure(n), b.Watchman.machines.tokens[loneApp].token)
	}},
	{"a singleton shows no token", TokensRise, func(b *brokenWorld) {
		k := b.of(loneApp, 0)
		b.Watchman.machines.tokens[loneApp] = shown{} // were they all without
		n := b.elsewhere(k)
		b.starts(next(k, n), b.tenure(n), 0)
	}},
	{"a daemon stops what nobody told it to", SilenceStopsNone, func(b *brokenWorld) {
		k := b.of(plainApp, 0)
		_ = services(b.machineOf(k)).Stop(b.ctx, k.id)
	}},
	{"a daemon stops what it takes for ended and runs", SilenceStopsNone, func(b *brokenWorld) {
		k := b.of(plainApp, 0)
		n := b.machineOf(k)
		r := n.disk[k.id]
		r.Ended = &converge.Ending{}
		n.disk[k.id] = r
		_ = services(n).Stop(b.ctx, k.id)
	}},
	{"a guard stops what is bound to no tenure", SilenceStopsNone, func(b *brokenWorld) {
		k := b.of(plainApp, 0)
		_ = simMachine{b.machineOf(k)}.Stop(b.ctx, k.id)
	}},
	{"a reaper kills what is bound to a tenure that lives", SilenceStopsNone, func(b *brokenWorld) {
		k := b.of(tiedApp, 0)
		_ = simMachine{b.machineOf(k)}.Kill(b.ctx, k.id)
	}},
	{"a root of what runs is removed", Pinned, func(b *brokenWorld) {
		k := b.of(plainApp, 0)
		delete(b.machineOf(k).roots, units.RootName(k.id.AppID(), k.id.Generation))
	}},
	{"a collector takes what runs", Pinned, func(b *brokenWorld) {
		k := b.of(plainApp, 0)
		delete(b.machineOf(k).store, b.Watchman.spec(k.id).Path)
	}},
	{"a root is away for a moment", Pinned, func(b *brokenWorld) {
		k := b.of(plainApp, 0)
		n, root := b.machineOf(k), units.RootName(k.id.AppID(), k.id.Generation)
		path := n.roots[root]
		b.After(200*time.Millisecond, func() {
			_ = simStore{n}.RemoveRoot(b.ctx, root)
			n.store[path], n.roots[root] = true, path
		})
	}},
	{"a daemon starts what it said was told to stop", AttemptsOnce, func(b *brokenWorld) {
		k := b.of(plainApp, 0)
		n := b.machineOf(k)
		b.as(n.Daemon, 0, b.says(k, func(s *units.Status) { s.Desired = units.DesiredStop }))
		b.After(time.Second, func() { n.OnStart(k.id, b.now, 0) })
	}},
}
