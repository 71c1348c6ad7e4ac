package sim

import (
	"cmp"
	"maps"
	"slices"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// Settled says what is not as the operator wants it, or what is left of what was: every slot of every app
// has one healthy unit of its generation, nothing else runs, and etcd and the machines hold what belongs
// to those units and no more.
func (m *Watchman) Settled(o *Operator) error {
	if err := m.awake(); err != nil {
		return err
	}
	filled := map[slotKey]unitKey{}
	for _, n := range m.w.nodes {
		live := n.Systemd.Live()
		for _, id := range live {
			intent := o.want[id.AppID()]
			k := unitKey{units.NodeName(n.Name), id}
			index, isIndex := id.Slot.Index()
			if intent.Stopped || id.Generation != intent.Generation || !isIndex || index >= intent.Count {
				return broken(Convergence, "%s still runs %s", n.Name, id)
			}
			if other, taken := filled[slotOf(id)]; taken {
				return broken(Convergence, "%s runs %s and %s runs %s", n.Name, id, other.node, other.id)
			}
			filled[slotOf(id)] = k
			if err := m.inOrder(k); err != nil {
				return err
			}
		}
		if err := tidy(n, live); err != nil {
			return err
		}
	}
	for _, app := range slices.SortedFunc(maps.Keys(o.want), units.AppID.Compare) {
		count := o.want[app].Count
		if spec := m.specs[genKey{app, o.want[app].Generation}]; spec.Singleton {
			count = min(count, 1) // whatever a hand has written
		}
		for index := 0; index < count && !o.want[app].Stopped; index++ {
			if _, ok := filled[slotKey{app, units.IndexSlot(index)}]; !ok {
				return broken(Convergence, "nothing runs in slot %d of %s, which has generation %d and count %d", index, app, o.want[app].Generation, o.want[app].Count)
			}
		}
	}
	return m.leftovers(filled)
}

// inOrder checks what etcd holds of a unit that runs.
func (m *Watchman) inOrder(k unitKey) error {
	a, assigned := m.mirror.units[k]
	s := m.mirror.status[k]
	switch app := m.spec(k.id); {
	case !assigned || a.bad || a.Desired != units.DesiredRun:
		return broken(Convergence, "%s runs %s, which is assigned: %v, to %q", k.node, k.id, assigned, a.Desired)
	case s.bad || s.Assignment != a.create || s.State != units.StateHealthy && (app.HealthChecks.Any() || s.State != units.StateRunning):
		return broken(Convergence, "%s runs %s and says %q of assignment %d, want healthy and %d", k.node, k.id, s.State, s.Assignment, a.create)
	case !m.mirror.endpoints[k]:
		return broken(Convergence, "%s runs %s and tells no address of it", k.node, k.id)
	}
	return nil
}

// leftovers are keys of units that are no more.
func (m *Watchman) leftovers(filled map[slotKey]unitKey) error {
	for _, left := range []struct {
		kind string
		of   []unitKey
	}{
		{"assignment", keysOf(m.mirror.units)}, {"status", keysOf(m.mirror.status)}, {"endpoint", keysOf(m.mirror.endpoints)},
	} {
		for _, k := range left.of {
			if filled[slotOf(k.id)] != k {
				return broken(Convergence, "the %s of %s on %s is left", left.kind, k.id, k.node)
			}
		}
	}
	return nil
}

func keysOf[V any](of map[unitKey]V) []unitKey {
	return slices.SortedFunc(maps.Keys(of), func(a, b unitKey) int {
		return cmp.Or(a.id.Compare(b.id), cmp.Compare(a.node, b.node))
	})
}

// tidy checks that a machine keeps nothing for units that are no more.
func tidy(n *NodeHost, live []units.UnitID) error {
	held := map[string]bool{}
	for _, id := range live {
		held[units.RootName(id.AppID(), id.Generation)] = true
	}
	for _, root := range slices.Sorted(maps.Keys(n.roots)) {
		if !held[root] {
			return broken(Convergence, "%s still pins %s", n.Name, root)
		}
	}
	bound, err := n.Systemd.Bounds().List()
	if err != nil {
		return err
	}
	for _, b := range bound {
		if !slices.Contains(live, b.Unit) {
			return broken(Convergence, "%s still notes %s as bound", n.Name, b.Unit)
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(n.disk), units.UnitID.Compare) {
		if !slices.Contains(live, id) {
			return broken(Convergence, "%s still has a record of %s", n.Name, id)
		}
	}
	return nil
}

// awake checks that the watchman has followed etcd to the end: whoever sees nothing complains of nothing.
func (m *Watchman) awake() error {
	r, err := m.w.Etcd.Range(m.w.ctx, everything)
	if err != nil {
		return err
	}
	is := newMirror()
	for _, kv := range r.KVs {
		if key, err := Keys.Parse(kv.Key); err == nil {
			is.follow(key, registry.Change{KeyValue: kv}, 0)
		}
	}
	for _, kind := range []struct {
		name string
		same bool
	}{
		{"assignments", maps.EqualFunc(is.units, m.mirror.units, func(a, b assigned) bool { return a.mod == b.mod && a.create == b.create })},
		{"statuses", maps.EqualFunc(is.status, m.mirror.status, func(a, b told) bool { return a == b || a.bad && b.bad })},
		{"endpoints", maps.Equal(is.endpoints, m.mirror.endpoints)},
		{"tenures", maps.EqualFunc(is.alive, m.mirror.alive, func(a, b registry.KeyValue) bool { return a.ModRevision == b.ModRevision })},
		{"fences", maps.EqualFunc(is.fences, m.mirror.fences, func(a, b fenced) bool { return a.mod == b.mod })},
		{"leaders", maps.EqualFunc(is.leaders, m.mirror.leaders, func(a, b candidate) bool { return a.mod == b.mod })},
	} {
		if !kind.same {
			return broken(Sound, "the watchman has not followed etcd: its %s are others", kind.name)
		}
	}
	return nil
}
