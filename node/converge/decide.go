package converge

import (
	"slices"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/planted"
)

// withdrawPatience bounds how long a stop waits for an endpoint to be gone for sure: with etcd away
// nothing can be withdrawn, and a person who stops an app wants it stopped.
const withdrawPatience = 5 * time.Second

// Steps decides about every unit. The verdicts come in the order of the units' names, whatever the
// order of the facts.
func Steps(facts []Facts) []Verdict {
	verdicts := make([]Verdict, 0, len(facts))
	for _, f := range facts {
		verdicts = append(verdicts, Decide(f))
	}
	slices.SortFunc(verdicts, func(a, b Verdict) int { return a.ID.Compare(b.ID) })
	return verdicts
}

// Decide decides about one unit.
func Decide(f Facts) Verdict {
	v := Verdict{ID: f.ID, Blind: f.Ended == nil && f.Service.Phase == Unknown}
	switch {
	case f.Ended != nil:
		return over(&f, v)
	case f.Desired == units.DesiredStop:
		return stop(&f, v)
	case !f.Over.IsZero():
		return fenced(&f, v)
	case f.Confirmed && !f.Assigned, f.Desired.Rank() == 0:
		return unknown(&f, v)
	case f.GoingDown:
		return goingDown(&f, v)
	}
	return run(&f, v)
}

// over handles an attempt whose end is on disk: it is told, cleared away and never starts again.
func over(f *Facts, v Verdict) Verdict {
	v.State, v.Reason = f.Ended.State, f.Ended.Reason
	if f.Published {
		v = v.with(Withdraw, "the unit has ended")
	}
	switch f.Service.Phase {
	case Starting, Running:
		return v.with(Stop, "the attempt had ended before; a start that was asked for earlier came through late")
	case Ended:
		if f.EndStored {
			return v.with(Reset, "the registry holds its end")
		}
	case Absent:
		if f.Confirmed && !f.Assigned {
			return v.with(Forget, "its assignment is gone")
		}
	}
	return v
}

// stop handles desired "stop": withdraw, drain, stop, record.
func stop(f *Facts, v Verdict) Verdict {
	v.State = units.StateStopping
	switch f.Service.Phase {
	case Unknown:
		return v
	case Stopping:
		if f.Published {
			v = v.with(Withdraw, "the unit stops")
		}
		return v
	case Absent, Ended:
		if f.Published {
			v = v.with(Withdraw, "the unit has stopped")
		}
		return v.ending(Ending{
			State: units.StateStopped, Result: endResult(f), ExitCode: f.Service.ExitCode, Signal: f.Service.Signal,
			Reason: units.Reason{Code: units.ReasonStopped},
		}, "it is down, as told")
	}
	if !f.Over.IsZero() {
		return fenced(f, v) // neither an endpoint nor a drain is waited for
	}
	if f.Published {
		v = v.with(Withdraw, "the unit is about to stop")
		if f.WithdrawAsked == 0 {
			return v.wake(f.Now + withdrawPatience)
		}
		if until := f.WithdrawAsked + withdrawPatience; f.Now < until {
			return v.wake(until)
		}
	}
	if until := f.Withdrawn + f.Spec.DrainDelay; f.Withdrawn != 0 && f.Now < until {
		v.Reason = units.Reason{Code: units.ReasonStopped, Message: "draining before the stop"}
		return v.wake(until)
	}
	return v.with(Stop, "desired is stop")
}

// endResult is how a unit that was told to stop ended: what systemd still knows, or else that nothing
// ever ran, or that it went unobserved.
func endResult(f *Facts) units.Result {
	switch {
	case f.Service.Phase == Ended:
		return f.Service.Result
	case !f.Launch.Asked:
		return units.ResultNotStarted
	}
	return units.ResultSuccess
}

// unknown handles a unit that the registry does not know: silence is not a command, so what runs runs
// on and is reported.
func unknown(f *Facts, v Verdict) Verdict {
	if f.Service.Phase == Unknown || !f.Confirmed {
		v.State, v.Orphan = units.StateRunning, true
		return v
	}
	if f.Service.Up() {
		v.State, v.Orphan = units.StateRunning, true
		if planted.On(planted.OrphanPruned) { // breaks: whoever loses a key loses a service
			return v.with(Stop, "nobody assigns it")
		}
		v.Reason = units.Reason{Code: units.ReasonOrphan, Message: "it runs here and the registry holds no assignment for it"}
		return v
	}
	v.State, v.Reason = units.StateStopped, units.Reason{Code: units.ReasonOrphan}
	if f.Published {
		v = v.with(Withdraw, "the unit is down")
	}
	if f.Service.Phase == Ended {
		return v.with(Reset, "nobody waits for its end")
	}
	return v.with(Forget, "it is down and nobody assigns it")
}
