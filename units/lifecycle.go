package units

import "time"

// Readiness says when systemd counts a service as started.
type Readiness string

// The kinds of readiness: as soon as it is executed, or when it says so (sd_notify).
const (
	ReadyExec   Readiness = "exec"
	ReadyNotify Readiness = "notify"
)

// Stop is how a unit ends: its endpoint is withdrawn, DrainDelay passes, Signal is sent, and after
// Timeout it is killed.
type Stop struct {
	Signal     string // such as SIGTERM
	Timeout    time.Duration
	DrainDelay time.Duration
}

// Restart is how often systemd restarts a failed service in place: Attempts within Interval, Delay
// apart. After that the unit has failed.
type Restart struct {
	Attempts int
	Interval time.Duration
	Delay    time.Duration
}

// What happens when a node is out of reach.
type (
	// OnPartition is what a node does with a unit while it has no contact.
	OnPartition string
	// Reconcile is which of two units stays when a lost node returns.
	Reconcile string
)

// The values of OnPartition and Reconcile.
const (
	PartitionKeep   OnPartition = "keep"
	PartitionStop   OnPartition = "stop"
	KeepOriginal    Reconcile   = "keepOriginal"
	KeepReplacement Reconcile   = "keepReplacement"
)

// Disconnect is what happens to a unit whose node is out of reach.
type Disconnect struct {
	OnPartition OnPartition
	LostAfter   time.Duration // beyond the loss of the node's lease
	Reconcile   Reconcile
}

// UpdateOrder says which of the old and the new unit of a slot goes first.
type UpdateOrder string

// The orders: start the new one before the old one stops, or after.
const (
	OrderSurge     UpdateOrder = "surge"
	OrderStopFirst UpdateOrder = "stopFirst"
)

// Update is how an app moves from one generation to the next.
type Update struct {
	MaxParallel      int
	Canary           int
	AutoPromote      bool
	MinHealthyTime   time.Duration
	HealthyDeadline  time.Duration
	ProgressDeadline time.Duration
	AutoRevert       bool
	Confirm          time.Duration // 0: no confirmation is awaited
	Order            UpdateOrder
}
