package placement

import "github.com/nsched/nsched/units"

// Outcome is a plan: what to write, what cannot be done and why, and when to look again.
type Outcome struct {
	// Actions are to be written in this order. Those with one Group other than 0 belong into one
	// transaction: all or none.
	Actions []Action
	// Unplaced are the slots that are not as they should be, each with a reason.
	Unplaced []Unplaced
	// Held are units that are left as they are although something is wrong with them.
	Held []Held
	// WakeMs is the cluster time at which time alone makes another plan; 0 is never.
	WakeMs int64
}

// Kind says what an action does.
type Kind string

// The kinds of actions.
const (
	// KindPlace creates an assignment that must not exist.
	KindPlace Kind = "place"
	// KindStop writes Desired stop into an assignment, or creates it so to answer an orphan.
	KindStop Kind = "stop"
	// KindEvict is a stop on a lost node, or of what was bound to a tenure that is over, in one group with
	// the unit that replaces it.
	KindEvict Kind = "evict"
	// KindDelete deletes an assignment that is over and writes its slot's record with it.
	KindDelete Kind = "delete"
	// KindRollout writes the record of a rollout.
	KindRollout Kind = "rollout"
)

// Action is one step. Every field that a kind does not name is zero.
type Action struct {
	Kind   Kind
	Group  int
	Reason units.Reason

	Node units.NodeName // all but rollout
	Unit units.UnitID   // all but rollout
	// Assignment is the value to write: place, stop, evict. Its Tenure is that of the node for a place
	// and an orphan, and holds only while alive/<node> has that create revision.
	Assignment units.Assignment
	// While are the nodes whose tenures, or loss, the action relies on: evict, place, and stops of what is out
	// of reach. It is not written when one of them has changed.
	While []Holding
	// ModRev is the revision of the assignment that the action is about; 0 if there must be none.
	ModRev int64
	// StatusRev is the revision of the status that says the unit is over (0: there must be none), and
	// Record is written to the unit's slot in the same transaction: delete.
	StatusRev int64
	Record    units.SlotRecord

	App        units.AppID // rollout
	Generation units.Generation
	Rollout    units.Rollout
}

// Holding says that alive/<node> has a create revision, or, if it is 0, that it does not exist.
type Holding struct {
	Node   units.NodeName
	Tenure int64
}

// Codes of this package, beside those of units.
const (
	// ReasonFormerTenure: the node's tenure began before the registry was restored.
	ReasonFormerTenure = "former-tenure"
	// ReasonWaitsForStop: the slot's last unit has to end first.
	ReasonWaitsForStop = "waits-for-stop"
	// ReasonNewUnit: the slot was empty.
	ReasonNewUnit = "new-unit"
	// ReasonEnded: the unit is over and its node has said so.
	ReasonEnded = "ended"
	// ReasonNodeForgotten: a person took the node out of the registry.
	ReasonNodeForgotten = "node-forgotten"
)

// Unplaced is a slot that has no unit of its generation, and why.
type Unplaced struct {
	App  units.AppID
	Slot units.Slot // empty: the app as a whole
	// Generation is the one that waits to be placed.
	Generation units.Generation
	// Incumbent is the unit that fills the slot meanwhile, if any.
	Incumbent units.UnitID
	// Reason sums up; Nodes has one entry for each class of nodes, and each node is counted once.
	Reason  units.Reason
	Nodes   []NodeReason
	UntilMs int64 // cluster time of the next attempt; 0 if time alone changes nothing
}

// NodeReason says why none of a number of nodes can take a unit.
type NodeReason struct {
	Reason units.Reason
	Count  int
	// Nearest is the node that came closest.
	Nearest units.NodeName
}

// Held is a unit that is left alone, and why.
type Held struct {
	Node   units.NodeName
	Unit   units.UnitID
	Reason units.Reason
}
