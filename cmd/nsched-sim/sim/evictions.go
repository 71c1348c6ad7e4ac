package sim

import (
	"cmp"
	"slices"
	"time"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// placed checks a new attempt: not before its slot's failures allow it, and in place of a unit that nobody
// told to stop only where that one is lost.
func (m *Watchman) placed(p *Process, k unitKey) {
	a := m.mirror.units[k]
	if _, was := m.mirror.before.units[k]; was || a.bad || a.Desired == units.DesiredStop {
		return
	}
	m.backoff(p, k)
	others := slices.SortedFunc(slices.Values(m.mirror.bySlot[slotOf(k.id)]), func(a, b unitKey) int {
		return cmp.Or(a.id.Compare(b.id), cmp.Compare(a.node, b.node))
	})
	for _, other := range others {
		o := m.mirror.units[other]
		was, changed := m.mirror.before.units[other]
		if other.id.Generation != k.id.Generation && !changed {
			continue // an update, beside the old one
		}
		if _, alive := m.mirror.alive[other.node]; alive && other.id.Generation != k.id.Generation {
			continue // an update that makes room
		}
		if changed {
			o = was
		}
		// A restored etcd may hold the assignment of what has ended since. Whoever was told so, and has not
		// noticed the restore yet, rightly fills the slot: the unit is not there, and its node starts it no more.
		if m.finished[life{other, o.create}] {
			continue
		}
		// What was placed for a unit whose node is back gives way to that: its slot is not empty.
		if changed && m.held(others, other, k) {
			continue
		}
		if other != k && !o.bad && o.Desired != units.DesiredStop && !m.mirror.over(other) {
			m.Evicted++
			m.eviction(p, other, o, other.id.Generation != k.id.Generation)
		}
	}
}

// held reports whether a slot has a unit beside those two that is to run, on a node that is there.
func (m *Watchman) held(slot []unitKey, but ...unitKey) bool {
	return slices.ContainsFunc(slot, func(k unitKey) bool {
		_, alive := m.mirror.alive[k.node]
		return alive && !slices.Contains(but, k) && m.mirror.units[k].Desired == units.DesiredRun && !m.mirror.over(k)
	})
}

// eviction checks that a unit was rightly given up. An update waits only for what may still be running.
func (m *Watchman) eviction(p *Process, k unitKey, was assigned, update bool) {
	app := m.spec(k.id)
	wait := app.ReplaceDelay()
	if !update {
		wait += app.Disconnect.LostAfter
	}
	fail := func(promise Promise, format string, args ...any) {
		m.fail(promise, "%s replaced %s on %s "+format, append([]any{p.Name, k.id, k.node}, args...)...)
	}
	if alive, there := m.mirror.alive[k.node]; there {
		if !app.Bound() || was.Tenure >= alive.CreateRevision {
			fail(EvictedRightly, "whose lease lives")
		}
		return // bound to a tenure that is over
	}
	if _, registered := m.mirror.nodes[k.node]; !registered {
		return // forgotten by a person
	}
	gone, known := m.losses.gone[k.node]
	if !known {
		return // in another history of etcd
	}
	if recorded := m.losses.recorded[k.node]; recorded < gone.tenure {
		fail(EvictedRightly, "and the loss of tenure %d is not on record (%d is)", gone.tenure, recorded)
		return
	}
	if m.w.now < gone.at+soonMost(wait) && !m.confirmed(k.node) {
		fail(LostAfter, "%v after it was lost, and not %v", m.w.now-gone.at, wait)
	}
}

// losses is what the watchman remembers of tenures and terms.
type losses struct {
	leases   map[units.NodeName]registry.KeyValue
	gone     map[units.NodeName]goneKey
	recorded map[units.NodeName]int64
	leads    int64         // the key that leads
	since    time.Duration // since when
}

// goneKey is the end of a tenure as etcd saw it. atOnce says that its lease did not run out: nobody could have seen
// it coming, so of several that end at once, as when a restored etcd is accepted, the first may be put on record.
type goneKey struct {
	tenure int64
	at     time.Duration
	atOnce bool
}

func newLosses() losses {
	return losses{
		leases: map[units.NodeName]registry.KeyValue{}, gone: map[units.NodeName]goneKey{}, recorded: map[units.NodeName]int64{},
	}
}

// led follows who leads.
func (m *Watchman) led() {
	if first, _ := m.mirror.leader(); first.create != m.losses.leads {
		m.losses.leads, m.losses.since = first.create, m.w.now
	}
}

// lease follows alive/<node>.
func (m *Watchman) lease(node units.NodeName, c registry.Change) {
	if !c.Deleted {
		m.losses.leases[node] = c.KeyValue
		return
	}
	was := m.losses.leases[node]
	atOnce := m.w.Revoked[was.Lease] || m.w.givenBack[was.Lease] || m.w.Hand() == c.Key
	m.losses.gone[node] = goneKey{tenure: was.CreateRevision, at: m.w.now, atOnce: atOnce}
}

// loss checks one that is put on record: not by a new leader before the node had time to return, and not
// while more than a third of the nodes are lost, or about to be. What a person vouches for is no reason to
// be careful.
func (m *Watchman) loss(p *Process, node units.NodeName) {
	before := m.losses.recorded[node]
	m.losses.recorded[node] = m.mirror.fences[node].Tenure
	gone, known := m.losses.gone[node]
	if _, alive := m.mirror.alive[node]; alive || !known || before >= gone.tenure || m.confirmed(node) {
		return // told to give up, or nothing new
	}
	m.Recorded++
	l := placement.DefaultLeases()
	if age := m.w.now - m.losses.since; gone.at < m.losses.since && age < l.TTL {
		m.fail(Grace, "%s put the loss of %s on record %v after its term began, and it was gone before", p.Name, node, age)
		return
	}
	if lost, total := m.lost(l); lost >= 2 && 3*lost > total {
		m.fail(Brake, "%s put the loss of %s on record while %d of %d nodes are lost", p.Name, node, lost, total)
	}
}

func (m *Watchman) confirmed(node units.NodeName) bool {
	_, alive := m.mirror.alive[node]
	c := m.mirror.confirmed[node]
	return !alive && c != 0 && c >= m.losses.gone[node].tenure
}

// lost counts the nodes without a lease, and those whose lease has less left than a living node's.
func (m *Watchman) lost(l placement.Leases) (lost, total int) {
	const slack = 6 * time.Second // between what a leader saw and what it wrote
	for _, n := range m.w.nodes {
		name := units.NodeName(n.Name)
		if _, registered := m.mirror.nodes[name]; !registered || m.confirmed(name) {
			continue
		}
		total++
		alive, there := m.mirror.alive[name]
		gone := m.losses.gone[name]
		switch {
		case !there && (!gone.atOnce || gone.at+slack < m.w.now):
			lost++
		case !there:
		default:
			left, err := m.w.Etcd.TimeToLive(m.w.ctx, alive.Lease)
			if err == nil && left.Remaining < l.TTL-2*l.Keepalive-slack {
				lost++
			}
		}
	}
	return lost, total
}
