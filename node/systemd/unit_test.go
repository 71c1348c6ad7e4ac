package systemd

import (
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/units"
)

func TestEveryStateOfSystemdHasAWord(t *testing.T) {
	for name, c := range map[string]struct {
		unit Unit
		want units.State
	}{
		"a start is queued":            {Unit{Active: Inactive, Sub: "dead", Job: "start"}, units.StateStarting},
		"before it is executed":        {Unit{Active: Activating, Sub: "start", Job: "start"}, units.StateStarting},
		"waits for its restart":        {Unit{Active: Activating, Sub: "auto-restart"}, units.StateStarting},
		"stopped while starting":       {Unit{Active: Activating, Sub: "start", Job: "stop"}, units.StateStopping},
		"runs":                         {Unit{Active: Active, Sub: "running"}, units.StateRunning},
		"reloads":                      {Unit{Active: Reloading, Sub: "reload"}, units.StateRunning},
		"a stop is queued":             {Unit{Active: Active, Sub: "running", Job: "stop"}, units.StateStopping},
		"stops as told":                {Unit{Active: Deactivating, Sub: "stop-sigterm", Job: "stop"}, units.StateStopping},
		"ends by itself":               {Unit{Active: Deactivating, Sub: "final-sigkill"}, units.StateRunning},
		"ended well and stays":         {Unit{Active: Active, Sub: "exited"}, units.StateStopped},
		"ended well, being collected":  {Unit{Active: Inactive, Sub: "dead"}, units.StateStopped},
		"failed":                       {Unit{Active: Failed, Sub: "failed"}, units.StateFailed},
		"its directories are cleaned":  {Unit{Active: Maintenance, Sub: "cleaning"}, units.StateStopping},
		"a word of a later systemd":    {Unit{Active: "refreshing", Sub: "refresh"}, units.StateStopping},
		"told to stop once it exited":  {Unit{Active: Active, Sub: "exited", Job: "stop"}, units.StateStopped},
		"told to stop after it failed": {Unit{Active: Failed, Sub: "failed", Job: "stop"}, units.StateFailed},
	} {
		if got := c.unit.State(); got != c.want {
			t.Errorf("%s: state is %s, want %s", name, got, c.want)
		}
	}
}

func TestAnOutcomeIsToldAfterTheEndAlone(t *testing.T) {
	for name, c := range map[string]struct {
		unit Unit
		want units.Result
	}{
		"systemd says success of what runs":     {Unit{Active: Active, Sub: "running", Result: "success"}, units.ResultNone},
		"the last failure of what is restarted": {Unit{Active: Activating, Sub: "auto-restart", Result: "exit-code"}, units.ResultNone},
		"it exited with 0":                      {Unit{Active: Active, Sub: "exited", Result: "success"}, units.ResultSuccess},
		"it failed":                             {Unit{Active: Failed, Result: "core-dump"}, units.ResultCoreDump},
		"cgroup v1 hid that memory was out":     {Unit{Active: Failed, Result: "signal", OOMKilled: true}, units.ResultOOMKill},
		"a word of a later systemd":             {Unit{Active: Failed, Result: "bored"}, "bored"},
	} {
		if got := c.unit.Outcome(); got != c.want {
			t.Errorf("%s: outcome is %q, want %q", name, got, c.want)
		}
	}
}

func TestEveryOutcomeHasAReason(t *testing.T) {
	failed := func(u Unit) Unit { u.Active, u.Sub = Failed, "failed"; return u }
	for want, u := range map[string]Unit{
		units.ReasonExited:            failed(Unit{Result: units.ResultExitCode, ExitCode: 1}),
		units.ReasonExecutableMissing: failed(Unit{Result: units.ResultExitCode, ExitCode: ExitMissing}),
		units.ReasonExecFailed:        failed(Unit{Result: units.ResultExitCode, ExitCode: 226}),
		units.ReasonKilled:            failed(Unit{Result: units.ResultCoreDump, Signal: 11}),
		units.ReasonOutOfMemory:       failed(Unit{Result: units.ResultOOMKill, Signal: 9}),
		units.ReasonStartTimeout:      failed(Unit{Result: units.ResultTimeout, Started: 2, Ready: 1}),
		units.ReasonStopTimeout:       failed(Unit{Result: units.ResultTimeout, Started: 2, Ready: 3}),
		units.ReasonWatchdog:          failed(Unit{Result: units.ResultWatchdog}),
		units.ReasonRestartLimit:      failed(Unit{Result: units.ResultStartLimit, Restarts: 3}),
		units.ReasonSystemdFailed:     failed(Unit{Result: units.ResultResources}),
		"":                            {Active: Active, Sub: "running", Result: units.ResultSuccess},
	} {
		if got := u.Reason(); got.Code != want || (got.Message == "") != (want == "") {
			t.Errorf("reason is %v, want %s", got, want)
		}
	}
}

// answer is what systemd says of a unit that failed.
func answer() properties {
	return properties{
		"LoadState": "loaded", "ActiveState": "failed", "SubState": "failed", "Result": "signal",
		"MainPID": uint32(0), "InvocationID": []byte{0xab, 0xcd}, "NRestarts": uint32(2), "ControlGroup": "",
		"ExecMainStartTimestampMonotonic": uint64(1_000_000), "ExecMainExitTimestampMonotonic": uint64(3_000_000),
		"ActiveEnterTimestampMonotonic": uint64(2_000_000), "ExecMainStatus": int32(9), "ExecMainCode": int32(cldKilled),
		"ExecStart": [][]any{{"/shim", []string{"/shim"}}},
	}
}

func TestAnAnswerIsReadInFull(t *testing.T) {
	u := id(t)
	got, err := answer().unit(u)
	want := Unit{
		ID: u, Active: Failed, Sub: "failed", Result: units.ResultSignal, Signal: 9, Invocation: "abcd", Restarts: 2,
		Exec: "/shim", Started: time.Second, Ready: 2 * time.Second, Ended: 3 * time.Second,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestTheProbeTellsOfMemory(t *testing.T) {
	post := func(argv []string, code, status int32) [][]any {
		return [][]any{{"/shim", argv, true, uint64(0), uint64(0), uint64(0), uint64(0), uint32(0), code, status}}
	}
	for name, c := range map[string]struct {
		post any
		want bool
	}{
		"it saw a kill":       {post([]string{"/shim", ProbeOOM}, cldExited, ExitOOM), true},
		"it saw none":         {post([]string{"/shim", ProbeOOM}, cldExited, 0), false},
		"it was killed":       {post([]string{"/shim", ProbeOOM}, cldKilled, ExitOOM), false},
		"another command":     {post([]string{"/shim"}, cldExited, ExitOOM), false},
		"no command":          {[][]any{}, false},
		"a shape of tomorrow": {[][]any{{"/shim"}}, false},
		"no property":         {nil, false},
	} {
		p := answer()
		p["ExecStopPost"] = c.post
		if u, err := p.unit(id(t)); err != nil || u.OOMKilled != c.want {
			t.Errorf("%s: %v, %v", name, u.OOMKilled, err)
		}
	}
}

func TestAGuessIsNoAnswer(t *testing.T) {
	for name := range answer() {
		if name == "LoadState" {
			continue
		}
		for _, spoil := range []func(properties){
			func(p properties) { delete(p, name) },
			func(p properties) { p[name] = struct{}{} },
		} {
			p := maps.Clone(answer())
			spoil(p)
			if u, err := p.unit(id(t)); !errors.Is(err, ErrProtocol) || u != (Unit{}) {
				t.Errorf("without %s: %+v, %v", name, u, err)
			}
		}
	}
}

// A collected unit answers Result=success: it is not loaded, and that is all that is believed of it.
func TestACollectedUnitIsNotLoaded(t *testing.T) {
	for state, want := range map[any]bool{"loaded": true, "not-found": false, "": false, nil: false, "bad-setting": true} {
		if got := (properties{"LoadState": state, "Result": "success"}).loaded(); got != want {
			t.Errorf("load state %v: loaded is %v", state, got)
		}
	}
}

func id(t *testing.T) units.UnitID {
	t.Helper()
	u, err := units.ParseUnitID("ns.app.0.1.1")
	if err != nil {
		t.Fatal(err)
	}
	return u
}
