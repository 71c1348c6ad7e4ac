package converge

import "github.com/nsched/nsched/units"

// run handles desired "stage" and "run".
func run(f *Facts, v Verdict) Verdict {
	switch f.Service.Phase {
	case Starting, Stopping:
		// systemd restarts it in place, or somebody else does something to it: no endpoint meanwhile.
		v.State = units.StateStarting
		if f.Published {
			v = v.with(Withdraw, "the unit is not running")
		}
		return v
	case Running:
		return running(f, v)
	}
	if f.Published && f.Service.Phase != Unknown {
		v = v.with(Withdraw, "the unit is not running")
	}
	if f.Service.Phase == Ended {
		// Also one that ended well: systemd restarts in place what is to be restarted, and what somebody
		// stopped is not shown as ended.
		state := units.StateStopped
		if f.Service.Result.Failed() {
			state = units.StateFailed
		}
		return v.ending(Ending{
			State: state, Result: f.Service.Result, ExitCode: f.Service.ExitCode, Signal: f.Service.Signal,
			Reason: f.Service.Reason,
		}, "systemd has given it up")
	}
	return prepare(f, v)
}

// running handles a unit whose process runs.
func running(f *Facts, v Verdict) Verdict {
	v.Health = f.Health
	switch {
	case !f.Spec.Known:
		// Its document cannot be read now. It was good when the unit started; whether it has checks is
		// not known, so an endpoint that is out stays and none is added.
		v.State = units.StateRunning
		return v.with(Read, "the generation is not known yet")
	case !f.Spec.Checks:
		v.State = units.StateRunning
	case f.Health == units.HealthPassing:
		v.State = units.StateHealthy
	case f.Health == units.HealthFailing:
		v.State, v.Reason = units.StateUnhealthy, units.Reason{Code: units.ReasonCheckFailed}
		if f.Published {
			v = v.with(Withdraw, "its checks fail")
		}
		return v
	default:
		v.State, v.Reason = units.StateRunning, units.Reason{Code: units.ReasonChecksPending}
		return v
	}
	if !f.Offered && f.Confirmed {
		v = v.with(Publish, "it is up")
	}
	return v
}

// prepare brings a unit that is down to the point where it is launched.
func prepare(f *Facts, v Verdict) Verdict {
	v.State = units.StateAssigned
	switch {
	case !f.Spec.Known:
		v.Reason = f.Hold
		return v.with(Read, "the generation is not known yet")
	case f.Spec.Bound && f.Service.Phase == Absent && (f.Launch.Begun || f.Launch.Before):
		return v.ending(boundEnding(f), "it was started once, which is as often as a bound unit is")
	case !f.Spec.Refused.IsZero():
		return v.ending(Ending{State: units.StateFailed, Result: units.ResultNotStarted, Reason: f.Spec.Refused}, "it may not run here")
	case !f.Closure.Ready:
		return fetch(f, v)
	case f.Desired == units.DesiredStage, f.Service.Phase == Unknown:
		return v
	case !f.Hold.IsZero():
		v.Reason = f.Hold
		return v
	case f.Spec.Bound && !f.Confirmed:
		v.Reason = units.Reason{Code: units.ReasonOffline, Message: "it is bound to this node's place in the cluster, and so never starts out of touch"}
		return v
	}
	v.State = units.StateStarting
	switch {
	case f.Launch.Permanent:
		return v.ending(Ending{State: units.StateFailed, Result: units.ResultNotStarted, Reason: f.Launch.Failure}, "it cannot be started")
	case f.Now < f.Launch.RetryAt:
		v.Reason = f.Launch.Failure
		return v.wake(f.Launch.RetryAt)
	case f.Launch.Asked:
		return v.with(LaunchIt, "it was started before and is gone")
	}
	return v.with(LaunchIt, "desired is run")
}

func fetch(f *Facts, v Verdict) Verdict {
	v.State, v.Reason = units.StateFetching, f.Closure.Failure
	switch {
	case f.Closure.Permanent:
		return v.ending(Ending{State: units.StateFailed, Result: units.ResultNotStarted, Reason: f.Closure.Failure}, "its closure cannot be had")
	case f.Now < f.Closure.RetryAt:
		return v.wake(f.Closure.RetryAt)
	}
	return v.with(Fetch, "its closure is not known to be here")
}
