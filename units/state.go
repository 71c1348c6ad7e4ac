package units

import (
	"fmt"
	"slices"
)

// State is where a unit is in its life, as its node sees it.
//
//	assigned -> fetching -> starting -> running -> healthy <-> unhealthy
//	    \__________\___________\___________\__________\___________\
//	                                            stopping -> stopped | failed
//
// A unit without checks stays running; one with checks goes on to healthy or unhealthy.
type State string

// The states. Stopped and failed are terminal: the next try is another attempt.
const (
	StateAssigned  State = "assigned"
	StateFetching  State = "fetching"
	StateStarting  State = "starting"
	StateRunning   State = "running"
	StateHealthy   State = "healthy"
	StateUnhealthy State = "unhealthy"
	StateStopping  State = "stopping"
	StateStopped   State = "stopped"
	StateFailed    State = "failed"
)

var states = []State{
	StateAssigned, StateFetching, StateStarting, StateRunning, StateHealthy, StateUnhealthy,
	StateStopping, StateStopped, StateFailed,
}

// States returns every state in the order of a unit's life.
func States() []State { return slices.Clone(states) }

// ParseState reads a state's word.
func ParseState(text string) (State, error) {
	s := State(text)
	if !slices.Contains(states, s) {
		return "", fmt.Errorf("parse state %s: %w", quote(text), ErrState)
	}
	return s, nil
}

// UnmarshalText implements encoding.TextUnmarshaler and refuses words that are no state.
func (s *State) UnmarshalText(text []byte) error {
	parsed, err := ParseState(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

// Terminal reports whether the attempt is over and can never run again.
func (s State) Terminal() bool { return s == StateStopped || s == StateFailed }

// Up reports whether the service's process has been started and not yet been told to stop.
func (s State) Up() bool { return s == StateRunning || s == StateHealthy || s == StateUnhealthy }

// Holds reports whether the attempt still occupies what it was given on its node (capacity, ports):
// everything but a terminal state does.
func (s State) Holds() bool { return slices.Contains(states, s) && !s.Terminal() }

// CanFollow reports whether a node may report s when the last state it reported was before ("" is
// none yet). Reports are level-triggered and throttled, so states in between may be missing:
//
//   - a terminal state is followed by itself alone;
//   - stopping is followed by a terminal state alone, for a stop is never taken back;
//   - assigned comes first or not at all;
//   - every other state follows every other: systemd restarts a service in place (running to
//     starting) and a rebooted node begins again with its store (healthy to fetching).
func (s State) CanFollow(before State) bool {
	if !slices.Contains(states, s) {
		return false
	}
	switch before {
	case "", s:
		return true
	case StateStopped, StateFailed:
		return false
	case StateStopping:
		return s.Terminal()
	default:
		return slices.Contains(states, before) && s != StateAssigned
	}
}

// Desired is the scheduler's word about an assignment. It only advances: stage, run, stop.
type Desired string

// The values of Desired. Stage makes the closure exist on the node and starts nothing.
const (
	DesiredStage Desired = "stage"
	DesiredRun   Desired = "run"
	DesiredStop  Desired = "stop"
)

// Rank orders the values: stage 1, run 2, stop 3. Anything else is 0, so it commands nothing.
func (d Desired) Rank() int {
	switch d {
	case DesiredStage:
		return 1
	case DesiredRun:
		return 2
	case DesiredStop:
		return 3
	}
	return 0
}

// Merge returns the further of both: associative, commutative and idempotent, so that neither a
// replayed nor a restored value takes a stop back.
func (d Desired) Merge(other Desired) Desired {
	if other.Rank() > d.Rank() {
		return other
	}
	if d.Rank() == 0 {
		return ""
	}
	return d
}

// UnmarshalText implements encoding.TextUnmarshaler and refuses other words.
func (d *Desired) UnmarshalText(text []byte) error {
	if Desired(text).Rank() == 0 {
		return fmt.Errorf("parse desired %s: %w", quote(string(text)), ErrDesired)
	}
	*d = Desired(text)
	return nil
}

// Health is what a unit's checks say together.
type Health string

// The values of Health. None means that there are no checks, or that they have not decided yet.
const (
	HealthNone    Health = ""
	HealthPassing Health = "passing"
	HealthFailing Health = "failing"
)
