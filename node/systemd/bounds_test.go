package systemd_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
)

func boundOf(unit units.UnitID) units.Bound {
	return units.Bound{Unit: unit, Tenure: 7, StopTimeout: 10 * time.Second}
}

func TestANoteIsThereUntilItIsForgotten(t *testing.T) {
	b := systemd.Bounds{Dir: filepath.Join(t.TempDir(), "bound")}
	if list, err := b.List(); err != nil || len(list) > 0 {
		t.Fatalf("before the first: %v, %v", list, err)
	}
	first, second := boundOf(id("first")), boundOf(id("second"))
	for _, u := range []units.Bound{second, first, first} {
		if err := b.Note(u); err != nil {
			t.Fatal(err)
		}
	}
	list, err := b.List()
	if diff := cmp.Diff([]units.Bound{first, second}, list); err != nil || diff != "" {
		t.Errorf("%v, %s", err, diff)
	}
	for range 2 {
		if err := b.Forget(first.Unit); err != nil {
			t.Error(err)
		}
	}
	if list, err := b.List(); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
}

// Who is not sure how long a unit may take to stop gives it no time: it must be gone in any case.
func TestANoteThatCannotBeReadStillCounts(t *testing.T) {
	b := systemd.Bounds{Dir: t.TempDir()}
	other := boundOf(id("other"))
	if err := b.Note(other); err != nil {
		t.Fatal(err)
	}
	othersNote, err := os.ReadFile(filepath.Join(b.Dir, other.Unit.String()+".json"))
	if err != nil {
		t.Fatal(err)
	}
	want := []units.Bound{other}
	for app, text := range map[string]string{
		"empty": "", "half": `{"unit":"con-form.half.0.1`, "of-another": string(othersNote), "negative": `{"unit":"con-form.negative.0.1.1","tenure":7,"stopTimeoutNs":-1}`,
	} {
		unit := id(app)
		if err := os.WriteFile(filepath.Join(b.Dir, unit.String()+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want = append(want, units.Bound{Unit: unit})
	}
	for _, name := range []string{".new-123", "no unit.json", "con-form.x.0.1.1"} {
		if err := os.WriteFile(filepath.Join(b.Dir, name), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := b.List()
	got, wanted := map[units.UnitID]units.Bound{}, map[units.UnitID]units.Bound{}
	for _, u := range list {
		got[u.Unit] = u
	}
	for _, u := range want {
		wanted[u.Unit] = u
	}
	if diff := cmp.Diff(wanted, got); err != nil || diff != "" {
		t.Errorf("%v, %s", err, diff)
	}
}

func TestABoundServiceSaysOfWhomItIs(t *testing.T) {
	for name, breakIt := range map[string]func(*systemd.Service){
		"another unit":     func(s *systemd.Service) { s.Bound.Unit = id("other") },
		"no tenure":        func(s *systemd.Service) { s.Bound.Tenure = 0 },
		"no time to stop":  func(s *systemd.Service) { s.Bound.StopTimeout = 0 },
		"an order by path": func(s *systemd.Service) { s.After = []string{"/etc/x.target"} },
	} {
		t.Run(name, func(t *testing.T) {
			s := plainService(id("plain"))
			b := boundOf(s.Unit)
			s.Bound = &b
			if _, err := systemd.Properties(s); err != nil {
				t.Fatal(err)
			}
			breakIt(&s)
			if _, err := systemd.Properties(s); !errors.Is(err, systemd.ErrInvalid) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// What follows runs on a real systemd.

func (w *realWorld) bounds() systemd.Bounds { return systemd.Bounds{Dir: systemd.BoundDir} }

// awaitEmpty waits until the unit has no process.
func awaitEmpty(t *testing.T, w *realWorld, unit units.UnitID) {
	t.Helper()
	for range patience {
		empty, err := w.bounds().Empty(t.Context(), unit)
		if err != nil {
			t.Fatal(err)
		}
		if empty {
			return
		}
		w.pause()
	}
	t.Errorf("%s never was without a process", unit)
}

func wantOccupied(t *testing.T, w *realWorld, unit units.UnitID) {
	t.Helper()
	if empty, err := w.bounds().Empty(t.Context(), unit); err != nil || empty {
		t.Errorf("%s is empty: %v, %v", unit, empty, err)
	}
}

func testNotes(t *testing.T, w *realWorld) {
	unit := id("noted")
	s := w.service(t, unit, systemd.Program{})
	b := boundOf(unit)
	s.Bound, s.BindTo = &b, "test-missing.service"
	if err := w.Start(t.Context(), s); err == nil {
		t.Error("it started without what it is bound to")
	}
	list, err := w.bounds().List()
	if diff := cmp.Diff([]units.Bound{b}, list); err != nil || diff != "" {
		t.Errorf("a unit that may have been started is not noted: %v, %s", err, diff)
	}
	if err := w.bounds().Forget(unit); err != nil {
		t.Fatal(err)
	}
	s.BindTo = ""
	if err := os.Remove(systemd.BoundDir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(systemd.BoundDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err = w.Start(t.Context(), s)
	if err == nil || !strings.Contains(err.Error(), "note the bound unit") {
		t.Errorf("a unit that cannot be noted: %v", err)
	}
	if u := find(t, w, unit); u != nil {
		t.Errorf("it was started: %+v", u)
	}
	if err := os.Remove(systemd.BoundDir); err != nil {
		t.Fatal(err)
	}
	start(t, w, s)
	awaitState(t, w, unit, units.StateRunning)
	wantOccupied(t, w, unit)
	if err := w.Stop(t.Context(), unit); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, w, unit)
	awaitEmpty(t, w, unit)
	if list, err := w.bounds().List(); err != nil || len(list) != 1 {
		t.Errorf("the note went by itself: %v, %v", list, err)
	}
	if err := w.bounds().Forget(unit); err != nil {
		t.Error(err)
	}
}

// testKillGroup ends what forks, hides in groups of its own and ignores signals.
func testKillGroup(t *testing.T, w *realWorld) {
	unit := id("forks")
	s := w.command(t, unit, "/bin/sh", "-c", "trap '' TERM HUP INT; (while :; do sleep 0.01 & done) & sleep 1000 & exec sleep 1000")
	start(t, w, s)
	u := awaitState(t, w, unit, units.StateRunning)
	nested := nest(t, w, u)
	wantOccupied(t, w, unit)
	if err := w.bounds().Kill(t.Context(), unit); err != nil {
		t.Fatal(err)
	}
	awaitEmpty(t, w, unit)
	if text, err := os.ReadFile(filepath.Join(nested, "cgroup.procs")); err == nil && len(text) > 0 {
		t.Errorf("left in the group below: %s", text)
	}
	awaitState(t, w, unit, units.StateFailed)
	for range 2 {
		if err := w.bounds().Kill(t.Context(), unit); err != nil {
			t.Errorf("of what is gone: %v", err)
		}
	}
	if err := w.bounds().Kill(t.Context(), id("nobody")); err != nil {
		t.Errorf("of what never was: %v", err)
	}
	if empty, err := w.bounds().Empty(t.Context(), id("nobody")); err != nil || !empty {
		t.Errorf("what never was is empty: %v, %v", empty, err)
	}
}

// nest moves the unit's main process into a control group of its own below the unit's, and returns that.
func nest(t *testing.T, w *realWorld, u *systemd.Unit) string {
	t.Helper()
	find := func() string {
		for _, root := range []string{"/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
			for _, own := range []string{"", strings.TrimSuffix(scopeOfInit(t), "/init.scope")} {
				dir := filepath.Join(root, own, "nsched.slice", units.SliceName(u.ID.Namespace), u.ID.ServiceName())
				if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
					return dir
				}
			}
		}
		return ""
	}
	dir := find()
	if dir == "" {
		t.Fatalf("no control group of %s", u.ID)
	}
	nested := filepath.Join(dir, "below", "further")
	if err := os.MkdirAll(nested, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(nested, "cgroup.procs"), []byte(strconv.Itoa(u.MainPID)), 0o600); err != nil {
		t.Fatal(err)
	}
	return nested
}

func scopeOfInit(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/1/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if parts := strings.SplitN(strings.TrimSpace(line), ":", 3); len(parts) == 3 && parts[1] == "name=systemd" {
			return parts[2]
		}
	}
	return "/init.scope"
}

// testGuardDies has what a unit is bound to die and come back by itself, as a guard does. That it comes
// back must not wait for the unit's stop.
func testGuardDies(t *testing.T, w *realWorld) {
	run(t, "systemd-run", "--unit=test-guard.service", "-p", "Restart=always", "-p", "RestartSec=100ms", "sleep", "1000")
	defer run(t, "systemctl", "stop", "test-guard.service")
	s := w.service(t, id("guarded"), systemd.Program{IgnoresStop: true})
	b := boundOf(s.Unit)
	s.Bound, s.BindTo, s.Stop.Timeout = &b, "test-guard.service", time.Minute
	start(t, w, s)
	awaitState(t, w, s.Unit, units.StateRunning)
	for range 40 { // the program gets to ignoring its signal
		w.pause()
	}
	before := run(t, "systemctl", "show", "-p", "InvocationID", "test-guard.service")
	run(t, "systemctl", "kill", "-s", "KILL", "test-guard.service")
	awaitState(t, w, s.Unit, units.StateStopping)
	for n := 0; ; n++ {
		state, now := run(t, "systemctl", "show", "-p", "ActiveState", "test-guard.service"), run(t, "systemctl", "show", "-p", "InvocationID", "test-guard.service")
		if state == "ActiveState=active" && now != before {
			break
		}
		if n > patience {
			t.Fatalf("the guard is %s", state)
		}
		w.pause()
	}
	awaitState(t, w, s.Unit, units.StateStopping)
	wantOccupied(t, w, s.Unit)
	if err := w.bounds().Kill(t.Context(), s.Unit); err != nil {
		t.Fatal(err)
	}
	awaitEmpty(t, w, s.Unit)
	if err := w.bounds().Forget(s.Unit); err != nil {
		t.Error(err)
	}
}

// testOrder restarts and stops what units are ordered after: nothing happens to them.
func testOrder(t *testing.T, w *realWorld) {
	run(t, "systemd-run", "--unit=test-daemon.service", "sleep", "1000")
	s := w.service(t, id("ordered"), systemd.Program{})
	s.After = []string{"test-daemon.service", "test-missing.target"}
	start(t, w, s)
	before := awaitState(t, w, s.Unit, units.StateRunning)
	run(t, "systemctl", "restart", "test-daemon.service")
	run(t, "systemctl", "kill", "-s", "KILL", "test-daemon.service")
	run(t, "systemctl", "reset-failed", "test-daemon.service")
	for range 20 {
		w.pause()
	}
	if u := find(t, w, s.Unit); u == nil || u.Invocation != before.Invocation || u.MainPID != before.MainPID || u.State() != units.StateRunning {
		t.Errorf("unit was %+v and is %+v", before, u)
	}
	if down, err := w.GoingDown(t.Context()); err != nil || down {
		t.Errorf("the machine goes down: %v, %v", down, err)
	}
}

// testNoCrash has a guard say no to a unit that systemd may restart: it is over at once, and no crash.
func testNoCrash(t *testing.T, w *realWorld) {
	const socket = "/run/nsched/guard.sock"
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	go guard(l, 8)
	unit := id("refused")
	s := w.record(t, unit, systemd.Record{Argv: []string{"/bin/sleep", "1000"}, Tenure: 7, Guard: socket})
	b := boundOf(unit)
	s.GuardSocket, s.Bound = socket, &b
	s.Restart = units.Restart{Attempts: 3, Interval: time.Hour, Delay: 10 * time.Millisecond}
	start(t, w, s)
	u := awaitState(t, w, unit, units.StateFailed)
	if u.ExitCode != systemd.ExitTenure || u.Restarts != 0 {
		t.Errorf("it ended as %+v", u)
	}
	if err := w.bounds().Forget(unit); err != nil {
		t.Error(err)
	}
}
