package converge

import (
	"time"

	"github.com/nsched/nsched/units"
)

// Kind names an action.
type Kind string

// The actions.
const (
	Read     Kind = "read"     // the generation's document
	Fetch    Kind = "fetch"    // realise and root the closure, and check it
	LaunchIt Kind = "launch"   // start the transient unit
	Publish  Kind = "publish"  // the endpoint
	Withdraw Kind = "withdraw" // the endpoint
	Stop     Kind = "stop"     // the unit
	End      Kind = "end"      // write the attempt's end to disk
	Reset    Kind = "reset"    // let systemd forget the failed unit
	Forget   Kind = "forget"   // the unit, its record and its status
)

// Action is one thing to do, and why.
type Action struct {
	Kind Kind
	Why  string
	// Ending comes with End.
	Ending *Ending
}

// Verdict is what a node says about a unit and does next about it.
type Verdict struct {
	ID     units.UnitID
	State  units.State
	Health units.Health
	Reason units.Reason
	Orphan bool
	// Blind says that systemd has not been asked since the last action, so State is no news.
	Blind bool
	Do    []Action
	// Wake is the boot time at which the facts change by themselves; 0 is never.
	Wake time.Duration
}

func (v Verdict) with(k Kind, why string) Verdict {
	v.Do = append(v.Do, Action{Kind: k, Why: why})
	return v
}

func (v Verdict) ending(e Ending, why string) Verdict {
	v.State, v.Reason = e.State, e.Reason
	v.Do = append(v.Do, Action{Kind: End, Why: why, Ending: &e})
	return v
}

func (v Verdict) wake(at time.Duration) Verdict {
	if v.Wake == 0 || at < v.Wake {
		v.Wake = at
	}
	return v
}
