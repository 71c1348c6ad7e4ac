package converge

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nsched/nsched/units"
)

func kinds(v Verdict) map[Kind]bool {
	got := map[Kind]bool{}
	for _, a := range v.Do {
		got[a.Kind] = true
	}
	return got
}

var (
	boom  = units.Reason{Code: units.ReasonFetchFailed, Message: "the cache is down"}
	ready = Closure{Ready: true}
	known = Spec{Known: true}
	bound = Spec{Known: true, Bound: true}
	over1 = units.Reason{Code: units.ReasonTenureOver, Message: "the node began another tenure"}
)

func TestDecide(t *testing.T) {
	cases := []struct {
		name  string
		facts Facts
		state units.State
		do    []Kind
	}{
		{
			"a new assignment reads its document first",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Service: Service{Phase: Absent}},
			units.StateAssigned,
			[]Kind{Read},
		},
		{
			"a known document is fetched next",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: known, Service: Service{Phase: Absent}},
			units.StateFetching,
			[]Kind{Fetch},
		},
		{
			"a fetch that failed for now waits",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: known, Now: 5, Closure: Closure{Failure: boom, RetryAt: 9}, Service: Service{Phase: Absent}},
			units.StateFetching, nil,
		},
		{
			"a fetch that failed for good ends the attempt",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: known, Closure: Closure{Failure: boom, Permanent: true}, Service: Service{Phase: Absent}},
			units.StateFailed,
			[]Kind{End},
		},
		{
			"stage fetches and starts nothing",
			Facts{Desired: units.DesiredStage, Confirmed: true, Assigned: true, Spec: known, Closure: ready, Service: Service{Phase: Absent}},
			units.StateAssigned, nil,
		},
		{
			"a closure that is here is launched",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: known, Closure: ready, Service: Service{Phase: Absent}},
			units.StateStarting,
			[]Kind{LaunchIt},
		},
		{
			"nothing is launched while the node holds",
			Facts{Desired: units.DesiredRun, Assigned: true, Spec: known, Closure: ready, Hold: units.Reason{Code: units.ReasonOffline}, Service: Service{Phase: Absent}},
			units.StateAssigned, nil,
		},
		{
			"a document that may not run here ends the attempt",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: Spec{Known: true, Refused: boom}, Service: Service{Phase: Absent}},
			units.StateFailed,
			[]Kind{End},
		},
		{
			"a running unit without checks is published",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: known, Service: Service{Phase: Running}},
			units.StateRunning,
			[]Kind{Publish},
		},
		{
			"a running unit with undecided checks is not",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: Spec{Known: true, Checks: true}, Service: Service{Phase: Running}},
			units.StateRunning, nil,
		},
		{
			"a unit whose checks fail is withdrawn and goes on running",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: Spec{Known: true, Checks: true}, Health: units.HealthFailing, Published: true, Service: Service{Phase: Running}},
			units.StateUnhealthy,
			[]Kind{Withdraw},
		},
		{
			"a unit that systemd restarts is withdrawn meanwhile",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: known, Published: true, Service: Service{Phase: Starting}},
			units.StateStarting,
			[]Kind{Withdraw},
		},
		{
			"a unit that systemd gave up has failed",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: known, Closure: ready, Service: Service{Phase: Ended, Result: units.ResultExitCode, ExitCode: 3}},
			units.StateFailed,
			[]Kind{End},
		},
		{
			"a unit that is missing is launched again",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: known, Closure: ready, Launch: Launch{Asked: true}, Service: Service{Phase: Absent}},
			units.StateStarting,
			[]Kind{LaunchIt},
		},
		{
			"a stop withdraws first",
			Facts{Desired: units.DesiredStop, Confirmed: true, Assigned: true, Spec: known, Published: true, Service: Service{Phase: Running}},
			units.StateStopping,
			[]Kind{Withdraw},
		},
		{
			"a stop waits for nothing once the unit's tenure is over",
			Facts{
				Desired: units.DesiredStop, Confirmed: true, Assigned: true, Spec: Spec{Known: true, Bound: true, DrainDelay: time.Minute},
				Over: over1, Published: true, Service: Service{Phase: Running},
			},
			units.StateStopping,
			[]Kind{Withdraw, Stop},
		},
		{
			"a stop does not wait for ever for etcd",
			Facts{Desired: units.DesiredStop, Confirmed: true, Assigned: true, Spec: known, Published: true, WithdrawAsked: time.Second, Now: time.Minute, Service: Service{Phase: Running}},
			units.StateStopping,
			[]Kind{Withdraw, Stop},
		},
		{
			"a stop drains between endpoint and signal",
			Facts{Desired: units.DesiredStop, Confirmed: true, Assigned: true, Spec: Spec{Known: true, DrainDelay: time.Minute}, Withdrawn: time.Second, Now: 2 * time.Second, Service: Service{Phase: Running}},
			units.StateStopping, nil,
		},
		{
			"a stop of what is not published stops at once",
			Facts{Desired: units.DesiredStop, Confirmed: true, Assigned: true, Spec: known, Service: Service{Phase: Running}},
			units.StateStopping,
			[]Kind{Stop},
		},
		{
			"what is down is recorded as stopped",
			Facts{Desired: units.DesiredStop, Confirmed: true, Assigned: true, Spec: known, Service: Service{Phase: Absent}},
			units.StateStopped,
			[]Kind{End},
		},
		{
			"a unit whose assignment is gone runs on as an orphan",
			Facts{Desired: units.DesiredRun, Confirmed: true, Spec: known, Service: Service{Phase: Running}},
			units.StateRunning, nil,
		},
		{
			"a unit whose assignment is gone and that was told to stop is stopped",
			Facts{Desired: units.DesiredStop, Confirmed: true, Spec: known, Service: Service{Phase: Running}},
			units.StateStopping,
			[]Kind{Stop},
		},
		{
			"an attempt that ended is not started again",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: known, Closure: ready, Ended: &Ending{State: units.StateFailed}, Service: Service{Phase: Absent}},
			units.StateFailed, nil,
		},
		{
			"a start that came through after the end is stopped",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: known, Ended: &Ending{State: units.StateFailed}, Service: Service{Phase: Running}},
			units.StateFailed,
			[]Kind{Stop},
		},
		{
			"a failed unit stays loaded until the registry holds its end",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Ended: &Ending{State: units.StateFailed}, Service: Service{Phase: Ended, Result: units.ResultExitCode}},
			units.StateFailed, nil,
		},
		{
			"and is reset then",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Ended: &Ending{State: units.StateFailed}, EndStored: true, Service: Service{Phase: Ended, Result: units.ResultExitCode}},
			units.StateFailed,
			[]Kind{Reset},
		},
		{
			"an attempt that ended is forgotten once its assignment is gone",
			Facts{Desired: units.DesiredStop, Confirmed: true, Ended: &Ending{State: units.StateStopped}, EndStored: true, Service: Service{Phase: Absent}},
			units.StateStopped,
			[]Kind{Forget},
		},
		{
			"a bound unit is launched like any other",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: bound, Closure: ready, Service: Service{Phase: Absent}},
			units.StateStarting,
			[]Kind{LaunchIt},
		},
		{
			"a bound unit is not launched out of touch, however long the node has been in it before",
			Facts{Desired: units.DesiredRun, Assigned: true, Spec: bound, Closure: ready, Service: Service{Phase: Absent}},
			units.StateAssigned, nil,
		},
		{
			"a bound unit that was launched before the machine started again is over",
			Facts{Desired: units.DesiredRun, Assigned: true, Spec: bound, Closure: ready, Launch: Launch{Before: true}, Service: Service{Phase: Absent}},
			units.StateFailed,
			[]Kind{End},
		},
		{
			"a bound unit that went away is not launched again",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: bound, Closure: ready, Launch: Launch{Asked: true, Begun: true}, Service: Service{Phase: Absent}},
			units.StateFailed,
			[]Kind{End},
		},
		{
			"a bound unit whose start did not come about is launched again",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: bound, Closure: ready, Launch: Launch{Asked: true}, Service: Service{Phase: Absent}},
			units.StateStarting,
			[]Kind{LaunchIt},
		},
		{
			"a bound unit whose tenure is over is stopped at once",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: bound, Over: over1, Published: true, Service: Service{Phase: Running}},
			units.StateStopping,
			[]Kind{Withdraw, Stop},
		},
		{
			"also when the registry does not know it any more",
			Facts{Desired: units.DesiredRun, Confirmed: true, Spec: bound, Over: over1, Service: Service{Phase: Running}},
			units.StateStopping,
			[]Kind{Stop},
		},
		{
			"a bound unit whose tenure was over before it started ends",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: bound, Over: over1, Service: Service{Phase: Absent}},
			units.StateFailed,
			[]Kind{End},
		},
		{
			"on a machine that shuts down a bound unit is over once it is down",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: bound, GoingDown: true, Launch: Launch{Asked: true, Begun: true}, Service: Service{Phase: Absent}},
			units.StateStopped,
			[]Kind{End},
		},
		{
			"another unit is not running, and its attempt goes on after the boot",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: known, Closure: ready, GoingDown: true, Published: true, Launch: Launch{Asked: true, Begun: true}, Service: Service{Phase: Ended, Result: units.ResultTimeout}},
			units.StateStarting,
			[]Kind{Withdraw},
		},
		{
			"what runs on a machine that shuts down is left to systemd",
			Facts{Desired: units.DesiredRun, Confirmed: true, Assigned: true, Spec: bound, GoingDown: true, Published: true, Service: Service{Phase: Running}},
			units.StateRunning,
			[]Kind{Withdraw},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := Decide(c.facts)
			if v.State != c.state {
				t.Errorf("state %s, want %s", v.State, c.state)
			}
			got := kinds(v)
			for _, k := range c.do {
				if !got[k] {
					t.Errorf("does %v, want %s too", v.Do, k)
				}
			}
			if len(got) != len(c.do) {
				t.Errorf("does %v, want %v", v.Do, c.do)
			}
		})
	}
}

// anyFacts draws facts in which anything may be true of anything.
func anyFacts(t *rapid.T) Facts {
	f := Facts{
		ID: units.UnitID{
			Namespace: "default", App: "a", Generation: 1, Attempt: 1,
			Slot: units.Slot(rapid.StringMatching("[0-9]").Draw(t, "slot")),
		},
		Now:       time.Duration(rapid.IntRange(0, 100).Draw(t, "now")) * time.Second,
		Desired:   rapid.SampledFrom([]units.Desired{"", units.DesiredStage, units.DesiredRun, units.DesiredStop, "bogus"}).Draw(t, "desired"),
		Confirmed: rapid.Bool().Draw(t, "confirmed"), Assigned: rapid.Bool().Draw(t, "assigned"),
		Spec: Spec{
			Known: rapid.Bool().Draw(t, "known"), Checks: rapid.Bool().Draw(t, "checks"), Bound: rapid.Bool().Draw(t, "bound"),
			DrainDelay: time.Duration(rapid.IntRange(0, 5).Draw(t, "drain")) * time.Second,
		},
		Closure: Closure{
			Ready: rapid.Bool().Draw(t, "closure"), Permanent: rapid.Bool().Draw(t, "permanent"),
			RetryAt: time.Duration(rapid.IntRange(0, 100).Draw(t, "retryAt")) * time.Second,
		},
		Service: Service{
			Phase:  rapid.SampledFrom([]Phase{Unknown, Absent, Starting, Running, Stopping, Ended}).Draw(t, "phase"),
			Result: rapid.SampledFrom([]units.Result{units.ResultSuccess, units.ResultExitCode, units.ResultOOMKill}).Draw(t, "result"),
		},
		Launch: Launch{
			Asked: rapid.Bool().Draw(t, "asked"), Permanent: rapid.Bool().Draw(t, "launchPermanent"),
			Begun: rapid.Bool().Draw(t, "begun"), Before: rapid.Bool().Draw(t, "before"),
		},
		GoingDown: rapid.Bool().Draw(t, "goingDown"),
		EndStored: rapid.Bool().Draw(t, "endStored"),
		Health:    rapid.SampledFrom([]units.Health{units.HealthNone, units.HealthPassing, units.HealthFailing}).Draw(t, "health"),
		Published: rapid.Bool().Draw(t, "published"),
	}
	if rapid.Bool().Draw(t, "held") {
		f.Hold = units.Reason{Code: units.ReasonOffline}
	}
	if f.Spec.Bound && rapid.Bool().Draw(t, "over") {
		f.Over = over1
	}
	if rapid.Bool().Draw(t, "refused") {
		f.Spec.Refused = units.Reason{Code: units.ReasonInvalidApp}
	}
	if rapid.Bool().Draw(t, "ended") {
		f.Ended = &Ending{State: rapid.SampledFrom([]units.State{units.StateStopped, units.StateFailed}).Draw(t, "end")}
	}
	return f
}

func TestTheLawsHoldWhateverTheFacts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts(t)
		v := Decide(f)
		do := kinds(v)
		if do[Stop] && f.Desired != units.DesiredStop && f.Ended == nil && f.Over.IsZero() {
			t.Fatalf("stops %+v though nobody said so", f)
		}
		if do[LaunchIt] && f.GoingDown {
			t.Fatalf("launches on a machine that shuts down: %+v", f)
		}
		if do[LaunchIt] && f.Spec.Bound && (!f.Confirmed || f.Launch.Begun || f.Launch.Before || !f.Over.IsZero()) {
			t.Fatalf("launches a bound unit twice, out of touch or after its tenure: %+v", f)
		}
		if !f.Over.IsZero() && f.Ended == nil && (f.Service.Phase == Running || f.Service.Phase == Starting) && !do[Stop] {
			t.Fatalf("lets a unit run on whose tenure is over: %+v", f)
		}
		if f.Service.Up() && do[End] {
			t.Fatalf("says of what may run that it has ended: %+v", f)
		}
		if do[LaunchIt] && (!f.Closure.Ready || f.Ended != nil || f.Desired != units.DesiredRun || !f.Hold.IsZero() || f.Service.Phase != Absent) {
			t.Fatalf("launches %+v", f)
		}
		if do[LaunchIt] && f.Confirmed && !f.Assigned {
			t.Fatalf("launches what the registry does not know: %+v", f)
		}
		if f.Service.Phase == Unknown && (do[Stop] || do[LaunchIt] || do[Reset] || do[Forget]) {
			t.Fatalf("acts blindly on %+v: %v", f, v.Do)
		}
		if do[Publish] && (f.Service.Phase != Running || f.Ended != nil || f.Spec.Checks && f.Health != units.HealthPassing || f.Desired != units.DesiredRun && f.Desired != units.DesiredStage) {
			t.Fatalf("publishes %+v", f)
		}
		if do[Publish] && do[Withdraw] {
			t.Fatalf("publishes and withdraws %+v", f)
		}
		if do[Forget] && f.Service.Up() {
			t.Fatalf("forgets what runs: %+v", f)
		}
		if do[Reset] && f.Service.Phase != Ended {
			t.Fatalf("resets what has not ended: %+v", f)
		}
		if f.Ended != nil && v.State != f.Ended.State {
			t.Fatalf("says %s of what ended %s", v.State, f.Ended.State)
		}
		if v.State == "" {
			t.Fatalf("has no word for %+v", f)
		}
	})
}

func TestTheVerdictOnAUnitDependsOnThatUnitAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := rapid.SliceOfN(rapid.Custom(anyFacts), 1, 6).Draw(t, "facts")
		for i := range facts {
			facts[i].ID.Attempt = units.Attempt(i + 1)
		}
		all := Steps(facts)
		for _, f := range facts {
			alone := Decide(f)
			for _, v := range all {
				if v.ID == f.ID && (v.State != alone.State || len(v.Do) != len(alone.Do)) {
					t.Fatalf("alone %+v, among others %+v", alone, v)
				}
			}
		}
	})
}

// TestActingOnTheVerdictsEndsWhereItShould plays a world that does what it is told, and expects every
// unit to come to rest: up and published, or recorded and forgotten.
func TestActingOnTheVerdictsEndsWhereItShould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts(t)
		f.Confirmed, f.Assigned, f.Spec.Refused, f.Hold = true, true, units.Reason{}, units.Reason{}
		f.Closure.Permanent, f.Launch.Permanent, f.Health = false, false, units.HealthPassing
		f.Over, f.GoingDown = units.Reason{}, false
		f.Desired = rapid.SampledFrom([]units.Desired{units.DesiredRun, units.DesiredStop}).Draw(t, "goal")
		if f.Service.Phase == Unknown {
			f.Service.Phase = Absent
		}
		for range 40 {
			v := Decide(f)
			f.Now += 10 * time.Second
			for _, a := range v.Do {
				act(&f, a)
			}
			switch f.Service.Phase {
			case Starting:
				f.Service.Phase = Running
			case Stopping:
				f.Service.Phase = Absent
			}
			f.EndStored = f.Ended != nil
		}
		v := Decide(f)
		if len(v.Do) > 0 {
			t.Fatalf("still does %v in %+v", v.Do, f)
		}
		if f.Ended == nil && (f.Desired == units.DesiredStop || !f.Published || f.Service.Phase != Running) {
			t.Fatalf("came to rest at %+v", f)
		}
		if f.Ended != nil && (f.Published || f.Service.Phase != Absent) {
			t.Fatalf("ended and left something behind: %+v", f)
		}
	})
}

func act(f *Facts, a Action) {
	switch a.Kind {
	case Read:
		f.Spec.Known = true
	case Fetch:
		f.Closure = Closure{Ready: true}
	case LaunchIt:
		f.Service, f.Launch.Asked, f.Launch.Begun = Service{Phase: Starting}, true, true
	case Publish:
		f.Published, f.Offered = true, true
	case Withdraw:
		f.Offered, f.Published, f.WithdrawAsked, f.Withdrawn = false, false, f.Now, f.Now
	case Stop:
		f.Service.Phase = Stopping
	case End:
		f.Ended = a.Ending
	case Reset:
		f.Service.Phase = Absent
	}
}
