package units

// Status is a node's word about one unit: status/<node>/<unit>.
//
// Times of two machines are never compared, so a status carries durations, as they were when it was
// written.
type Status struct {
	State  State  `json:"state"`
	Health Health `json:"health,omitempty"`
	// Result is set once the unit has ended: systemd's word, or one of ours.
	Result   Result `json:"result,omitempty"`
	ExitCode int    `json:"exitCode,omitempty"`
	Signal   int    `json:"signal,omitempty"`
	Reason   Reason `json:"reason,omitzero"`
	// Assignment is the create revision of the assignment that this status answers; 0 for an orphan,
	// a unit that runs here and that the registry does not know.
	Assignment int64 `json:"assignment"`
	// Desired is the furthest the node has been told to go. It never goes back, whatever a restored
	// registry says.
	Desired Desired `json:"desired,omitempty"`
	// Tenure is the node's tenure in which this was written.
	Tenure int64 `json:"tenure"`
	// Invocation is systemd's invocation id of the running unit: equal ids mean that nothing restarted.
	Invocation string `json:"invocation,omitempty"`
	PID        int    `json:"pid,omitempty"`
	// Restarts counts the restarts that systemd made in place.
	Restarts int `json:"restarts,omitempty"`
	// HealthyForMs is how long the unit had been continuously healthy, in milliseconds.
	HealthyForMs int64 `json:"healthyForMs,omitempty"`
	// Orphan says that the registry holds no assignment for this running unit.
	Orphan bool `json:"orphan,omitempty"`
}
