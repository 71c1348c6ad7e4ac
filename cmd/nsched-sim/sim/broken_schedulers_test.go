package sim

import (
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// harmlessWrite is one that means nothing but that its writer decides.
func (b *brokenWorld) harmlessWrite() registry.Op {
	return b.put(Keys.Summary(plainApp, "9"), map[string]any{})
}

// dark cuts a machine's power and acts in the moment in which its lease has ended.
func (b *brokenWorld) dark(n *NodeHost, do func()) {
	n.PowerOff()
	b.when(func() bool { return b.tenure(n) == 0 }, do)
}

// recorded acts as soon as the machine's loss is on record.
func (b *brokenWorld) recorded(n *NodeHost, do func()) {
	name := units.NodeName(n.Name)
	b.dark(n, func() {
		b.when(func() bool { return b.Watchman.losses.recorded[name] >= b.Watchman.losses.gone[name].tenure }, do)
	})
}

// brokenBySchedulers are decisions that no scheduler takes.
var brokenBySchedulers = []broke{
	{"one writes who does not lead", FencedWrites, func(b *brokenWorld) {
		_, waits, _ := b.leader()
		b.as(waits, 0, b.harmlessWrite())
	}},
	{"a write lands that was asked for before its leader put its key again", FencedWrites, func(b *brokenWorld) {
		leads, _, put := b.leader()
		b.as(leads, b.now-put+time.Second, b.harmlessWrite())
	}},
	{"a leader writes while it does not know what became of a write", FencedWrites, func(b *brokenWorld) {
		leads, _, _ := b.leader()
		leads.host.CutTo = true
		b.as(leads, 0, b.harmlessWrite())
		leads.host.CutTo = false
		b.After(patience+time.Second, func() { b.as(leads, 0, b.harmlessWrite()) })
	}},
	{"a unit is replaced on a node that is there", EvictedRightly, func(b *brokenWorld) {
		leads, _, _ := b.leader()
		k := b.of(loneApp, 0)
		b.as(leads, 0, b.assigned(next(k, b.elsewhere(k)), units.DesiredRun))
	}},
	{"a unit is replaced before the loss of its node is on record", EvictedRightly, func(b *brokenWorld) {
		k := b.of(patientApp, 0)
		b.dark(b.machineOf(k), func() {
			leads, _, _ := b.leader()
			b.as(leads, 0, b.assigned(next(k, b.elsewhere(k)), units.DesiredRun))
		})
	}},
	{"a unit is replaced before its app allows it", LostAfter, func(b *brokenWorld) {
		k := b.of(patientApp, 0)
		b.recorded(b.machineOf(k), func() {
			leads, _, _ := b.leader()
			b.as(leads, 0, b.assigned(next(k, b.elsewhere(k)), units.DesiredRun))
		})
	}},
	{"a new leader puts a loss on record at once", Grace, func(b *brokenWorld) {
		n := b.nodes[0]
		for _, p := range b.schedulers {
			p.Kill()
		}
		b.dark(n, func() {
			for _, p := range b.schedulers {
				p.Start()
			}
			b.when(func() bool {
				return b.leading() != nil && b.Watchman.losses.since > b.Watchman.losses.gone[units.NodeName(n.Name)].at
			}, func() {
				leads, _, _ := b.leader()
				b.as(leads, 0, b.put(Keys.Fence(units.NodeName(n.Name)), units.Fence{Tenure: b.Watchman.losses.gone[units.NodeName(n.Name)].tenure}))
			})
		})
	}},
	{"a loss is put on record while most nodes are lost", Brake, func(b *brokenWorld) {
		name := units.NodeName(b.nodes[0].Name)
		b.nodes[1].PowerOff()
		b.dark(b.nodes[0], func() {
			b.when(func() bool { return b.tenure(b.nodes[1]) == 0 }, func() {
				leads, _, _ := b.leader()
				b.as(leads, 0, b.put(Keys.Fence(name), units.Fence{Tenure: b.Watchman.losses.gone[name].tenure}))
			})
		})
	}},
	{"an assignment is deleted of which its node says that it runs", WordOfThisLife, func(b *brokenWorld) {
		leads, _, _ := b.leader()
		b.as(leads, 0, gone(unitKeyOf(b.of(plainApp, 0))))
	}},
	{"an assignment is deleted for a word about an earlier one", WordOfThisLife, func(b *brokenWorld) {
		leads, _, _ := b.leader()
		k := b.of(plainApp, 0)
		b.as(b.machineOf(k).Daemon, 0, b.says(k, func(s *units.Status) { s.State, s.Assignment = units.StateStopped, s.Assignment-1 }))
		b.as(leads, 0, gone(unitKeyOf(k)))
	}},
	{"a new attempt does not wait as long as its slot's failures demand", BackedOff, func(b *brokenWorld) {
		k := b.of(largeApp, 0)
		n := b.machineOf(k)
		n.crashing[largeApp] = true
		_ = n.Systemd.Kill(b.ctx, k.id, 9)
		b.when(func() bool { return b.Watchman.backoffs.failures[slotOf(k.id)].inARow > 0 }, func() {
			leads, _, _ := b.leader()
			k.id.Attempt += 50
			b.as(leads, 0, b.assigned(k, units.DesiredRun))
		})
	}},
	{"a scheduler decides on a restored etcd that nobody has accepted", RestoreHeld, func(b *brokenWorld) {
		snapshot := b.Etcd.Snapshot()
		b.After(30*time.Second, func() { b.Etcd.Restore(snapshot) })
		b.After(30*time.Second+notice+5*time.Second, func() {
			leads, _, _ := b.leader()
			b.as(leads, 0, b.harmlessWrite())
		})
	}},
}
