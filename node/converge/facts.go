package converge

import (
	"time"

	"github.com/nsched/nsched/units"
)

// Facts is everything a node knows of one unit at the moment of deciding. Times are boot time.
type Facts struct {
	ID  units.UnitID
	Now time.Duration

	// Desired is the furthest the unit was ever told to go, over registry and disk; "" when nobody
	// assigned it.
	Desired units.Desired
	// Confirmed says that the registry has been read completely in this life of the daemon, and
	// Assigned that the newest reading holds an assignment. Without a reading, Assigned is what the
	// disk remembers.
	Confirmed, Assigned bool
	// Hold is set when nothing may be started now, and why.
	Hold units.Reason
	// Over is why a unit that is bound to a tenure may not run any more: the tenure is known to be over. It
	// is zero while that is not known, and for a unit that is not bound.
	Over units.Reason
	// GoingDown says that the machine is shutting down: systemd stops everything on its own.
	GoingDown bool

	Spec    Spec
	Closure Closure
	Service Service
	Launch  Launch
	// Ended is set once the end of the attempt is on disk. It never goes away.
	Ended *Ending
	// EndStored says that the registry holds the end.
	EndStored bool

	Health    units.Health
	Published bool // an endpoint may be out
	Offered   bool // the right one is out, or on its way
	// WithdrawAsked and Withdrawn are when the endpoint was asked to go and was known to be gone; 0
	// is not yet.
	WithdrawAsked, Withdrawn time.Duration
}

// Spec is what the unit's generation says, as far as it matters here.
type Spec struct {
	Known bool
	// Refused is why the document cannot run here, for good.
	Refused    units.Reason
	Checks     bool // it has health checks
	Bound      bool // it may run only in the tenure that it was assigned in
	DrainDelay time.Duration
}

// Closure is whether the store path is there, rooted and verified.
type Closure struct {
	Ready bool
	// Failure is why the last try failed; Permanent when another will too, else RetryAt is when.
	Failure   units.Reason
	Permanent bool
	RetryAt   time.Duration
}

// Launch is what came of asking systemd to start the unit.
type Launch struct {
	// Asked says that a start was asked for in this boot, Before that one was in an earlier boot alone.
	Asked, Before bool
	// Begun says that it may have run in this boot: systemd took a start, or nobody knows whether it did.
	Begun     bool
	Failure   units.Reason
	Permanent bool
	RetryAt   time.Duration
}

// Phase is where systemd has a unit.
type Phase int

// The phases. Unknown is "not asked since the last action"; Absent is "not loaded, or inactive".
const (
	Unknown Phase = iota
	Absent
	Starting
	Running
	Stopping
	Ended
)

// Service is systemd's word on the unit.
type Service struct {
	Phase    Phase
	Result   units.Result
	ExitCode int
	Signal   int
	Reason   units.Reason // why it ended
}

// Up reports whether a process of the unit may exist.
func (s Service) Up() bool {
	return s.Phase == Starting || s.Phase == Running || s.Phase == Stopping
}

// Ending is how an attempt ended.
type Ending struct {
	State    units.State // stopped or failed
	Result   units.Result
	ExitCode int
	Signal   int
	Reason   units.Reason
}
