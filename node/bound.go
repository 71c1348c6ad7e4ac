package node

import (
	"fmt"
	"time"

	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/planted"
)

// unsureFor is how long after the guard could not vouch for the node's place a bound unit may have been
// seen up and its end is still put down to that: it takes its time to stop.
const unsureFor = time.Minute

// bound reports whether the unit may run only in the tenure that it was assigned in.
func (u *unit) bound() bool { return u.app != nil && u.app.Bound() }

// tenureOf is the tenure that the unit was assigned in.
func (d *Daemon) tenureOf(u *unit) int64 {
	if planted.On(planted.OldTenureUsed) { // breaks: what the cluster has given up, and replaced, is started again
		return d.place.Tenure
	}
	return u.rec.Assignment.Tenure
}

// vouched reports whether the guard, as far as is known, holds the tenure and is fresh.
func (d *Daemon) vouched(tenure int64, now units.Instant) bool {
	return d.guardErr == nil && d.inPlace() && d.place.Fresh(tenure, now.Boot)
}

// watchGuard remembers when the guard could last not vouch for the node. Until it has been asked for the
// first time nobody knows, and it ended nothing that this daemon has seen.
func (d *Daemon) watchGuard(now units.Instant) {
	if (d.place.asked || d.guardErr != nil) && !d.vouched(d.place.Tenure, now) {
		d.unsureAt = now.Boot
	}
}

// over says why the unit may not run any more: the node has begun a tenure after the one that it was
// assigned in. The guard knows that best, for it made both.
func (d *Daemon) over(u *unit) units.Reason {
	was := d.tenureOf(u)
	if !u.bound() || was == 0 || d.place.Tenure <= was {
		return units.Reason{}
	}
	return tenureOver(was, d.place.Tenure)
}

func tenureOver(was, is int64) units.Reason {
	return units.Reason{Code: units.ReasonTenureOver, Message: fmt.Sprintf("it was assigned in tenure %d, and the node's is %d by now", was, is)}
}

// holdBound says why a bound unit may not be started now; the zero Reason is "it may". What the guard
// says here only saves asking the registry in vain: see admit.
func (d *Daemon) holdBound(u *unit, now units.Instant) units.Reason {
	because := func(why string, args ...any) units.Reason {
		return units.Reason{Code: units.ReasonTenureLost, Message: fmt.Sprintf(why, args...)}
	}
	switch was := d.tenureOf(u); {
	case d.continuity.Held() != "":
		return units.Reason{Code: units.ReasonOffline, Message: "nothing that is bound to the cluster is started: " + d.continuity.Held()}
	case d.guardErr != nil:
		return because("the guard does not answer: %v", d.guardErr)
	case !d.inPlace():
		return because("the guard does not hold this node's place in the cluster")
	case was > d.place.Tenure:
		return because("it was assigned in tenure %d, of which the guard does not know", was)
	case was != 0 && !d.place.Fresh(was, now.Boot):
		return because("the guard cannot be sure now that this node is in the cluster")
	}
	return units.Reason{}
}

// whyEnded is why a bound unit has ended, as far as nobody told it to: systemd cannot tell a guard's stop,
// or a reaper's kill, from a person's. The guard's it was if the guard had not been sure while the unit ran;
// one that crashes of itself has failed, and waits for its next attempt like any other.
func (d *Daemon) whyEnded(u *unit) units.Reason {
	o := u.observed
	unsure := u.beganAt != 0 && d.unsureAt > u.beganAt && u.upAt < d.unsureAt+unsureFor
	if o.Phase != converge.Ended || !unsure && o.Reason.Code != units.ReasonStopTimeout {
		return o.Reason
	}
	return units.Reason{Code: units.ReasonFenced, Message: "this node could not be sure of its place in the cluster: " + o.Reason.String()}
}
