package systemd_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
)

// bus is what both systemds do.
type bus interface {
	Start(context.Context, systemd.Service) error
	Stop(context.Context, units.UnitID) error
	Kill(context.Context, units.UnitID, syscall.Signal) error
	ResetFailed(context.Context, units.UnitID) error
	List(context.Context) ([]systemd.Unit, error)
}

// world is one of them, and the way to put programs into it and to let time pass.
type world interface {
	bus
	// service returns a service whose process behaves like p.
	service(t *testing.T, id units.UnitID, p systemd.Program) systemd.Service
	// pause lets a little time pass.
	pause()
}

// patience is how many pauses a test waits for something that should come.
const patience = 1500

// find returns the unit, or nil.
func find(t *testing.T, w bus, id units.UnitID) *systemd.Unit {
	t.Helper()
	list, err := w.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range list {
		if u.ID == id {
			return &u
		}
	}
	return nil
}

// await waits until the unit is as cond wants it; nil is a unit that is not listed.
func await(t *testing.T, w world, id units.UnitID, what string, cond func(*systemd.Unit) bool) *systemd.Unit {
	t.Helper()
	var u *systemd.Unit
	for range patience {
		if u = find(t, w, id); cond(u) {
			return u
		}
		w.pause()
	}
	t.Fatalf("unit %s never %s; it is %+v", id, what, u)
	return nil
}

func awaitGone(t *testing.T, w world, id units.UnitID) {
	t.Helper()
	await(t, w, id, "went", func(u *systemd.Unit) bool { return u == nil })
}

func awaitState(t *testing.T, w world, id units.UnitID, state units.State) *systemd.Unit {
	t.Helper()
	return await(t, w, id, "got "+string(state), func(u *systemd.Unit) bool { return u != nil && u.State() == state })
}

func start(t *testing.T, w world, s systemd.Service) {
	t.Helper()
	if err := w.Start(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

func id(app string) units.UnitID {
	return units.UnitID{Namespace: "con-form", App: units.AppName(app), Slot: "0", Generation: 1, Attempt: 1}
}

// want compares what is told of the end of a unit.
type ending struct {
	Active   systemd.ActiveState
	Result   units.Result
	ExitCode int
	Signal   int
	Restarts int
	Reason   string
}

func endingOf(u *systemd.Unit) ending {
	return ending{u.Active, u.Outcome(), u.ExitCode, u.Signal, u.Restarts, u.Reason().Code}
}

func wantEnding(t *testing.T, u *systemd.Unit, want ending) {
	t.Helper()
	if diff := cmp.Diff(want, endingOf(u)); diff != "" {
		t.Errorf("unit ended otherwise (-want +got):\n%s", diff)
	}
	if u.MainPID != 0 {
		t.Errorf("unit has ended and has process %d", u.MainPID)
	}
}

// conformance holds for every systemd.
var conformance = []struct {
	name string
	test func(*testing.T, world)
}{
	{"a unit that runs is listed, and starting it again is told", func(t *testing.T, w world) {
		s := w.service(t, id("runs"), systemd.Program{})
		start(t, w, s)
		u := awaitState(t, w, s.Unit, units.StateRunning)
		if u.MainPID == 0 || len(u.Invocation) != 32 || u.Exec != s.Exec || u.Started == 0 || u.Ready < u.Started || u.ControlGroup == "" {
			t.Errorf("unit is not told in full: %+v", u)
		}
		if u.Outcome() != units.ResultNone || !u.Reason().IsZero() {
			t.Errorf("a running unit has ended with %q, %v", u.Outcome(), u.Reason())
		}
		if err := w.Start(t.Context(), s); !errors.Is(err, systemd.ErrExists) {
			t.Errorf("second start said %v", err)
		}
		if again := find(t, w, s.Unit); again == nil || again.Invocation != u.Invocation || again.MainPID != u.MainPID {
			t.Errorf("second start changed %+v to %+v", u, again)
		}
	}},
	{"a unit told to stop is gone, and stopping it again finds nothing", func(t *testing.T, w world) {
		s := w.service(t, id("stops"), systemd.Program{})
		start(t, w, s)
		awaitState(t, w, s.Unit, units.StateRunning)
		if err := w.Stop(t.Context(), s.Unit); err != nil {
			t.Fatal(err)
		}
		awaitGone(t, w, s.Unit)
		if err := w.Stop(t.Context(), s.Unit); !errors.Is(err, systemd.ErrNotFound) {
			t.Errorf("second stop said %v", err)
		}
	}},
	{"a name can be used again once its unit is gone", func(t *testing.T, w world) {
		s := w.service(t, id("again"), systemd.Program{})
		start(t, w, s)
		first := awaitState(t, w, s.Unit, units.StateRunning)
		if err := w.Stop(t.Context(), s.Unit); err != nil {
			t.Fatal(err)
		}
		awaitGone(t, w, s.Unit)
		start(t, w, s)
		if second := awaitState(t, w, s.Unit, units.StateRunning); second.Invocation == first.Invocation {
			t.Error("two lives have one invocation")
		}
	}},
	{"a unit that fails stays failed until it is reset", func(t *testing.T, w world) {
		s := w.service(t, id("fails"), systemd.Program{Ends: true, ExitCode: 3})
		start(t, w, s)
		u := awaitState(t, w, s.Unit, units.StateFailed)
		wantEnding(t, u, ending{systemd.Failed, units.ResultExitCode, 3, 0, 0, units.ReasonExited})
		if err := w.Start(t.Context(), s); !errors.Is(err, systemd.ErrExists) {
			t.Errorf("start over a failed unit said %v", err)
		}
		if err := w.Stop(t.Context(), s.Unit); err != nil {
			t.Errorf("stop of a failed unit: %v", err)
		}
		for range 20 {
			w.pause()
		}
		wantEnding(t, awaitState(t, w, s.Unit, units.StateFailed), endingOf(u))
		if err := w.ResetFailed(t.Context(), s.Unit); err != nil {
			t.Fatal(err)
		}
		awaitGone(t, w, s.Unit)
	}},
	{"a unit that exits with 0 and is not restarted stays, with its result", func(t *testing.T, w world) {
		s := w.service(t, id("ends"), systemd.Program{Ends: true})
		start(t, w, s)
		u := awaitState(t, w, s.Unit, units.StateStopped)
		wantEnding(t, u, ending{systemd.Active, units.ResultSuccess, 0, 0, 0, units.ReasonExited})
		if err := w.Stop(t.Context(), s.Unit); err != nil {
			t.Fatal(err)
		}
		awaitGone(t, w, s.Unit)
	}},
	{"a unit that ignores its stop signal is killed and says so", func(t *testing.T, w world) {
		s := w.service(t, id("ignores"), systemd.Program{IgnoresStop: true})
		s.Stop.Timeout = 500 * time.Millisecond
		start(t, w, s)
		awaitState(t, w, s.Unit, units.StateRunning)
		for range 40 { // the program gets to ignoring it
			w.pause()
		}
		if err := w.Stop(t.Context(), s.Unit); err != nil {
			t.Fatal(err)
		}
		if u := find(t, w, s.Unit); u == nil || u.State() != units.StateStopping {
			t.Errorf("unit is not stopping: %+v", u)
		}
		u := awaitState(t, w, s.Unit, units.StateFailed)
		wantEnding(t, u, ending{systemd.Failed, units.ResultTimeout, 0, 9, 0, units.ReasonStopTimeout})
	}},
	{"a unit that takes a while to stop is stopping meanwhile", func(t *testing.T, w world) {
		s := w.service(t, id("slow"), systemd.Program{StopTakes: time.Second})
		start(t, w, s)
		awaitState(t, w, s.Unit, units.StateRunning)
		for range 40 {
			w.pause()
		}
		if err := w.Stop(t.Context(), s.Unit); err != nil {
			t.Fatal(err)
		}
		awaitState(t, w, s.Unit, units.StateStopping)
		if err := w.Stop(t.Context(), s.Unit); err != nil {
			t.Errorf("stop while stopping: %v", err)
		}
		awaitGone(t, w, s.Unit)
	}},
	{"a killed unit tells the signal", func(t *testing.T, w world) {
		s := w.service(t, id("killed"), systemd.Program{})
		start(t, w, s)
		awaitState(t, w, s.Unit, units.StateRunning)
		if err := w.Kill(t.Context(), s.Unit, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		u := awaitState(t, w, s.Unit, units.StateFailed)
		wantEnding(t, u, ending{systemd.Failed, units.ResultSignal, 0, 9, 0, units.ReasonKilled})
	}},
	{"a unit beyond its memory says oom-kill", func(t *testing.T, w world) {
		s := w.service(t, id("eats"), systemd.Program{Ends: true, OOM: true})
		s.Resources.Memory, s.Resources.MemoryMax = 16<<20, 16<<20
		start(t, w, s)
		u := awaitState(t, w, s.Unit, units.StateFailed)
		wantEnding(t, u, ending{systemd.Failed, units.ResultOOMKill, 0, 9, 0, units.ReasonOutOfMemory})
	}},
	{"a unit that dies is restarted in place, and counted", func(t *testing.T, w world) {
		s := w.service(t, id("restarts"), systemd.Program{})
		s.Restart = units.Restart{Attempts: 2, Interval: time.Hour, Delay: 100 * time.Millisecond}
		start(t, w, s)
		seen := map[string]bool{}
		for n := range 3 {
			u := await(t, w, s.Unit, fmt.Sprintf("ran for the %d. time", n+1), func(u *systemd.Unit) bool {
				return u != nil && u.State() == units.StateRunning && u.Restarts == n && !seen[u.Invocation]
			})
			seen[u.Invocation] = true
			if err := w.Kill(t.Context(), s.Unit, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		u := awaitState(t, w, s.Unit, units.StateFailed)
		wantEnding(t, u, ending{systemd.Failed, units.ResultSignal, 0, 9, 3, units.ReasonKilled})
	}},
	{"a unit that keeps exiting with 0 reaches the limit of its restarts", func(t *testing.T, w world) {
		s := w.service(t, id("leaves"), systemd.Program{Ends: true})
		s.Restart = units.Restart{Attempts: 1, Interval: time.Hour, Delay: 50 * time.Millisecond}
		start(t, w, s)
		u := awaitState(t, w, s.Unit, units.StateFailed)
		wantEnding(t, u, ending{systemd.Failed, units.ResultStartLimit, 0, 0, 2, units.ReasonRestartLimit})
	}},
	{"a unit that waits for its restart is starting, and can be stopped", func(t *testing.T, w world) {
		s := w.service(t, id("waits"), systemd.Program{Ends: true, ExitCode: 1})
		s.Restart = units.Restart{Attempts: 5, Interval: time.Hour, Delay: time.Hour}
		start(t, w, s)
		await(t, w, s.Unit, "waited", func(u *systemd.Unit) bool { return u != nil && u.Sub == "auto-restart" })
		if u := find(t, w, s.Unit); u.State() != units.StateStarting || u.Outcome() != units.ResultNone || u.ExitCode != 1 {
			t.Errorf("waiting unit is %s with %q: %+v", u.State(), u.Outcome(), u)
		}
		if err := w.Stop(t.Context(), s.Unit); err != nil {
			t.Fatal(err)
		}
		awaitGone(t, w, s.Unit)
	}},
	{"what is asked of an unknown unit is not found", func(t *testing.T, w world) {
		nobody := id("nobody")
		for call, err := range map[string]error{
			"stop":  w.Stop(t.Context(), nobody),
			"kill":  w.Kill(t.Context(), nobody, syscall.SIGTERM),
			"reset": w.ResetFailed(t.Context(), nobody),
		} {
			if !errors.Is(err, systemd.ErrNotFound) {
				t.Errorf("%s said %v", call, err)
			}
		}
		if u := find(t, w, nobody); u != nil {
			t.Errorf("asking made it appear: %+v", u)
		}
	}},
	{"an invalid service never reaches systemd", func(t *testing.T, w world) {
		s := w.service(t, id("invalid"), systemd.Program{})
		s.Sandbox.WritablePaths = []string{"/srv\nExecStartPre=+/bin/sh"}
		if err := w.Start(t.Context(), s); !errors.Is(err, systemd.ErrInvalid) {
			t.Errorf("start said %v", err)
		}
		if u := find(t, w, s.Unit); u != nil {
			t.Errorf("it appeared: %+v", u)
		}
	}},
	{"units are listed in the order of their ids", func(t *testing.T, w world) {
		var want []units.UnitID
		for _, slot := range []units.Slot{"0", "2", "10"} {
			u := id("order")
			u.Slot = slot
			want = append(want, u)
		}
		for _, i := range []int{1, 2, 0} {
			start(t, w, w.service(t, want[i], systemd.Program{}))
		}
		list, err := w.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []units.UnitID
		for _, u := range list {
			if u.ID.App == "order" {
				got = append(got, u.ID)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}},
}
