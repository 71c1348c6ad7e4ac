package placement

import "github.com/nsched/nsched/units"

// Standing is what the scheduler believes of a node at this moment. Lost says how it is decided.
type Standing uint8

// The standings. The zero value is the careful one: silence is not a command.
const (
	// Unknown nodes take nothing and keep what they have: nobody has said that they are lost.
	Unknown Standing = iota
	// Ready nodes take units.
	Ready
	// AgentDown nodes have a live guard and a dead daemon: what runs there goes on, nothing new can
	// be started.
	AgentDown
	// Frozen nodes are lost together with too many others: they keep their units until they return
	// or a person confirms the loss.
	Frozen
	// LostNode nodes have given up their tenure, or can no longer hold it: their units are replaced.
	LostNode
	// Forgotten nodes were taken out of the registry by a person: what was assigned to them is deleted.
	Forgotten
)

// String returns the standing's word.
func (s Standing) String() string {
	switch s {
	case Ready:
		return "ready"
	case AgentDown:
		return "agentDown"
	case Frozen:
		return "frozen"
	case LostNode:
		return "lost"
	case Forgotten:
		return "forgotten"
	}
	return "unknown"
}

// gone reports whether what was assigned there counts as ended for the cluster.
func (s Standing) gone() bool { return s == LostNode || s == Forgotten }

// refusal is why a node of this standing takes nothing; "" if it does.
func (s Standing) refusal() string {
	switch s {
	case Ready:
		return ""
	case AgentDown:
		return units.ReasonNodeAgentLost
	}
	return units.ReasonNodeLost
}
