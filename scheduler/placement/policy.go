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
	// LeaseTTL is that of a guard's lease. BoundAfter is how long after a lease was found gone a unit bound to
	// it may still run: a lease that was ended by hand, or by a fault of etcd, leaves a guard what it had left
	// of its fence, and its units their stop. One that ran out has used that up before.
	LeaseTTL, BoundAfter time.Duration
}

// fence is how long a guard takes its tenure for fresh without an answer (see package guard), and
// clockSlack what two machines' clocks and cluster time may be apart over so short a time.
const (
	fence      = 6 * time.Second
	clockSlack = time.Second
)

// DefaultPolicy fills nodes up, and forgets failures after ten healthy minutes.
func DefaultPolicy() Policy {
	return Policy{
		Algorithm: units.AlgorithmBinpack, ForgetFailures: 10 * time.Minute,
		LeaseTTL: DefaultLeases().TTL, BoundAfter: fence + units.StopBudget + clockSlack,
	}
}

// algorithm returns the one for a spec.
func (p Policy) algorithm(s *Spec) units.Algorithm {
	if s.algorithm != "" {
		return s.algorithm
	}
	return p.Algorithm
}
