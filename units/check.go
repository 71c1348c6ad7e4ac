package units

import "time"

// HealthChecks say when a unit is fit to be used. All must pass; a unit without any is used as soon as
// it runs.
type HealthChecks struct {
	Systemd []SystemdCheck
	HTTP    []HTTPCheck
	TCP     []TCPCheck
	Command []CommandCheck
}

// Any reports whether there is a check.
func (h HealthChecks) Any() bool {
	return len(h.Systemd)+len(h.HTTP)+len(h.TCP)+len(h.Command) > 0
}

// Thresholds are how many equal answers in a row change a check's mind.
type Thresholds struct {
	PassAfter int
	FailAfter int
}

// SystemdCheck passes while the named units of the node's own are active.
type SystemdCheck struct {
	Units []string
	Thresholds
}

// HTTPCheck passes on an answer with the expected status. Port and Path, or URL, say where.
type HTTPCheck struct {
	Port           string // name of a port
	URL            string
	Path           string
	Method         string
	ExpectedStatus int
	Headers        map[string]string
	Interval       time.Duration
	Timeout        time.Duration
	Thresholds
}

// TCPCheck passes when a connection is accepted.
type TCPCheck struct {
	Port     string // name of a port
	Interval time.Duration
	Timeout  time.Duration
	Thresholds
}

// CommandCheck passes when the command exits with 0.
type CommandCheck struct {
	Name     string
	Command  []string
	Interval time.Duration
	Timeout  time.Duration
	Thresholds
}

// CheckRestart restarts a unit whose checks have failed Limit times in a row; 0 is never.
type CheckRestart struct {
	Limit int
	Grace time.Duration // after a start, in which failures do not count
}
