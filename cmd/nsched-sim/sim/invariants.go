package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// Watchman keeps the history of a run as etcd saw it, and says when a promise is broken. It looks at
// etcd and at the machines, never at what a shell believes.
type Watchman struct {
	w *World
	// Of assignments: when each unit was first created, the furthest it was told to go, on which node.
	created map[units.UnitID]int64
	told    map[units.UnitID]units.Desired
	node    map[units.UnitID]units.NodeName
	specs   map[string]units.App // by generation key
	Stops   int
	Placed  int
	// Evicted counts the units replaced for a loss, Recorded the losses put on record.
	Evicted, Recorded int
	losses            losses
}

// Guarded starts a watchman over the world, in which every standing promise is checked.
func (w *World) Guarded() *Watchman {
	m := &Watchman{
		w: w, created: map[units.UnitID]int64{}, told: map[units.UnitID]units.Desired{},
		node: map[units.UnitID]units.NodeName{}, specs: map[string]units.App{}, losses: newLosses(),
	}
	w.Etcd.Watch(w.ctx, registry.Watch{Key: Keys.Prefix(), End: registry.PrefixEnd(Keys.Prefix()), Revision: 1}, m.see)
	w.OnWrite(m.wrote)
	for _, n := range w.nodes {
		n.OnStop = func(id units.UnitID) { m.stopped(n, id) }
	}
	return m
}

// see follows every change.
func (m *Watchman) see(r registry.WatchResponse) {
	given := false
	for _, c := range r.Changes {
		key, err := Keys.Parse(c.Key)
		if err != nil {
			m.w.fail(fmt.Errorf("a malformed key was written: %w", err))
			return
		}
		switch key.Kind {
		case registry.KindGeneration:
			m.learn(c)
		case registry.KindAlive:
			m.lease(key.Node, c)
		case registry.KindUnit:
			m.assignment(key, c)
			given = given || !c.Deleted
		case registry.KindSlots, registry.KindSummary:
			if len(c.Value) > registry.ValueLimit {
				m.w.fail(fmt.Errorf("%s has %d bytes", c.Key, len(c.Value)))
			}
		}
	}
	if given {
		m.capacity()
	}
}

func (m *Watchman) learn(c registry.Change) {
	s, _, err := registry.Decode[units.Submission](c.Key, c.Value)
	if err != nil {
		return
	}
	if app, err := units.ParseApp([]byte(s.Document)); err == nil {
		m.specs[c.Key] = app
	}
}

// assignment checks one: a unit is created once, on one node, and only advances.
func (m *Watchman) assignment(key registry.Key, c registry.Change) {
	if c.Deleted {
		return
	}
	a, _, err := registry.Decode[units.Assignment](c.Key, c.Value)
	if err != nil {
		m.w.fail(fmt.Errorf("an assignment cannot be read: %w", err))
		return
	}
	first, known := m.created[key.Unit]
	switch {
	case !known:
		m.created[key.Unit], m.node[key.Unit] = c.CreateRevision, key.Node
		m.Placed++
	case first != c.CreateRevision && a.Desired != units.DesiredStop:
		m.w.fail(fmt.Errorf("unit %s was assigned twice: an attempt was used again", key.Unit))
	case m.node[key.Unit] != key.Node && a.Desired != units.DesiredStop:
		m.w.fail(fmt.Errorf("unit %s is on %s and on %s", key.Unit, m.node[key.Unit], key.Node))
	}
	if a.Desired.Rank() < m.told[key.Unit].Rank() {
		m.w.fail(fmt.Errorf("unit %s went back from %s to %s", key.Unit, m.told[key.Unit], a.Desired))
	}
	m.told[key.Unit] = a.Desired
}

// stopped checks that somebody told the node to.
func (m *Watchman) stopped(n *NodeHost, id units.UnitID) {
	m.Stops++
	if m.told[id] != units.DesiredStop && !n.Ended(id) {
		m.w.fail(fmt.Errorf("%s stopped %s and nobody told it to", n.Name, id))
	}
}

// wrote checks the fence: a scheduler's write is applied only while its key leads.
func (m *Watchman) wrote(p *Process, t registry.Txn, r registry.TxnResult) {
	if !r.Succeeded || !strings.HasSuffix(p.Name, "/scheduler") {
		return
	}
	for _, op := range t.Then {
		if op.Kind == registry.OpRange || strings.HasPrefix(op.Key, Keys.Under(registry.KindLeader)) ||
			strings.HasPrefix(op.Key, Keys.Under(registry.KindEvent)) { // its own, which decide nothing
			continue
		}
		first, ok := m.leader()
		fenced := slices.ContainsFunc(t.If, func(c registry.Compare) bool {
			return ok && c.Key == first.Key && c.Target == registry.ModRevision
		})
		if !fenced {
			m.w.fail(fmt.Errorf("%s wrote %s and did not lead", p.Name, op.Key))
			return
		}
		m.losses.led(first.CreateRevision, m.w.now)
	}
	m.brake(p, t)
	m.evictions(p, t)
}

// leader is the key that leads in etcd.
func (m *Watchman) leader() (first registry.KeyValue, ok bool) {
	prefix := Keys.Under(registry.KindLeader)
	r, err := m.w.Etcd.Range(m.w.ctx, registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
	if err != nil {
		return first, false
	}
	for _, kv := range r.KVs {
		if !ok || kv.CreateRevision < first.CreateRevision {
			first, ok = kv, true
		}
	}
	return first, ok
}

// capacity checks that no node has been given more than it has, and no port twice.
func (m *Watchman) capacity() {
	cpu, ports := map[units.NodeName]int64{}, map[string]units.UnitID{}
	prefix := Keys.Under(registry.KindUnit)
	r, err := m.w.Etcd.Range(m.w.ctx, registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
	if err != nil {
		return
	}
	for _, kv := range r.KVs {
		key, err := Keys.Parse(kv.Key)
		if err != nil {
			continue
		}
		a, _, err := registry.Decode[units.Assignment](kv.Key, kv.Value)
		if err != nil || m.over(key) {
			continue
		}
		app := m.specs[Keys.Generation(key.Unit.AppID(), key.Unit.Generation)]
		if cpu[key.Node] += int64(app.Resources.CPU); cpu[key.Node] > nodeCPU {
			m.w.fail(fmt.Errorf("%s has %d mCPU and was given %d", key.Node, nodeCPU, cpu[key.Node]))
		}
		for _, name := range slices.Sorted(maps.Keys(a.Ports)) {
			at := fmt.Sprintf("%s:%d", key.Node, a.Ports[name])
			if other, taken := ports[at]; taken {
				m.w.fail(fmt.Errorf("%s was given to %s and to %s", at, other, key.Unit))
			}
			ports[at] = key.Unit
		}
	}
}

// over reports whether the node has said that the unit is over: it takes nothing any more.
func (m *Watchman) over(key registry.Key) bool {
	r, err := m.w.Etcd.Range(m.w.ctx, rangeOf(Keys.Status(key.Node, key.Unit)))
	if err != nil || len(r.KVs) == 0 {
		return false
	}
	s, _, err := registry.Decode[units.Status](r.KVs[0].Key, r.KVs[0].Value)
	return err == nil && s.State.Terminal()
}

// Settled says what is not as the operator wants it: every app has as many healthy units of its
// generation as its count, and nothing else runs.
func (m *Watchman) Settled(o *Operator) error {
	running := map[units.AppID]int{}
	for _, n := range m.w.nodes {
		for _, id := range n.Running() {
			intent := o.want[id.AppID()]
			if intent.Stopped || id.Generation != intent.Generation {
				return fmt.Errorf("%s still runs %s", n.Name, id)
			}
			running[id.AppID()]++
		}
	}
	for _, app := range slices.SortedFunc(maps.Keys(o.want), units.AppID.Compare) {
		want := o.want[app].Count
		if o.want[app].Stopped {
			want = 0
		}
		if running[app] != want {
			return fmt.Errorf("%s has %d units running, want %d", app, running[app], want)
		}
	}
	return nil
}
