package converge

import "github.com/nsched/nsched/units"

// fenced handles a unit whose tenure is over: the node's guard stops it, and so does this, at once. The
// attempt ends whether it ever ran or not.
func fenced(f *Facts, v Verdict) Verdict {
	v.State, v.Reason = units.StateStopping, f.Over
	if f.Published {
		v = v.with(Withdraw, "its tenure is over")
	}
	switch f.Service.Phase {
	case Starting, Running:
		return v.with(Stop, "its tenure is over")
	case Absent, Ended:
		return v.ending(boundEnding(f), "its tenure is over")
	}
	return v
}

// boundEnding is how an attempt ended that is bound to a tenure and that nobody told to stop.
func boundEnding(f *Facts) Ending {
	e := Ending{State: units.StateFailed, Result: units.ResultVanished, Reason: units.Reason{
		Code: units.ReasonFenced, Message: "it was stopped, with its guard or by it",
	}}
	switch {
	case f.Service.Phase == Ended:
		e.Result, e.ExitCode, e.Signal = f.Service.Result, f.Service.ExitCode, f.Service.Signal
		e.Reason.Message = f.Over.Message
	case f.Launch.Begun:
		if !f.Over.IsZero() {
			e.Reason.Message = f.Over.Message
		}
	case f.Launch.Before:
		e.Result = units.ResultRebooted
		e.Reason = units.Reason{Code: units.ReasonRebooted, Message: "the machine started again, and the tenure is another"}
	default:
		e.Result, e.Reason = units.ResultNotStarted, f.Over
	}
	return e
}

// goingDown handles a unit on a machine that shuts down. systemd stops what runs; one that is bound is
// over then, any other starts again with the machine.
func goingDown(f *Facts, v Verdict) Verdict {
	v.Reason = units.Reason{Code: units.ReasonNodeShutdown, Message: "the machine is shutting down"}
	if f.Published {
		v = v.with(Withdraw, "the machine is shutting down")
	}
	v.State = units.StateStarting
	switch f.Service.Phase {
	case Running:
		v.State, v.Health = units.StateRunning, f.Health
	case Absent, Ended:
		if f.Spec.Bound {
			return v.ending(Ending{
				State: units.StateStopped, Result: endResult(f), ExitCode: f.Service.ExitCode, Signal: f.Service.Signal, Reason: v.Reason,
			}, "the machine is shutting down")
		}
		if !f.Launch.Asked && !f.Launch.Before {
			v.State = units.StateAssigned
		}
	}
	return v
}
