package placement

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/planted"
)

// Sighting is what a leader knows of one registered node's keys in etcd.
type Sighting struct {
	Node units.NodeName
	// Alive and Agent say whether alive/<node> and agent/<node> exist.
	Alive, Agent bool
	// Tenure is the create revision of alive/<node>, or of the last one known. Stray says that the key hangs on no
	// lease: a hand has put it there, and nobody holds it.
	Tenure int64
	Stray  bool
	// GoneFor is for how long this leader has seen alive/<node> gone.
	GoneFor time.Duration
	// Seen says that this leader has seen alive/<node> in its term: it knows that the key has gone
	// since, and not while nobody led.
	Seen bool
	// Asked says that etcd was asked for the remaining time of the lease after the latest loss;
	// Remaining is the answer, below zero for a lease that is no more.
	Asked     bool
	Remaining time.Duration
	// AgentDownFor is how long the leader has seen a guard without a daemon.
	AgentDownFor time.Duration
	// Recorded is the tenure that a term has declared over (fence/<node>), 0 if none, and LostAtMs the
	// cluster time at which its loss was recorded, 0 if it was only told to give it up.
	Recorded, LostAtMs int64
	// Confirmed is the tenure whose loss a person vouches for, 0 if none.
	Confirmed int64
	// CopyOf is the node that registered the same key before this one did; "" is none.
	CopyOf units.NodeName
}

// Leases are the times that the decision depends on.
type Leases struct {
	TTL       time.Duration // of a guard's lease
	Keepalive time.Duration // between two renewals of it
	// AgentLostAfter is how long a daemon may be down before its node is told to give up its tenure; 0
	// is for ever.
	AgentLostAfter time.Duration
	// Settle is how long a node has to be gone before its loss is believed. Leases that are revoked, or given
	// back as by all who begin anew in a restored etcd, end one after the other, and asking for the others
	// tells of none that is yet to end. 0 is not at all.
	Settle time.Duration
	// TermAge is how long this leader has had a complete view of the cluster.
	TermAge time.Duration
	// Thaw is how much longer nodes have to return since evictions were last frozen in this term: they
	// come back one after the other. 0 is none.
	Thaw time.Duration
}

// DefaultLeases are the times that guards and schedulers are built with.
func DefaultLeases() Leases {
	return Leases{TTL: 15 * time.Second, Keepalive: 2 * time.Second, Settle: time.Second, AgentLostAfter: 5 * time.Minute}
}

// Losses is what to believe of every node.
type Losses struct {
	Verdicts []Verdict // by name
	// Frozen says that too many nodes are lost at once for any more to be evicted. Lost counts those, of
	// Total.
	Frozen      bool
	Lost, Total int
	// Ask says that etcd has to be asked for the remaining time of every lease before anything is
	// evicted. Until then the nodes in question are Unknown.
	Ask bool
	// Again is after what time to decide again though nothing happens; 0 is never.
	Again time.Duration
}

// Verdict is what to believe of one node.
type Verdict struct {
	Node     units.NodeName
	Standing Standing
	Why      units.Reason
	// Record says that the loss is decided and is to be recorded before anything is evicted, so that no
	// later term waits for the node again.
	Record bool
	// Fence says that the node is to be told to give up its tenure.
	Fence bool
}

// Lost decides which nodes are lost. It never depends on one clock of two machines, nor on a node's
// word, only on leases:
//
//	key exists                                 ready, or its daemon is down
//	key exists, and hangs on no lease          unknown: a hand has put it there
//	key exists, its tenure was declared over   unknown: its guard is about to give it up
//	key exists, and its key pair is another's  unknown: nobody can tell which of them is meant
//	gone, a person confirms it                 lost
//	gone, an earlier term recorded it          lost
//	gone while nobody led, first TTL of a term unknown: it may come back
//	gone, and not for long                     unknown: it may be back at once
//	gone, the others were not asked            unknown
//	gone, and more than a third is lost        frozen
//	gone, and it was so within the last TTL    frozen: of nodes that return, one is the last
//	gone                                       lost, to be recorded
//
// Nodes that are lost together expire up to a keepalive apart, so a lease that has less left than its
// TTL and two keepalives less counts as lost for the third, and is not evicted before it has expired.
// One of two or three may be replaced: it takes at least two to freeze. What a person has confirmed is
// no reason to be careful and counts no more, neither as lost nor among all.
func Lost(sightings []Sighting, l Leases) Losses {
	sightings = slices.SortedFunc(slices.Values(sightings), func(a, b Sighting) int { return cmp.Compare(a.Node, b.Node) })
	var out Losses
	fresh, overdue := false, 0
	for _, s := range sightings {
		if s.confirmed() {
			continue
		}
		out.Total++
		switch {
		case !s.Alive:
			out.Lost++
			fresh = fresh || !s.recorded() && s.GoneFor >= l.Settle
		case planted.On(planted.BrakeExpiredOnly): // breaks: the first of a room that went dark are evicted before the last are seen to go
		case s.Asked && s.Remaining < l.TTL-2*l.Keepalive:
			out.Lost++
		case l.tired(s):
			overdue++
		}
	}
	tooMany := func(n int) bool { return n >= 2 && 3*n > out.Total }
	out.Frozen = tooMany(out.Lost)
	if planted.On(planted.BrakeAbsent) { // breaks: half of a cluster is piled on the other half
		out.Frozen = false
	}
	for _, s := range sightings {
		out.Ask = out.Ask || fresh && s.Alive && !s.Asked
	}
	for _, s := range sightings {
		v := l.verdict(s, &out)
		v.Fence = v.Fence && !out.Ask && !tooMany(out.Lost+overdue)
		out.Verdicts = append(out.Verdicts, v)
	}
	return out
}

func (s Sighting) confirmed() bool {
	return !s.Alive && s.Confirmed != 0 && s.Confirmed >= s.Tenure
}
func (s Sighting) recorded() bool { return !s.Alive && s.Recorded != 0 && s.Recorded >= s.Tenure }

// tired reports whether the daemon has been down for too long.
func (l Leases) tired(s Sighting) bool {
	return s.Alive && !s.Agent && l.AgentLostAfter > 0 && s.AgentDownFor >= l.AgentLostAfter
}

func (l Leases) verdict(s Sighting, out *Losses) Verdict {
	v := Verdict{Node: s.Node}
	say := func(standing Standing, code, format string, args ...any) Verdict {
		v.Standing, v.Why = standing, units.Reason{Code: code, Message: fmt.Sprintf(format, args...)}
		return v
	}
	again := func(after time.Duration) {
		if after > 0 && (out.Again == 0 || after < out.Again) {
			out.Again = after
		}
	}
	switch {
	case s.Alive && s.Stray:
		return say(Unknown, units.ReasonNodeLost, "its alive key hangs on no lease: a hand has put it there, and has to delete it")
	case s.Alive && s.Recorded != 0 && s.Recorded >= s.Tenure:
		return say(Unknown, units.ReasonNodeLost, "it was told to give up its tenure, and has not yet")
	case s.Alive && s.CopyOf != "":
		return say(Unknown, units.ReasonKeyCopied, "its key is that of %s, which registered before: one is a copy of the other's disk", s.CopyOf)
	case s.Alive && s.Agent:
		v.Standing = Ready
		return v
	case s.Alive:
		v.Fence = l.tired(s)
		if l.AgentLostAfter > 0 {
			again(l.AgentLostAfter - s.AgentDownFor)
		}
		return say(AgentDown, units.ReasonNodeAgentLost, "its daemon is down, its guard is not")
	case s.confirmed():
		v.Record = s.Recorded < s.Confirmed
		return say(LostNode, units.ReasonNodeLost, "a person confirmed that it is lost")
	case s.recorded():
		v.Record = s.LostAtMs == 0 // it gave its tenure up, or an older version recorded it
		return say(LostNode, units.ReasonNodeLost, "its lease ended, and its loss is on record")
	case !s.Seen && l.TermAge < l.TTL && !planted.On(planted.NoGrace): // planted breaks: nodes that are about to claim anew are evicted
		again(l.TTL - l.TermAge)
		return say(Unknown, units.ReasonNodeLost, "its lease ended while nobody led; it has %s to return", l.TTL-l.TermAge)
	case out.Frozen:
		return say(Frozen, units.ReasonEvictionsFrozen,
			"%d of %d nodes are lost, more than a third: nothing is evicted until they return or nsched nodes confirm-lost", out.Lost, out.Total)
	case s.GoneFor < l.Settle:
		again(l.Settle - s.GoneFor)
		return say(Unknown, units.ReasonNodeLost, "its lease has just ended; it has %s to return", l.Settle-s.GoneFor)
	case out.Ask:
		return say(Unknown, units.ReasonNodeLost, "its lease ended; the others are being asked first")
	case l.Thaw > 0:
		again(l.Thaw)
		return say(Frozen, units.ReasonEvictionsFrozen, "too many nodes were lost at once, and return; it has %s to do so", l.Thaw)
	}
	v.Record = true
	return say(LostNode, units.ReasonNodeLost, "its lease ended")
}
