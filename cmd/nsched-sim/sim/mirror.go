package sim

import (
	"slices"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// mirror is what etcd holds, decoded, and followed change by change. What cannot be decoded stays as it
// was, and is marked.
type mirror struct {
	revision  int64
	units     map[unitKey]assigned
	bySlot    map[slotKey][]unitKey // in no order that matters
	status    map[unitKey]told
	endpoints map[unitKey]bool
	alive     map[units.NodeName]registry.KeyValue
	nodes     map[units.NodeName]units.Node
	fences    map[units.NodeName]fenced
	confirmed map[units.NodeName]int64
	leaders   map[string]candidate
	intents   map[units.AppID]units.Intent
	cluster   units.Cluster
	accepted  int64 // the revision at which a person last accepted what etcd holds
	clock     units.Clock
	// before is what the changes of the latest revision have replaced.
	before struct {
		units  map[unitKey]assigned
		status map[unitKey]told
	}
}

// firstEpoch is that of a cluster of which nothing was ever restored.
const firstEpoch = 1

// unitKey is a unit on a node.
type unitKey struct {
	node units.NodeName
	id   units.UnitID
}

type slotKey struct {
	app  units.AppID
	slot units.Slot
}

func slotOf(id units.UnitID) slotKey { return slotKey{id.AppID(), id.Slot} }

type assigned struct {
	units.Assignment
	create, mod int64
	bad         bool
}

type told struct {
	units.Status
	bad bool
}

type fenced struct {
	units.Fence
	mod int64
}

// candidate is a leader's key.
type candidate struct {
	create, mod int64
	name        string
	put         time.Duration // when its present mod revision was made
}

func newMirror() *mirror {
	return &mirror{
		units: map[unitKey]assigned{}, bySlot: map[slotKey][]unitKey{}, status: map[unitKey]told{}, endpoints: map[unitKey]bool{},
		alive: map[units.NodeName]registry.KeyValue{}, nodes: map[units.NodeName]units.Node{}, fences: map[units.NodeName]fenced{},
		confirmed: map[units.NodeName]int64{}, leaders: map[string]candidate{}, intents: map[units.AppID]units.Intent{},
	}
}

// begin makes room for what the changes of a revision replace.
func (m *mirror) begin(revision int64) {
	m.revision = revision
	m.before.units, m.before.status = nil, nil
}

// follow takes in one change.
func (m *mirror) follow(key registry.Key, c registry.Change, now time.Duration) {
	k := unitKey{key.Node, key.Unit}
	switch key.Kind {
	case registry.KindUnit:
		m.followUnit(k, c)
	case registry.KindStatus:
		if was, ok := m.status[k]; ok {
			m.before.status = put(m.before.status, k, was)
		}
		if c.Deleted {
			delete(m.status, k)
			return
		}
		s, err := decode[units.Status](c)
		m.status[k] = told{s, err != nil}
	case registry.KindEndpoint:
		set(m.endpoints, k, true, c.Deleted)
	case registry.KindAlive:
		set(m.alive, key.Node, c.KeyValue, c.Deleted)
	case registry.KindNode:
		follow(m.nodes, key.Node, c)
	case registry.KindFence:
		if f, err := decode[units.Fence](c); err == nil || c.Deleted {
			set(m.fences, key.Node, fenced{f, c.ModRevision}, c.Deleted)
		}
	case registry.KindOperator:
		if o, err := decode[units.Operator](c); err == nil || c.Deleted {
			set(m.confirmed, key.Node, o.ConfirmLost, c.Deleted)
		}
	case registry.KindLeader:
		l, _ := decode[units.Leader](c)
		set(m.leaders, c.Key, candidate{c.CreateRevision, c.ModRevision, l.Name, now}, c.Deleted)
	case registry.KindApp:
		follow(m.intents, key.App, c)
	case registry.KindCluster:
		if v, err := decode[units.Cluster](c); err == nil && !c.Deleted {
			if v.Epoch > max(firstEpoch, m.cluster.Epoch) {
				m.accepted = c.ModRevision
			}
			m.cluster = v
		}
	case registry.KindClock:
		if v, err := decode[units.Clock](c); err == nil && !c.Deleted {
			m.clock = v
		}
	}
}

func (m *mirror) followUnit(k unitKey, c registry.Change) {
	was, there := m.units[k]
	if there {
		m.before.units = put(m.before.units, k, was)
	}
	slot := slotOf(k.id)
	if c.Deleted {
		delete(m.units, k)
		m.bySlot[slot] = slices.DeleteFunc(m.bySlot[slot], func(other unitKey) bool { return other == k })
		return
	}
	if !there {
		m.bySlot[slot] = append(m.bySlot[slot], k)
	}
	a, err := decode[units.Assignment](c)
	if err != nil {
		a = was.Assignment
	}
	m.units[k] = assigned{a, c.CreateRevision, c.ModRevision, err != nil}
}

// over reports whether the node has said that this life of the assignment has ended.
func (m *mirror) over(k unitKey) bool {
	s, ok := m.status[k]
	return ok && !s.bad && s.State.Terminal() && s.Assignment == m.units[k].create
}

// leader is the key that leads.
func (m *mirror) leader() (first candidate, ok bool) {
	for _, c := range m.leaders { // order-free: a minimum, and no two are created at one revision
		if !ok || c.create < first.create {
			first, ok = c, true
		}
	}
	return first, ok
}

func decode[T any](c registry.Change) (T, error) {
	if c.Deleted {
		var none T
		return none, nil
	}
	v, _, err := registry.Decode[T](c.Key, c.Value)
	return v, err
}

func follow[K comparable, T any](into map[K]T, at K, c registry.Change) {
	if v, err := decode[T](c); err == nil {
		set(into, at, v, c.Deleted)
	}
}

func set[K comparable, T any](into map[K]T, at K, v T, deleted bool) {
	if deleted {
		delete(into, at)
		return
	}
	into[at] = v
}

func put[K comparable, T any](into map[K]T, at K, v T) map[K]T {
	if into == nil {
		into = map[K]T{}
	}
	if _, known := into[at]; !known {
		into[at] = v
	}
	return into
}
