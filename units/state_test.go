package units_test

import (
	"encoding/json"
	"testing"

	"github.com/nsched/nsched/units"
)

func TestStatesFollowEachOther(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after units.State
		want          bool
	}{
		{"a first report may be anything", "", units.StateRunning, true},
		{"a report may be repeated with another reason", units.StateFetching, units.StateFetching, true},
		{"throttled reports skip states", units.StateAssigned, units.StateHealthy, true},
		{"systemd restarts in place", units.StateRunning, units.StateStarting, true},
		{"a rebooted node begins with its store", units.StateHealthy, units.StateFetching, true},
		{"health comes and goes", units.StateUnhealthy, units.StateHealthy, true},
		{"nothing goes back to assigned", units.StateFetching, units.StateAssigned, false},
		{"a stop is never taken back", units.StateStopping, units.StateRunning, false},
		{"a stop ends", units.StateStopping, units.StateStopped, true},
		{"a stop may end badly", units.StateStopping, units.StateFailed, true},
		{"stopped is for good", units.StateStopped, units.StateStarting, false},
		{"stopped does not fail later", units.StateStopped, units.StateFailed, false},
		{"failed is for good", units.StateFailed, units.StateRunning, false},
		{"an unknown state follows nothing", units.StateRunning, "asleep", false},
		{"nothing follows an unknown state", "asleep", units.StateRunning, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.after.CanFollow(c.before); got != c.want {
				t.Fatalf("%q after %q: %v", c.after, c.before, got)
			}
		})
	}
}

func TestTerminalStatesHoldNothing(t *testing.T) {
	for _, s := range units.States() {
		if s.Holds() == s.Terminal() {
			t.Errorf("%s both holds and is over, or neither", s)
		}
		if s.Up() && s.Terminal() {
			t.Errorf("%s is up and over", s)
		}
		for _, next := range units.States() {
			if s.Terminal() && next != s && next.CanFollow(s) {
				t.Errorf("%s follows %s, which is terminal", next, s)
			}
		}
	}
}

func TestDesiredMergesByMaximum(t *testing.T) {
	all := []units.Desired{"", "pause", units.DesiredStage, units.DesiredRun, units.DesiredStop}
	for _, a := range all {
		for _, b := range all {
			if a.Merge(b) != b.Merge(a) {
				t.Errorf("%q and %q do not commute", a, b)
			}
			if m := a.Merge(b); m.Rank() != max(a.Rank(), b.Rank()) || m.Merge(b) != m {
				t.Errorf("%q merged with %q is %q", a, b, m)
			}
			for _, c := range all {
				if a.Merge(b).Merge(c) != a.Merge(b.Merge(c)) {
					t.Errorf("%q, %q and %q do not associate", a, b, c)
				}
			}
		}
	}
}

func TestUnknownWordsAreNotDecoded(t *testing.T) {
	for _, raw := range []string{`{"State":"asleep"}`, `{"State":"Running"}`, `{"Desired":"pause"}`, `{"Desired":""}`} {
		var v struct {
			State   units.State
			Desired units.Desired
		}
		if err := json.Unmarshal([]byte(raw), &v); err == nil {
			t.Errorf("%s was decoded to %+v", raw, v)
		}
	}
}

func TestResultsThatFail(t *testing.T) {
	for result, want := range map[units.Result]bool{
		units.ResultNone: false, units.ResultSuccess: false, units.ResultRebooted: false, units.ResultNotStarted: false,
		units.ResultExitCode: true, units.ResultOOMKill: true, units.ResultVanished: true, "some-new-word": true,
	} {
		if result.Failed() != want {
			t.Errorf("%q: Failed() = %v", result, !want)
		}
	}
}

func TestReasonReadsAsASentence(t *testing.T) {
	for want, r := range map[string]units.Reason{
		"":                      {},
		"no-node":               {Code: units.ReasonNoNode},
		"port-busy: 80 is sshd": {Code: units.ReasonPortBusy, Message: "80 is sshd"},
	} {
		if r.String() != want || r.IsZero() != (want == "") {
			t.Errorf("%+v reads %q, want %q", r, r, want)
		}
	}
}
