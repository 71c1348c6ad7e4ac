package units

// Phase is where a rollout stands.
type Phase string

// The phases of a rollout. Complete, Failed and Superseded are its ends.
const (
	PhaseRolling    Phase = "rolling"
	PhaseComplete   Phase = "complete"
	PhaseFailed     Phase = "failed"
	PhaseSuperseded Phase = "superseded"
)

// Rollout moves an app from the generation it serves to its target: rollouts/<ns>/<app>/<gen>, the
// generation in the key being the target. Deadlines are cluster time in milliseconds.
type Rollout struct {
	Phase      Phase      `json:"phase"`
	Serving    Generation `json:"serving,omitempty"`
	DeadlineMs int64      `json:"deadlineMs,omitempty"`
	Reason     Reason     `json:"reason,omitzero"`
}
