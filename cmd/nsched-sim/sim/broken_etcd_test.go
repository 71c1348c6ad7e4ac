package sim

import (
	"fmt"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// brokenInEtcd are keys and values that no shell writes, and reports that no daemon makes.
var brokenInEtcd = []broke{
	{"a port is given twice", Capacity, func(b *brokenWorld) {
		k := b.of(plainApp, 0)
		port := b.Watchman.mirror.units[k].Ports
		k.id.App = "other"
		b.byEtcd(b.put(unitKeyOf(k), units.Assignment{Desired: units.DesiredRun, Ports: port}))
	}},
	{"a machine is given more than it has", Capacity, func(b *brokenWorld) {
		k := b.of(largeApp, 0)
		b.byEtcd(b.assigned(next(k, b.machineOf(k)), units.DesiredRun))
	}},
	{"a stop is taken back", AttemptsOnce, func(b *brokenWorld) {
		k := b.of(plainApp, 0)
		b.byEtcd(b.assigned(k, units.DesiredStop))
		b.byEtcd(b.assigned(k, units.DesiredRun))
	}},
	{"an attempt is given to two nodes", AttemptsOnce, func(b *brokenWorld) {
		k := b.of(loneApp, 0)
		k.node = units.NodeName(b.elsewhere(k).Name)
		b.byEtcd(b.assigned(k, units.DesiredRun))
	}},
	{"an attempt is given out again", AttemptsOnce, func(b *brokenWorld) {
		k := b.of(plainApp, 0)
		b.byEtcd(gone(unitKeyOf(k)))
		b.byEtcd(b.assigned(k, units.DesiredRun))
	}},
	{"a node takes back that it was told to stop", AttemptsOnce, func(b *brokenWorld) {
		k := b.of(plainApp, 0)
		for _, d := range []units.Desired{units.DesiredStop, units.DesiredRun} {
			b.as(b.machineOf(k).Daemon, 0, b.says(k, func(s *units.Status) { s.Desired = d }))
		}
	}},
	{"a unit comes before what it was", StatesInOrder, func(b *brokenWorld) {
		k := b.of(plainApp, 0)
		b.as(b.machineOf(k).Daemon, 0, b.says(k, func(s *units.Status) { s.State = units.StateAssigned }))
	}},
	{"a node tells of another's unit", StatesInOrder, func(b *brokenWorld) {
		k := b.of(loneApp, 0)
		b.as(b.elsewhere(k).Daemon, 0, b.says(k, func(*units.Status) {}))
	}},
	{"a status is written all the time", BoundedWrites, func(b *brokenWorld) {
		k := b.of(plainApp, 0)
		b.repeat(100*time.Millisecond, b.machineOf(k).Daemon, func(i int) registry.Op {
			return b.says(k, func(s *units.Status) { s.PID = i })
		})
	}},
	{"a node reports all the time", BoundedWrites, func(b *brokenWorld) {
		n := b.nodes[0]
		b.repeat(50*time.Millisecond, n.Daemon, func(i int) registry.Op {
			k := b.of(plainApp, 0)
			k.node, k.id.Attempt = units.NodeName(n.Name), units.Attempt(i+2)
			return b.put(statusKeyOf(k), units.Status{State: units.StateRunning})
		})
	}},
	{"a summary is written all the time", BoundedWrites, func(b *brokenWorld) {
		leads, _, _ := b.leader()
		b.repeat(100*time.Millisecond, leads, func(i int) registry.Op {
			return b.put(Keys.Summary(plainApp, "0"), map[string]any{"n": i})
		})
	}},
	{"an address is told of what never ran there", AddressesOfTheLive, func(b *brokenWorld) {
		k := b.of(loneApp, 0)
		n := b.elsewhere(k)
		op := b.put(Keys.Endpoint(units.NodeName(n.Name), k.id), map[string]any{})
		op.Lease = b.Watchman.mirror.alive[units.NodeName(n.Name)].Lease
		b.as(n.Daemon, 0, op)
	}},
	{"an address is on no lease", AddressesOfTheLive, func(b *brokenWorld) {
		k := b.of(loneApp, 0)
		b.as(b.machineOf(k).Daemon, 0, b.put(Keys.Endpoint(k.node, k.id), map[string]any{}))
	}},
	{"the watchman sees nothing any more", Sound, func(b *brokenWorld) {
		b.After(3*time.Minute-time.Millisecond, func() {
			b.Watchman.watcher.Close()
			b.byEtcd(b.assigned(b.of(plainApp, 0), units.DesiredStop))
		})
	}},
	{"a key has no form", Sound, func(b *brokenWorld) {
		b.byEtcd(b.put(Keys.Under(registry.KindUnit)+"n1/of.nothing", map[string]any{}))
	}},
	{"a scheduler writes what nobody can read", Sound, func(b *brokenWorld) {
		leads, _, _ := b.leader()
		b.as(leads, 0, registry.Op{Kind: registry.OpPut, Key: unitKeyOf(b.of(plainApp, 0)), Value: []byte("junk")})
	}},
	{"a daemon writes what nobody can read", Sound, func(b *brokenWorld) {
		k := b.of(plainApp, 0)
		b.as(b.machineOf(k).Daemon, 0, registry.Op{Kind: registry.OpPut, Key: statusKeyOf(k), Value: []byte("junk")})
	}},
}

// repeat makes a process write something over and over.
func (b *brokenWorld) repeat(every time.Duration, p *Process, op func(i int) registry.Op) {
	i := 0
	b.Every(every, func() {
		i++
		b.as(p, 0, op(i))
	})
}

// brokenAtRest are what is left, or missing, when nothing happens any more.
var brokenAtRest = []broke{
	{"an app is smaller than it is to be", Convergence, func(b *brokenWorld) {
		b.wants(plainApp, func(i *units.Intent) { i.Count++ })
	}},
	{"an app is larger than it is to be", Convergence, func(b *brokenWorld) {
		b.wants(plainApp, func(i *units.Intent) { i.Count-- })
	}},
	{"an app runs that is to be stopped", Convergence, func(b *brokenWorld) {
		b.wants(plainApp, func(i *units.Intent) { i.Stopped = true })
	}},
	{"an app is of an old generation", Convergence, func(b *brokenWorld) {
		b.wants(plainApp, func(i *units.Intent) { i.Generation++ })
	}},
	{"a slot is filled twice", Convergence, func(b *brokenWorld) {
		k := b.of(plainApp, 0)
		n := b.nodes[0]
		if n.Name == string(k.node) {
			n = b.nodes[1]
		}
		b.After(3*time.Minute-time.Millisecond, func() { b.starts(next(k, n), 0, 0) })
	}},
	{"a unit is sick", Convergence, func(b *brokenWorld) {
		for _, n := range b.nodes {
			n.sick[units.AppID{}] = true
		}
	}},
	{"an assignment is left", Convergence, b0("assignment", func(b *brokenWorld, k unitKey) registry.Op { return b.assigned(k, units.DesiredRun) })},
	{"a status is left", Convergence, b0("status", func(b *brokenWorld, k unitKey) registry.Op {
		return b.put(statusKeyOf(k), units.Status{State: units.StateStopped})
	})},
	{"an endpoint is left", Convergence, func(b *brokenWorld) {
		k := b.of(loneApp, 0)
		b.Watchman.machines.ran[next(k, b.machineOf(k))] = true
		k = next(k, b.machineOf(k))
		b.After(3*time.Minute-time.Millisecond, func() { b.byEtcd(b.put(Keys.Endpoint(k.node, k.id), map[string]any{})) })
	}},
	{"a root is left", Convergence, b1(func(n *NodeHost, _ unitKey) { n.roots["default.nothing.1"] = "/nix/store/nothing" })},
	{"a record is left", Convergence, b1(func(n *NodeHost, k unitKey) { n.disk[k.id] = n.disk[units.UnitID{}] })},
}

// b0 leaves something in etcd at the last moment, of a unit that is no more.
func b0(what string, op func(b *brokenWorld, k unitKey) registry.Op) func(*brokenWorld) {
	return func(b *brokenWorld) {
		b.After(3*time.Minute-time.Millisecond, func() {
			k := b.of(plainApp, 0)
			k.id.Slot = units.Slot(fmt.Sprint(7 + len(what)))
			b.byEtcd(op(b, k))
		})
	}
}

// b1 leaves something on a machine at the last moment.
func b1(leave func(n *NodeHost, k unitKey)) func(*brokenWorld) {
	return func(b *brokenWorld) {
		b.After(3*time.Minute-time.Millisecond, func() {
			k := b.of(plainApp, 0)
			n := b.machineOf(k)
			leave(n, next(k, n))
		})
	}
}

// wants changes what the operator is believed to want, and tells nobody.
func (b *brokenWorld) wants(app units.AppID, change func(*units.Intent)) {
	i := b.Operator.want[app]
	change(&i)
	b.Operator.want[app] = i
}
