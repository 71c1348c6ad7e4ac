package units

import "time"

// StopBudget is how long the units of a node may take to stop after their tenure has ceased to be fresh,
// and all the same be gone before the node's lease can have ended. A singleton whose stop takes longer is
// replaced later by as much.
const StopBudget = 4 * time.Second

// Bound is a unit that may run only while one tenure is its node's own and fresh: a singleton, or a unit
// of an app with onPartition: stop.
type Bound struct {
	Unit   UnitID `json:"unit"`
	Tenure int64  `json:"tenure"`
	// StopTimeout is how long it may run on after its stop signal.
	StopTimeout time.Duration `json:"stopTimeoutNs"`
}

// Bound reports whether units of the app are bound to their node's tenure.
func (a *App) Bound() bool {
	return a.Singleton || a.Disconnect.OnPartition == PartitionStop
}

// ReplaceDelay is how long after the end of its node's lease a unit of the app may still be running: 0
// unless it is bound and its stop takes longer than StopBudget.
func (a *App) ReplaceDelay() time.Duration {
	if !a.Bound() {
		return 0
	}
	return max(0, a.Stop.Timeout-StopBudget)
}
