package sim

import (
	"time"

	"github.com/nsched/nsched/units/registry"
)

// restored is what the watchman knows of an etcd that was put back to an older state.
type restored struct {
	held  bool  // the clock has gone back, by which everybody can tell
	epoch int64 // that has to be exceeded
	at    time.Duration
	// Who can tell: a life that etcd had told of something that was lost, and one whose disk remembers a later
	// clock. Of a history of which all that was lost was told to nobody who is left, nobody can tell.
	lives map[*Process]int
	disks map[*Process]bool
}

// canTell reports whether a process has to find out.
func (r *restored) canTell(p *Process) bool {
	life, told := r.lives[p]
	return r.disks[p] || told && life == p.life
}

// notice is how long a scheduler may take to find out: what it had asked for, or decided on a view that
// has not been contradicted yet, may still be written. A watch is taken for silent after 15 s, the probe has
// 5 s to answer, and then everything is read anew.
const notice = 25 * time.Second

// lookForRestore begins a new history when etcd has gone back.
func (m *Watchman) lookForRestore() {
	if m.w.Etcd.Revision() >= m.mirror.revision {
		return
	}
	r, err := m.w.Etcd.Range(m.w.ctx, everything)
	if err != nil {
		m.fail(Sound, "read the twin: %v", err)
		return
	}
	epoch, n := m.mirror.cluster.Epoch, m.mirror.clock.N
	m.watcher.Close()
	m.mirror = newMirror()
	m.mirror.begin(r.Revision)
	m.losses, m.rooms, m.backoffs = newLosses(), newRooms(), newBackoffs()
	m.fences.term = 0
	clear(m.created)
	clear(m.told)
	clear(m.node)
	for _, kv := range r.KVs {
		key, err := Keys.Parse(kv.Key)
		if err != nil {
			continue
		}
		c := registry.Change{KeyValue: kv}
		at := m.w.now
		if key.Kind == registry.KindLeader {
			at = m.fences.puts[version{kv.Key, kv.ModRevision}]
		}
		m.mirror.follow(key, c, at)
		switch key.Kind {
		case registry.KindUnit:
			k := unitKey{key.Node, key.Unit}
			m.created[k.id], m.node[k.id], m.told[k.id] = kv.CreateRevision, k.node, m.mirror.units[k].Desired
		case registry.KindAlive:
			m.losses.leases[key.Node] = kv
		}
	}
	for k := range m.mirror.units { // order-free: each for itself
		m.room(k)
	}
	m.led()
	m.restored = restored{
		held: m.mirror.clock.N < n, epoch: epoch, at: m.w.now, lives: map[*Process]int{}, disks: map[*Process]bool{},
	}
	for _, p := range m.w.schedulers {
		if p.running && p.heard > r.Revision {
			m.restored.lives[p] = p.life
		}
		m.restored.disks[p] = p.host.schedulerSeen.kept.N > m.mirror.clock.N
	}
	m.watch(r.Revision + 1)
}

// believes checks that nobody decides on what was restored before a person has looked.
func (m *Watchman) believes(p *Process, t registry.Txn) {
	r := &m.restored
	if r.held = r.held && m.mirror.cluster.Epoch <= r.epoch; r.held && r.canTell(p) && m.w.sent > r.at+notice {
		m.fail(RestoreHeld, "%s wrote %s, %v after etcd was restored, and nobody has acknowledged it", p.Name, t.Then[0].Key, m.w.now-r.at)
	}
}
