package systemd_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
)

// fakeWorld is a Fake whose time passes in steps of 10 ms.
type fakeWorld struct {
	*systemd.Fake
	programs map[units.UnitID]systemd.Program
	now      units.Instant
}

func newFakeWorld() *fakeWorld {
	w := &fakeWorld{programs: map[units.UnitID]systemd.Program{}}
	w.Fake = systemd.NewFake(func(s systemd.Service, _ int) systemd.Program { return w.programs[s.Unit] })
	w.pass(time.Minute)
	return w
}

func (w *fakeWorld) service(_ *testing.T, id units.UnitID, p systemd.Program) systemd.Service {
	w.programs[id] = p
	return plainService(id)
}

func (w *fakeWorld) pause() { w.pass(10 * time.Millisecond) }

func (w *fakeWorld) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.Advance(w.now)
}

func plainService(id units.UnitID) systemd.Service {
	return systemd.Service{
		Unit:      id,
		Exec:      "/var/lib/nsched/exec/0123/nsched-exec",
		Record:    "/var/lib/nsched/records/" + id.String() + ".json",
		Resources: units.Resources{CPU: 100, Memory: 128 << 20, MemoryMax: 128 << 20},
		Readiness: units.ReadyExec,
		Stop:      units.Stop{Signal: "SIGTERM", Timeout: 10 * time.Second},
		Sandbox:   units.Sandbox{Network: true},
	}
}

func TestTheFakeConforms(t *testing.T) {
	for _, c := range conformance {
		t.Run(c.name, func(t *testing.T) { c.test(t, newFakeWorld()) })
	}
}

func TestAFaultyCallIsUnavailableWithOrWithoutEffect(t *testing.T) {
	w := newFakeWorld()
	for fault, want := range map[systemd.Fault]bool{systemd.FaultBefore: false, systemd.FaultAfter: true} {
		u := id("faulty")
		u.Attempt = units.Attempt(fault)
		w.SetFault(func(string, units.UnitID) systemd.Fault { return fault })
		if err := w.Start(t.Context(), plainService(u)); !errors.Is(err, systemd.ErrUnavailable) {
			t.Errorf("start said %v", err)
		}
		if list, err := w.List(t.Context()); !errors.Is(err, systemd.ErrUnavailable) || list != nil {
			t.Errorf("list said %v, %v", list, err)
		}
		w.SetFault(nil)
		if got := find(t, w, u) != nil; got != want {
			t.Errorf("after fault %d the unit is there: %v", fault, got)
		}
	}
}

func TestARebootMakesUnitsVanish(t *testing.T) {
	w := newFakeWorld()
	start(t, w, plainService(id("one")))
	w.Reboot()
	if u := find(t, w, id("one")); u != nil {
		t.Errorf("unit outlived its machine: %+v", u)
	}
}

func TestAProcessThatIsNotReadyInTimeFails(t *testing.T) {
	w := newFakeWorld()
	s := w.service(t, id("late"), systemd.Program{Ready: time.Hour})
	s.StartTimeout = time.Second
	start(t, w, s)
	u := awaitState(t, w, s.Unit, units.StateFailed)
	wantEnding(t, u, ending{systemd.Failed, units.ResultTimeout, 0, 15, 0, units.ReasonStartTimeout})
}

func TestDieEndsAProcessNow(t *testing.T) {
	w := newFakeWorld()
	start(t, w, plainService(id("dies")))
	w.Die(id("dies"), systemd.Program{ExitCode: 9})
	wantEnding(t, find(t, w, id("dies")), ending{systemd.Failed, units.ResultExitCode, 9, 0, 0, units.ReasonExited})
}

func TestEveryChangeIsHinted(t *testing.T) {
	w := newFakeWorld()
	var hints []units.UnitID
	w.OnChange(func(u units.UnitID) { hints = append(hints, u) })
	s := w.service(t, id("hinted"), systemd.Program{Ends: true, Life: time.Second})
	start(t, w, s)
	before := len(hints)
	at, ok := w.Next()
	if want := w.now.Boot + time.Second; !ok || at != want {
		t.Errorf("next is %v, %v; want %v", at, ok, want)
	}
	w.pass(time.Second)
	if before == 0 || len(hints) == before {
		t.Errorf("hints: %d for the start, %d in all", before, len(hints))
	}
	if _, ok := w.Next(); ok {
		t.Error("something is to come of a unit that ended")
	}
}

// The same calls give the same world, however maps are ordered.
func TestTheFakeIsDeterministic(t *testing.T) {
	run := func() (trace [][]systemd.Unit) {
		w := newFakeWorld()
		for i := range 20 {
			u := id("many")
			u.Attempt = units.Attempt(i + 1)
			s := w.service(t, u, systemd.Program{Ends: true, Life: time.Duration(i%4) * time.Second, ExitCode: i % 3})
			s.Restart = units.Restart{Attempts: 2, Interval: time.Hour, Delay: time.Second}
			start(t, w, s)
		}
		for range 20 {
			w.pass(700 * time.Millisecond)
			list, err := w.List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			trace = append(trace, list)
		}
		return trace
	}
	first := run()
	for range 5 {
		if diff := cmp.Diff(first, run()); diff != "" {
			t.Fatal(diff)
		}
	}
}

func bound(u units.UnitID) systemd.Service {
	s := plainService(u)
	s.BindTo, s.Bound = "nsched-guard.service", &units.Bound{Unit: u, Tenure: 7, StopTimeout: s.Stop.Timeout}
	return s
}

func empty(t *testing.T, w *fakeWorld, name string) bool {
	is, err := w.Bounds().Empty(t.Context(), id(name))
	if err != nil {
		t.Fatal(err)
	}
	return is
}

func TestWhatIsBoundStopsWithWhatItIsBoundTo(t *testing.T) {
	w := newFakeWorld()
	start(t, w, bound(id("bound")))
	start(t, w, plainService(id("free")))
	w.SetUnit("nsched-guard.service", false)
	w.pass(time.Second)
	if find(t, w, id("bound")) != nil || find(t, w, id("free")) == nil {
		t.Errorf("live: %v", w.Live())
	}
	start(t, w, bound(id("early")))
	if !empty(t, w, "early") || find(t, w, id("early")) != nil {
		t.Error("a unit runs without what it is bound to")
	}
	w.SetUnit("nsched-guard.service", true)
	start(t, w, bound(id("early")))
	if empty(t, w, "early") {
		t.Error("a unit does not run with what it is bound to")
	}
}

func TestANoteIsThereFromTheStartUntilItIsForgotten(t *testing.T) {
	w := newFakeWorld()
	w.FailNotes(true)
	if err := w.Start(t.Context(), bound(id("bound"))); err == nil || !empty(t, w, "bound") {
		t.Errorf("started without a note: %v", err)
	}
	w.FailNotes(false)
	start(t, w, bound(id("bound")))
	if list, _ := w.Bounds().List(); len(list) != 1 || list[0].Tenure != 7 {
		t.Errorf("noted: %+v", list)
	}
	if err := w.Stop(t.Context(), id("bound")); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Second)
	if list, _ := w.Bounds().List(); len(list) != 1 {
		t.Errorf("noted once it ended: %+v", list)
	}
	if err := w.Bounds().Forget(id("bound")); err != nil {
		t.Fatal(err)
	}
	if list, _ := w.Bounds().List(); len(list) != 0 {
		t.Errorf("noted: %+v", list)
	}
}

func TestWhilePID1IsBusyOnlyProcessesGoOn(t *testing.T) {
	w := newFakeWorld()
	start(t, w, bound(id("killed")))
	start(t, w, w.service(t, id("ends"), systemd.Program{Ends: true, Life: time.Second}))
	start(t, w, plainService(id("stopped")))
	w.Saturate(true)
	w.SetUnit("nsched-guard.service", false)
	if err := w.Stop(t.Context(), id("stopped")); !errors.Is(err, systemd.ErrUnavailable) {
		t.Errorf("stop said %v", err)
	}
	w.pass(2 * time.Second)
	if want := []units.UnitID{id("killed"), id("stopped")}; !cmp.Equal(want, w.Live()) {
		t.Errorf("live: %v, want %v", w.Live(), want)
	}
	if err := w.Bounds().Kill(t.Context(), id("killed")); err != nil || !empty(t, w, "killed") {
		t.Error("a process outlived SIGKILL")
	}
	w.Saturate(false)
	w.pass(time.Second)
	if live := w.Live(); len(live) != 0 {
		t.Errorf("PID 1 forgot what it was asked: %v", live)
	}
	wantEnding(t, find(t, w, id("killed")), ending{systemd.Failed, units.ResultSignal, 0, 9, 0, units.ReasonKilled})
}

func TestAShimThatIsRefusedNeverBecomesTheApp(t *testing.T) {
	w := newFakeWorld()
	start(t, w, w.service(t, id("refused"), systemd.Program{Ends: true, Life: time.Second, ExitCode: 75, Refused: true}))
	if live := w.Live(); len(live) != 0 {
		t.Errorf("live: %v", live)
	}
	w.pass(2 * time.Second)
	awaitState(t, w, id("refused"), units.StateFailed)
}

func TestACallThatHangsHasItsEffectInTheEnd(t *testing.T) {
	w := newFakeWorld()
	w.Hang(true)
	if err := w.Start(t.Context(), plainService(id("late"))); !errors.Is(err, systemd.ErrUnavailable) {
		t.Errorf("start said %v", err)
	}
	w.pass(time.Minute)
	if live := w.Live(); len(live) != 0 {
		t.Errorf("live: %v", live)
	}
	w.Hang(false)
	if live := w.Live(); len(live) != 1 {
		t.Errorf("live: %v", live)
	}
}
