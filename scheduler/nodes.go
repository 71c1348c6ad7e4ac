package scheduler

import (
	"time"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// nodeFacts is what the registry holds of one node, and what this leader has seen of it.
type nodeFacts struct {
	record   held[units.Node]
	exists   bool // nodes/<node> is there, readable or not
	problem  units.Reason
	operator held[units.Operator]
	fence    held[units.Fence]

	alive  bool
	lease  registry.LeaseID
	tenure int64 // the create revision of alive/<node>, or of the last one known
	// stray is the create revision of an alive/<node> that hangs on no lease: a hand has put it there, and it is
	// nobody's tenure. 0 is none.
	stray int64
	agent bool
	// created is the create revision of nodes/<node>: who registered first. copyOf is who has its key and did.
	created int64
	copyOf  units.NodeName
	// goneMs is the cluster time at which this scheduler, leading, first found alive/<node> gone; 0 while it
	// is there.
	goneMs int64
	busy   []busyPort
	// told is the highest tenure that a status or an assignment of the node speaks of: its last one was no earlier,
	// also where this scheduler never saw it.
	told int64

	// Of the present term; see placement.Sighting.
	seen      bool
	downSince time.Duration // boot time since when the guard is seen without a daemon; 0 is not
	goneSince time.Duration // boot time since when the guard is seen gone; 0 is not
	asked     int           // after which loss etcd was asked for the rest of the lease; see Scheduler.round
	askedAt   time.Duration // boot time of that
	remaining time.Duration
	asking    bool
	verdict   placement.Verdict
}

func (w *world) node(name units.NodeName) *nodeFacts {
	n := w.nodes[name]
	if n == nil {
		n = &nodeFacts{}
		w.nodes[name] = n
	}
	return n
}

func (n *nodeFacts) change(kind registry.Kind, c registry.Change) error {
	switch kind {
	case registry.KindNode:
		n.exists, n.problem, n.created = !c.Deleted, units.Reason{}, 0
		if !c.Deleted {
			n.created = c.CreateRevision
		}
		err := n.record.take(c)
		if err != nil {
			n.problem = units.Reason{Code: units.ReasonUndecodable, Message: err.Error()}
		}
		return err
	case registry.KindAlive:
		n.alive, n.asked, n.stray, n.goneSince = !c.Deleted, 0, 0, 0
		switch {
		case n.alive && c.Lease == 0 && c.CreateRevision != n.tenure:
			n.stray = c.CreateRevision
		case n.alive:
			n.tenure, n.lease, n.seen, n.goneMs = c.CreateRevision, c.Lease, true, 0
		}
	case registry.KindAgent:
		n.agent = !c.Deleted
	case registry.KindOperator:
		return n.operator.take(c)
	case registry.KindFence:
		return n.fence.take(c)
	}
	return nil
}

// heard takes in a tenure that a value speaks of which was written at a revision. One that begins later is a hand's, or
// of a history that a restore has ended.
func (n *nodeFacts) heard(tenure, rev int64) {
	if tenure >= rev || tenure <= n.told {
		return
	}
	if n.told = tenure; tenure > n.tenure {
		n.goneMs = 0 // it was back meanwhile
	}
}

// recorded is what is on record of the node's loss: nothing, where it has registered since, in a later tenure.
func (n *nodeFacts) recorded() units.Fence {
	if !n.alive && n.record.rev > n.fence.rev {
		return units.Fence{}
	}
	return n.fence.value
}

// confirmed is the tenure for whose loss a person vouches, 0 for none. Nobody vouches for one that is yet to begin.
func (n *nodeFacts) confirmed() int64 { return min(n.operator.value.ConfirmLost, n.operator.rev) }

// sighting is what placement.Lost decides by.
func (n *nodeFacts) sighting(name units.NodeName, round int, now units.Instant) placement.Sighting {
	fence := n.recorded()
	s := placement.Sighting{
		Node: name, Alive: n.alive, Agent: n.agent, Tenure: n.lastTenure(), Seen: n.seen,
		Asked: round != 0 && n.asked == round, Remaining: n.remaining,
		Recorded: fence.Tenure, LostAtMs: fence.LostAtMs, Confirmed: n.confirmed(),
		CopyOf: n.copyOf, Stray: n.stray != 0,
	}
	if n.downSince != 0 {
		s.AgentDownFor = now.Boot - n.downSince
	}
	if n.goneSince != 0 {
		s.GoneFor = now.Boot - n.goneSince
	}
	return s
}

// lastTenure is the node's tenure, or the latest that is known of.
func (n *nodeFacts) lastTenure() int64 {
	if n.alive {
		return n.tenure
	}
	return max(n.tenure, n.told)
}

// lostAtMs is since when the node counts as lost: what is on record, or what this leader has seen. A record that is
// later than what it has seen is of a clock that was ahead, or a hand's.
func (n *nodeFacts) lostAtMs() int64 {
	if f := n.recorded(); f.LostAtMs > 0 && f.Tenure >= n.lastTenure() && (n.goneMs == 0 || f.LostAtMs < n.goneMs) {
		return f.LostAtMs
	}
	return n.goneMs
}

// placement is the node as placement takes it.
func (n *nodeFacts) placement(name units.NodeName) placement.Node {
	p := placement.Node{
		Name: name, Record: n.record.value, Problem: n.problem, Standing: n.verdict.Standing, Why: n.verdict.Why,
		Alive: n.alive, Tenure: n.tenure, Cordon: n.operator.value.Cordon, Drain: n.operator.value.Drain,
	}
	if !n.alive {
		p.LostAtMs, p.Confirmed = n.lostAtMs(), n.confirmed() != 0 && n.confirmed() >= n.lastTenure()
	}
	for _, b := range n.busy {
		p.Busy = append(p.Busy, b.BusyPort)
	}
	switch {
	case !n.exists && n.alive:
		// Whoever forgets a node makes sure that it is gone. This one has lost its registration.
		p.Standing, p.Why = placement.Unknown, units.Reason{Code: units.ReasonNodeLost, Message: "it is not registered"}
	case !n.exists:
		p.Standing = placement.Forgotten
	}
	return p
}
