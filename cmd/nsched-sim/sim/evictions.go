package sim

import (
	"fmt"
	"time"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// evictions checks every unit that was told to stop in one transaction with the next attempt of its slot
// and generation: nothing but a loss does that. It looks at etcd as it is at that revision.
func (m *Watchman) evictions(p *Process, t registry.Txn) {
	placed := map[string]units.Attempt{} // by app, slot and generation
	slot := func(u units.UnitID) string { return fmt.Sprintf("%s/%s/%d", u.AppID(), u.Slot, u.Generation) }
	type stop struct {
		key  registry.Key
		told units.Assignment
	}
	var stops []stop
	for _, op := range t.Then {
		key, err := Keys.Parse(op.Key)
		if err != nil || key.Kind != registry.KindUnit || op.Kind != registry.OpPut {
			continue
		}
		a, _, err := registry.Decode[units.Assignment](op.Key, op.Value)
		switch {
		case err != nil:
		case a.Desired == units.DesiredStop:
			stops = append(stops, stop{key, a})
		default:
			placed[slot(key.Unit)] = key.Unit.Attempt
		}
	}
	for _, s := range stops {
		if next, ok := placed[slot(s.key.Unit)]; ok && next > s.key.Unit.Attempt {
			m.Evicted++
			m.eviction(p, s.key, s.told)
		}
	}
}

func (m *Watchman) eviction(p *Process, key registry.Key, told units.Assignment) {
	fail := func(format string, args ...any) {
		m.w.fail(fmt.Errorf("%s evicted %s from %s %s", p.Name, key.Unit, key.Node, fmt.Sprintf(format, args...)))
	}
	if _, alive := m.get(Keys.Alive(key.Node)); alive {
		fail("whose lease lives")
		return
	}
	raw, ok := m.get(Keys.Fence(key.Node))
	fence, _, err := registry.Decode[units.Fence](raw.Key, raw.Value)
	if gone := m.losses.gone[key.Node]; !ok || err != nil || fence.Tenure < gone.tenure {
		fail("and the loss of tenure %d is not on record (%d is)", gone.tenure, fence.Tenure)
		return
	}
	leader, _ := m.leader()
	l := placement.DefaultLeases()
	if gone := m.losses.gone[key.Node]; gone.rev < leader.CreateRevision && raw.ModRevision > leader.CreateRevision &&
		m.w.now < m.losses.terms[leader.CreateRevision]+l.TTL {
		fail("%v after its term began, and it was gone before", m.w.now-m.losses.terms[leader.CreateRevision])
		return
	}
}

// losses is what the watchman remembers of tenures and terms.
type losses struct {
	leases map[units.NodeName]registry.KeyValue
	gone   map[units.NodeName]goneKey
	terms  map[int64]time.Duration // when each first wrote
}

func newLosses() losses {
	return losses{map[units.NodeName]registry.KeyValue{}, map[units.NodeName]goneKey{}, map[int64]time.Duration{}}
}

func (l losses) led(term int64, now time.Duration) {
	if _, known := l.terms[term]; !known {
		l.terms[term] = now
	}
}

// lease follows alive/<node>.
func (m *Watchman) lease(node units.NodeName, c registry.Change) {
	if !c.Deleted {
		m.losses.leases[node] = c.KeyValue
		return
	}
	was := m.losses.leases[node]
	m.losses.gone[node] = goneKey{tenure: was.CreateRevision, rev: c.ModRevision, at: m.w.now, revoked: m.w.Revoked[was.Lease]}
}

// goneKey is the end of a tenure as etcd saw it.
type goneKey struct {
	tenure, rev int64
	at          time.Duration
	revoked     bool
}

// brake checks each loss that is put on record: not while more than a third is lost, or about to be.
func (m *Watchman) brake(p *Process, t registry.Txn) {
	const slack = 6 * time.Second // between what a leader saw and what it wrote
	l := placement.DefaultLeases()
	for _, op := range t.Then {
		key, err := Keys.Parse(op.Key)
		if err != nil || key.Kind != registry.KindFence || op.Kind != registry.OpPut {
			continue
		}
		if _, alive := m.get(Keys.Alive(key.Node)); alive {
			continue // told to give up
		}
		m.Recorded++
		lost, total := 0, 0
		for _, n := range m.w.nodes {
			name := units.NodeName(n.Name)
			if _, registered := m.get(Keys.Node(name)); !registered {
				continue
			}
			total++
			alive, there := m.get(Keys.Alive(name))
			gone := m.losses.gone[name]
			switch {
			case !there && (!gone.revoked || gone.at+slack < m.w.now):
				lost++
			case !there:
			default:
				left, err := m.w.Etcd.TimeToLive(m.w.ctx, alive.Lease)
				if err == nil && left.Remaining < l.TTL-2*l.Keepalive-slack {
					lost++
				}
			}
		}
		if lost >= 2 && 3*lost > total {
			m.w.fail(fmt.Errorf("%s put the loss of %s on record while %d of %d nodes are lost", p.Name, key.Node, lost, total))
		}
	}
}

func (m *Watchman) get(key string) (registry.KeyValue, bool) {
	r, err := m.w.Etcd.Range(m.w.ctx, rangeOf(key))
	if err != nil || len(r.KVs) == 0 {
		return registry.KeyValue{}, false
	}
	return r.KVs[0], true
}
