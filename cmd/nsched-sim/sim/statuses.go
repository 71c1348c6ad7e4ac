package sim

import (
	"slices"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// reported checks a daemon's write: of its own keys, in the order of a unit's life, not too often.
func (m *Watchman) reported(p *Process, t registry.Txn) {
	reports := false
	for _, op := range t.Then {
		key, err := Keys.Parse(op.Key)
		if err != nil || op.Kind == registry.OpRange || key.Kind != registry.KindStatus && key.Kind != registry.KindEndpoint {
			continue
		}
		reports = true
		if string(key.Node) != p.host.Name {
			m.fail(StatesInOrder, "%s wrote %s", p.Name, op.Key)
		}
		k := unitKey{key.Node, key.Unit}
		switch {
		case key.Kind == registry.KindStatus:
			m.spend(p, "the status of "+k.id.String(), statusBurst, statusEvery)
			m.follows(p, k)
		case op.Kind == registry.OpPut && op.Lease == 0:
			m.fail(AddressesOfTheLive, "%s put %s without a lease", p.Name, op.Key)
		}
	}
	if reports {
		m.spend(p, "reports", reportsBurst, reportsEvery)
	}
}

// follows checks that a status may follow the one that it replaces.
func (m *Watchman) follows(p *Process, k unitKey) {
	s, there := m.mirror.status[k]
	if !there {
		return
	}
	switch _, knew := m.machines.knew[k]; {
	case s.Desired == units.DesiredStop && !knew:
		m.machines.knew[k] = m.w.now
	case s.Desired != units.DesiredStop && knew:
		m.fail(AttemptsOnce, "%s took back that %s was told to stop", p.Name, k.id)
	}
	was, had := m.mirror.before.status[k]
	if had && !was.bad && was.Assignment == s.Assignment && !s.State.CanFollow(was.State) {
		m.fail(StatesInOrder, "%s said that %s is %s after %s", p.Name, k.id, s.State, was.State)
	}
}

// let checks that an assignment was deleted on its node's word about this very life of it.
func (m *Watchman) let(p *Process, k unitKey) {
	was, there := m.mirror.before.units[k]
	if _, registered := m.mirror.nodes[k.node]; !there || !registered {
		return
	}
	switch s, ok := m.mirror.status[k]; {
	case !ok || !s.State.Terminal():
		m.fail(WordOfThisLife, "%s deleted the assignment of %s, of which its node says %q", p.Name, k.id, s.State)
	case s.Assignment != was.create:
		m.fail(WordOfThisLife, "%s deleted the assignment %d of %s for a status about %d", p.Name, was.create, k.id, s.Assignment)
	}
}

// endpoint checks that an address is told only of what has run there. An app that is not checked counts as healthy
// while its process lives, which is the shim until the guard has answered that.
func (m *Watchman) endpoint(k unitKey, c registry.Change) {
	if !c.Deleted && !m.machines.ran[k] && !slices.Contains(m.w.node(string(k.node)).Running(), k.id) {
		m.fail(AddressesOfTheLive, "%s has an endpoint on %s and never ran there", k.id, k.node)
	}
}

// stopped checks that somebody told the node to stop a unit, in any history of etcd, or that the node may
// not run it any more. What the node takes for ended it may clear away, if it has.
func (m *Watchman) stopped(n *NodeHost, id units.UnitID) {
	m.Stops++
	ended := n.Ended(id) && !slices.Contains(n.Live(), id)
	if !m.ordered[id] && !ended && !m.unbound(n, id) {
		m.fail(SilenceStopsNone, "%s stopped %s and nobody told it to", n.Name, id)
	}
}

// enforced checks that guard and reaper end nothing but what is bound to a tenure: to one that is over, or that
// the node was told to give up, as all are by whoever accepts a restored etcd, or of which the guard has said
// since when it is not sure. That it says so too early is not noticed. A guard that comes back after its death ends
// once more what systemd is ending for that death.
func (m *Watchman) enforced(n *NodeHost, id units.UnitID) {
	if !slices.Contains(n.Live(), id) || slices.Contains(n.Stopping(), id) {
		return
	}
	name := m.machines.name(n)
	tenure := m.mirror.alive[name].CreateRevision
	told := m.mirror.fences[name].Tenure >= tenure || m.mirror.accepted > tenure || n.goingDown
	unsure := n.Guard.mute || m.machines.at(m.nodeIndex(name)).unsure == tenure
	switch app := m.spec(id); {
	case app.Path == "":
		return // a generation that the watchman never saw
	case !app.Bound():
		m.fail(SilenceStopsNone, "guard or reaper of %s ended %s, which is bound to no tenure", n.Name, id)
	case !told && !unsure && !m.unbound(n, id):
		m.fail(SilenceStopsNone, "guard or reaper of %s ended %s, and its tenure lives", n.Name, id)
	}
}
