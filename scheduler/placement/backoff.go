package placement

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/nsched/nsched/units"
)

// unreadable is how a unit is rescheduled whose generation cannot be read.
var unreadable = units.Reschedule{Delay: 30 * time.Second, Function: units.DelayExponential, MaxDelay: time.Hour}

// failed reports whether the unit ended although it should not have. What a machine, a network or an
// operator did to it does not count.
func (u *unit) failed() bool {
	if u.assignment.Desired == units.DesiredStop || u.result == units.ResultRebooted {
		return false
	}
	switch u.why.Code {
	case units.ReasonRebooted, units.ReasonTenureLost, units.ReasonTenureOver, units.ReasonFenced, units.ReasonNodeShutdown, units.ReasonOffline:
		return false
	}
	return true
}

// book writes the end of a unit into its slot's record.
func (p *planner) book(record units.SlotRecord, a *app, u *unit) units.SlotRecord {
	record.LastNode = p.state.names[u.node]
	if !u.failed() {
		return record
	}
	if record.Generation != u.generation || u.healthyMs >= p.policy.ForgetFailures.Milliseconds() {
		record.Failures = 0
	}
	record.Generation = u.generation
	record.Failures++
	record.Failure = short(u.why)
	rule := unreadable
	if spec := a.spec(u.generation); spec != nil {
		rule = spec.reschedule
	}
	delay, _ := rule.After(record.Failures)
	if u.why.Code == units.ReasonPortBusy && record.Failures == 1 {
		delay = 0 // the next attempt asks for other ports
	}
	record.NotBeforeMs = p.now + delay.Milliseconds()
	return record
}

// lastAttempt is the highest that a unit's name can hold.
const lastAttempt = math.MaxInt64

// waits returns why a slot may not be tried now, and until when; no reason if it may.
func (p *planner) waits(s sorted, g *generation) (units.Reason, int64) {
	record := s.record
	if s.attempt == lastAttempt {
		return units.Reason{Code: units.ReasonRestartLimit, Message: "there is no attempt after " + strconv.FormatInt(lastAttempt, 10) + ", which a hand has written down"}, 0
	}
	if record.Generation != g.number || record.Failures == 0 {
		return units.Reason{}, 0
	}
	if _, again := g.spec.reschedule.After(record.Failures); !again {
		return units.Reason{Code: units.ReasonRestartLimit, Message: failedSoOften(record) + ", and reschedule.attempts allows no more"}, 0
	}
	if p.now < record.NotBeforeMs {
		left := min(record.NotBeforeMs-p.now, math.MaxInt64/time.Millisecond.Nanoseconds())
		next := time.Duration(left) * time.Millisecond
		return units.Reason{Code: units.ReasonBackoff, Message: failedSoOften(record) + "; the next attempt is in " + next.Round(time.Second).String()}, record.NotBeforeMs
	}
	return units.Reason{}, 0
}

// longestFailure bounds what a slot's record keeps of a message: hundreds of records share a key.
const longestFailure = 240

func short(r units.Reason) units.Reason {
	if len(r.Message) > longestFailure {
		r.Message = strings.ToValidUTF8(r.Message[:longestFailure], "") + "…"
	}
	return r
}

// failedSoOften says how often, and why the latest time: the unit that could tell is gone.
func failedSoOften(record units.SlotRecord) string {
	text := "failed " + times(record.Failures)
	if !record.Failure.IsZero() {
		text += " (" + record.Failure.String() + ")"
	}
	return text
}
