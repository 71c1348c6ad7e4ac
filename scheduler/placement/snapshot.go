package placement

import "github.com/nsched/nsched/units"

// Snapshot is everything a plan is made of, as it was at one revision. The order of the slices does
// not matter.
type Snapshot struct {
	NowMs int64 // cluster time
	Term  int64 // goes into new assignments
	Epoch Epoch
	Nodes []Node
	Apps  []App
	Units []Unit
}

// Epoch is the life of the registry since a person accepted that it was restored from a snapshot. The zero
// value is the first, in which nothing was forgotten.
type Epoch struct {
	// Since is the revision at which it began. A tenure that began before may have been given units that
	// the registry has forgotten.
	Since int64
	// SeenMs is the cluster time at which the leader first saw it.
	SeenMs int64
}

// Node is one machine.
type Node struct {
	Name   units.NodeName
	Record units.Node
	// Problem says why the registration cannot be read. Such a node takes nothing and keeps what it has.
	Problem  units.Reason
	Standing Standing
	// Why explains the standing to people; Lost gives it.
	Why units.Reason
	// Alive says that alive/<node> exists. Tenure is its create revision, or the last one known.
	Alive  bool
	Tenure int64
	// LostAtMs is the cluster time since which the node counts as lost or forgotten, and Confirmed says that
	// a person vouches for that loss.
	LostAtMs  int64
	Confirmed bool
	Cordon    bool
	Drain     bool
	// Busy are ports that somebody else was found listening on lately. They are avoided.
	Busy []BusyPort
}

// BusyPort is a port that is taken on a node by something that nsched did not start.
type BusyPort struct {
	Protocol units.Protocol
	Port     uint16
}

// App is what is wanted of an app, with all that its units refer to.
type App struct {
	ID     units.AppID
	Intent units.Intent
	// NoIntent says that the registry has no intent: nothing of the app changes. An app that has units
	// and is not in the snapshot at all is the same.
	NoIntent bool
	// Problem says why the intent cannot be read; nothing of the app changes.
	Problem units.Reason
	// Generations are the intent's and those of all units, as far as they are stored.
	Generations []Generation
	Slots       []Slot
	Rollouts    []Rollout
}

// Generation is one stored version of an app. Spec is nil where Problem says what is wrong with it.
type Generation struct {
	Number  units.Generation
	Spec    *Spec
	Problem units.Reason
	// Refused says why nothing of it may be placed though it can be read. What runs of it runs on.
	Refused units.Reason
}

// Slot is what is remembered of a slot.
type Slot struct {
	Slot   units.Slot
	Record units.SlotRecord
}

// Rollout is the record of the way to one generation.
type Rollout struct {
	Generation units.Generation
	Record     units.Rollout
}

// Unit is an assignment and what its node says about it; either may be missing.
type Unit struct {
	Node units.NodeName
	ID   units.UnitID
	// Assignment counts when CreateRev is not 0. ModRev is the revision of its last change.
	Assignment units.Assignment
	CreateRev  int64
	ModRev     int64
	// Problem says why the assignment cannot be read. It is kept as it is and holds its slot.
	Problem units.Reason
	// Status counts when StatusRev, the revision of its last change, is not 0. A status that cannot be
	// read is given as its revision and the zero Status.
	Status    units.Status
	StatusRev int64
}
