package guard

import (
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// Phase is where a guard stands.
type Phase string

// The phases of a guard.
const (
	PhaseIdle      Phase = "idle"
	PhaseProbing   Phase = "probing"
	PhaseGranting  Phase = "granting"
	PhaseClaiming  Phase = "claiming"
	PhaseHolding   Phase = "holding"
	PhaseReleasing Phase = "releasing"
	PhaseRefused   Phase = "refused"
	PhaseEnded     Phase = "ended" // the machine goes down; see Guard.End
)

// State is what a guard tells of itself. It is a value and stays true when the guard is stopped:
// FreshUntil is an absolute boot time.
type State struct {
	Phase      Phase            `json:"phase"`
	Lease      registry.LeaseID `json:"lease,omitempty"`
	Tenure     int64            `json:"tenure,omitempty"`
	FreshUntil time.Duration    `json:"freshUntilBootNs,omitempty"`
	Reason     units.Reason     `json:"reason,omitzero"`
}

// Fresh reports whether the tenure is the guard's own and fresh at a boot time. Zero is no tenure.
func (s State) Fresh(tenure int64, boot time.Duration) bool {
	return tenure != 0 && s.Tenure == tenure && s.Phase == PhaseHolding && boot < s.FreshUntil
}
