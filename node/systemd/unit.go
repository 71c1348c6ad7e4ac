package systemd

import (
	"time"

	"github.com/nsched/nsched/units"
)

// ActiveState is systemd's coarse state of a unit.
type ActiveState string

// systemd's words, as of version 252.
const (
	Active       ActiveState = "active"
	Reloading    ActiveState = "reloading"
	Inactive     ActiveState = "inactive"
	Failed       ActiveState = "failed"
	Activating   ActiveState = "activating"
	Deactivating ActiveState = "deactivating"
	Maintenance  ActiveState = "maintenance"
)

// Unit is what systemd says about one loaded unit, read at one moment.
type Unit struct {
	ID     units.UnitID
	Active ActiveState
	// Sub is the finer state: running, exited, auto-restart, stop-sigterm and many more.
	Sub string
	// Job is the type of the job that is queued or runs for it (start, stop, restart …), "" for none.
	Job string
	// Result is systemd's word as it stands; before the unit has ended it is "success". See Outcome.
	Result units.Result
	// ExitCode and Signal tell how the main process last ended; at most one is not 0. Ended is 0 while
	// it runs.
	ExitCode int
	Signal   int
	// OOMKilled says that the kernel killed it for memory, as far as that can be known.
	OOMKilled bool
	// MainPID is 0 when no process runs.
	MainPID int
	// Invocation is new with every start: equal ids mean that nothing restarted.
	Invocation string
	// Restarts counts the restarts that systemd made in place, and the one that the limit refused.
	Restarts     int
	ControlGroup string
	// Exec is the shim that the unit names, for Shims.Sweep.
	Exec string
	// Started is when the main process was last started, Ready when the unit last became active, Ended
	// when the main process last ended: CLOCK_MONOTONIC since boot, 0 for never.
	Started, Ready, Ended time.Duration
}

// State returns nsched's word for what systemd says. It knows nothing of health or of what was asked for.
//
//	activating                     starting (also while systemd waits to restart it)
//	active, reloading              running, or stopped once it has exited with 0 (exited)
//	deactivating, a stop was asked stopping
//	deactivating by itself         running: what comes of it, a restart or an end, is not decided yet
//	inactive                       stopped, or starting while its start is queued
//	failed                         failed
//
// Deactivating by itself is not called stopping, for no state but an end may follow that one.
func (u Unit) State() units.State {
	stopping := u.Job == "stop"
	switch u.Active {
	case Activating:
		if stopping {
			return units.StateStopping
		}
		return units.StateStarting
	case Active, Reloading:
		switch {
		case u.Sub == "exited":
			return units.StateStopped
		case stopping:
			return units.StateStopping
		}
		return units.StateRunning
	case Deactivating:
		if stopping {
			return units.StateStopping
		}
		return units.StateRunning
	case Inactive:
		if u.Job == "start" {
			return units.StateStarting
		}
		return units.StateStopped
	case Failed:
		return units.StateFailed
	}
	return units.StateStopping // maintenance: its directories are being cleaned
}

// Outcome returns how the unit ended, ResultNone while it has not. A word of systemd that this version
// does not know passes through: units.Result.Failed counts it as a failure.
func (u Unit) Outcome() units.Result {
	if !u.State().Terminal() {
		return units.ResultNone
	}
	if u.OOMKilled {
		return units.ResultOOMKill
	}
	return u.Result
}
