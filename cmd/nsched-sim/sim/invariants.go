package sim

import (
	"strings"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// Watchman keeps the history of a run as etcd saw it, and says when a promise is broken. It looks at
// etcd and at the machines, never at what a shell believes.
//
//	etcd's changes --> mirror --> assignments, capacity, statuses, endpoints, tenures
//	writes, by whom and asked for when --> fence, losses, evictions, back-off, how much is written
//	machines' processes --> singletons, fencing, roots, who stopped what
//
// Everything is incremental: a change costs what it touches.
type Watchman struct {
	w       *World
	watcher registry.Watcher
	mirror  *mirror
	specs   map[genKey]units.App

	// Of assignments: when each unit was first created, the furthest it was told to go, on which node.
	created map[units.UnitID]int64
	told    map[units.UnitID]units.Desired
	node    map[units.UnitID]units.NodeName
	// ordered are the stops that any history of etcd has held.
	ordered map[units.UnitID]bool
	// unrecorded is when a person's hand took what was recorded of a chunk of slots.
	unrecorded map[chunkKey]time.Duration
	// finished are the lives of assignments of which a node has said, in any history, that they are over.
	finished map[life]bool

	Stops  int
	Placed int
	// Evicted counts the units replaced for a loss, Recorded the losses put on record.
	Evicted, Recorded int

	losses   losses
	rooms    rooms
	fences   fences
	budgets  budgets
	backoffs backoffs
	machines machines
	restored restored
}

type genKey struct {
	app        units.AppID
	generation units.Generation
}

// Guarded starts a watchman over the world, in which every standing promise is checked.
func (w *World) Guarded() *Watchman {
	m := &Watchman{
		w: w, mirror: newMirror(), specs: map[genKey]units.App{},
		created: map[units.UnitID]int64{}, told: map[units.UnitID]units.Desired{}, node: map[units.UnitID]units.NodeName{},
		ordered: map[units.UnitID]bool{}, finished: map[life]bool{}, unrecorded: map[chunkKey]time.Duration{},
		losses: newLosses(), rooms: newRooms(), fences: newFences(), budgets: newBudgets(), backoffs: newBackoffs(), machines: newMachines(),
	}
	m.watch(1)
	w.OnWrite(m.wrote)
	w.OnDoubt(m.doubted)
	w.OnRenewal(m.renewed)
	w.Always("the machines", func(*World) error {
		m.lookForRestore()
		return m.lookAtMachines()
	})
	return m
}

func (m *Watchman) watch(revision int64) {
	m.watcher = m.w.Etcd.Watch(m.w.ctx, registry.Watch{Key: Keys.Prefix(), End: registry.PrefixEnd(Keys.Prefix()), Revision: revision}, m.see)
}

func (m *Watchman) fail(p Promise, format string, args ...any) { m.w.fail(broken(p, format, args...)) }

// see follows every change: first all of a revision, then what they mean.
func (m *Watchman) see(r registry.WatchResponse) {
	if r.Err != nil {
		m.fail(Sound, "the watchman sees nothing any more: %v", r.Err)
		return
	}
	m.mirror.begin(r.Revision)
	keys := make([]registry.Key, len(r.Changes))
	for i, c := range r.Changes {
		key, err := Keys.Parse(c.Key)
		if err != nil && key.Kind != registry.KindUnknown {
			m.fail(Sound, "a malformed key was written: %v", err)
			return
		}
		keys[i] = key
		m.mirror.follow(key, c, m.w.now)
	}
	for i, c := range r.Changes {
		m.changed(keys[i], c)
	}
}

func (m *Watchman) changed(key registry.Key, c registry.Change) {
	k := unitKey{key.Node, key.Unit}
	switch key.Kind {
	case registry.KindGeneration:
		m.learn(key, c)
	case registry.KindLeader:
		if !c.Deleted {
			m.fences.puts[version{c.Key, c.ModRevision}] = m.w.now
		}
		m.led()
	case registry.KindAlive:
		m.lease(key.Node, c)
		m.claimed(key.Node, !c.Deleted && c.CreateRevision == c.ModRevision && m.w.Hand() != c.Key)
	case registry.KindUnit:
		if c.Deleted {
			m.book(k, m.mirror.before.units[k])
			m.byHand(c, chunkOf(k.id))
		}
		m.assignment(k, c)
		m.room(k)
	case registry.KindStatus:
		if c.Deleted {
			delete(m.machines.knew, k) // the node has forgotten it
		}
		m.room(k)
		m.ended(k)
	case registry.KindEndpoint:
		m.endpoint(k, c)
	case registry.KindSlots:
		m.byHand(c, chunkKey{key.App, key.Chunk})
	}
}

// learn remembers every generation there ever was.
func (m *Watchman) learn(key registry.Key, c registry.Change) {
	s, _, err := registry.Decode[units.Submission](c.Key, c.Value)
	if err != nil {
		return
	}
	if app, err := units.ParseApp([]byte(s.Document)); err == nil {
		m.specs[genKey{key.App, key.Generation}] = app
	}
}

// spec is what a unit is made of.
func (m *Watchman) spec(id units.UnitID) units.App { return m.specs[genKey{id.AppID(), id.Generation}] }

// assignment checks one: a unit is created once, on one node, and only advances. Its attempt may be given out
// again only after a person has deleted every trace of it, and by a scheduler that began later: it counts the
// attempts that are in the registry, and those that it saw.
func (m *Watchman) assignment(k unitKey, c registry.Change) {
	a, there := m.mirror.units[k]
	if !there || a.bad {
		return // gone, or spoilt by a hand
	}
	first, known := m.created[k.id]
	if known && first != c.CreateRevision && m.forgotten(chunkOf(k.id)) {
		delete(m.told, k.id)
		known = false
	}
	switch {
	case !known:
		m.created[k.id], m.node[k.id] = c.CreateRevision, k.node
		m.Placed++
	case first != c.CreateRevision && a.Desired != units.DesiredStop:
		m.fail(AttemptsOnce, "unit %s was assigned twice: an attempt was used again", k.id)
	case m.node[k.id] != k.node && a.Desired != units.DesiredStop:
		m.fail(AttemptsOnce, "unit %s is on %s and on %s", k.id, m.node[k.id], k.node)
	}
	if a.Desired.Rank() < m.told[k.id].Rank() {
		m.fail(AttemptsOnce, "unit %s went back from %s to %s", k.id, m.told[k.id], a.Desired)
	}
	m.told[k.id] = a.Desired
	if a.Desired == units.DesiredStop {
		m.ordered[k.id] = true
	}
}

// wrote checks what a shell has written.
func (m *Watchman) wrote(p *Process, t registry.Txn, r registry.TxnResult) {
	if !r.Succeeded {
		return
	}
	m.readable(p, t)
	if kind, ok := strings.CutPrefix(p.Name, p.host.Name+"/"); ok && kind == "scheduler" {
		m.decided(p, t)
	} else if kind == "daemon" {
		m.reported(p, t)
	}
}

// readable checks that what a shell has written can be read: what cannot be is put down to a hand everywhere else.
func (m *Watchman) readable(p *Process, t registry.Txn) {
	for _, op := range t.Then {
		key, err := Keys.Parse(op.Key)
		if err != nil || op.Kind != registry.OpPut {
			continue
		}
		k := unitKey{key.Node, key.Unit}
		if key.Kind == registry.KindUnit && m.mirror.units[k].bad || key.Kind == registry.KindStatus && m.mirror.status[k].bad {
			m.fail(Sound, "%s wrote %s, which nobody can read: %q", p.Name, op.Key, op.Value)
		}
	}
}

// decided checks a scheduler's write.
func (m *Watchman) decided(p *Process, t registry.Txn) {
	if !decides(t) {
		return
	}
	m.lookForRestore()
	m.fence(p, t)
	m.believes(p, t)
	m.summaries(p, t)
	for _, op := range t.Then {
		key, err := Keys.Parse(op.Key)
		if err != nil {
			continue
		}
		switch {
		case key.Kind == registry.KindFence && op.Kind == registry.OpPut:
			m.loss(p, key.Node)
		case key.Kind == registry.KindUnit && op.Kind == registry.OpPut:
			m.placed(p, unitKey{key.Node, key.Unit})
		case key.Kind == registry.KindUnit && op.Kind == registry.OpDelete:
			m.let(p, unitKey{key.Node, key.Unit})
		}
	}
}

// decides reports whether a transaction writes anything but what is its writer's own: its candidacy, and
// what it tells.
func decides(t registry.Txn) bool {
	for _, op := range t.Then {
		if op.Kind != registry.OpRange && !strings.HasPrefix(op.Key, leaderPrefix) && !strings.HasPrefix(op.Key, eventPrefix) {
			return true
		}
	}
	return false
}

var (
	leaderPrefix = Keys.Under(registry.KindLeader)
	eventPrefix  = Keys.Under(registry.KindEvent)
)

// soonMost allows for cluster time, which may run a hundredth faster than the world's, and for rounding.
func soonMost(d time.Duration) time.Duration { return d - d/50 - 100*time.Millisecond }
