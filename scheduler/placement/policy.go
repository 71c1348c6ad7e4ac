package placement

import (
	"time"

	"github.com/nsched/nsched/units"
)

// Policy is what the cluster decides where an app does not.
type Policy struct {
	// Algorithm is for apps that name none.
	Algorithm units.Algorithm
	// ForgetFailures is how long a unit has to have been healthy for the failures before it to be
	// forgotten.
	ForgetFailures time.Duration
}

// DefaultPolicy fills nodes up, and forgets failures after ten healthy minutes.
func DefaultPolicy() Policy {
	return Policy{Algorithm: units.AlgorithmBinpack, ForgetFailures: 10 * time.Minute}
}

// algorithm returns the one for a spec.
func (p Policy) algorithm(s *Spec) units.Algorithm {
	if s.algorithm != "" {
		return s.algorithm
	}
	return p.Algorithm
}
