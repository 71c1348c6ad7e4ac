package systemd_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
)

// realCases is what only a real systemd can be asked.
var realCases = []struct {
	name string
	test func(*testing.T, *realWorld)
}{
	{"a unit's exposure is at most 1.2", testExposure},
	{"arguments and environment arrive byte for byte, also after daemon-reload", testBytes},
	{"limits reach the kernel", testLimits},
	{"the units of a slot are one user and share its state", testState},
	{"a service that says when it is ready is starting until then", testNotify},
	{"a missing executable is told", testMissingExecutable},
	{"a missing record is told", testMissingRecord},
	{"the longest possible name works", testLongestName},
	{"what a service prints is in the journal under its unit", testJournal},
	{"services of others are not listed", testForeign},
	{"a restart of dbus changes nothing", testDBusRestart},
	{"a new life of systemd is survived", testReexec},
	{"a change is hinted", testHints},
	{"without systemd's private socket the message bus does", testBus},
	{"what is known of a unit is never older than its life", testKnown},
	{"systemd tells its version", testVersion},
	{"a closed manager is unavailable", testClosed},
	{"a unit in its sandbox", testSandbox},
	{"bindLowPorts lets it bind a low port and nothing else", testLowPorts},
	{"allowJIT lets it write and execute memory and nothing else", testJIT},
	{"without network there is none", testNoNetwork},
	{"a capability is what was granted and nothing else", testCapability},
	{"a writable path can be written and nothing else", testWritablePath},
	{"closureOnly shows the closure alone", testClosureOnly},
	{"a unit bound to another ends with it", testBound},
	{"a tenure is confirmed by the guard or the unit does not start", testTenure},
	{"a bound unit is noted before it starts, and not started if it cannot be", testNotes},
	{"every process of a unit is found and killed without systemd", testKillGroup},
	{"what a unit is bound to is started again while the unit still stops", testGuardDies},
	{"what a unit is ordered after may be restarted and killed", testOrder},
	{"a bound unit whose guard says no is not restarted", testNoCrash},
}

// run runs a program of the host.
func run(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// show returns properties as systemctl tells them.
func show(t *testing.T, id units.UnitID, names ...string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for line := range strings.Lines(run(t, "systemctl", "show", id.ServiceName(), "-p", strings.Join(names, ","))) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		got[name] = value
	}
	return got
}

// hear reads what a service tells, once it has.
func hear[T any](t *testing.T, w world, path string) (v T) {
	t.Helper()
	for range patience {
		if data, err := os.ReadFile(path); err == nil {
			if err := json.Unmarshal(data, &v); err != nil {
				t.Fatal(err)
			}
			return v
		}
		w.pause()
	}
	t.Fatalf("nothing came at %s\n%s", path, run(t, "journalctl", "--no-pager", "-n", "30"))
	return v
}

func testExposure(t *testing.T, w *realWorld) {
	s := w.service(t, id("exposed"), systemd.Program{})
	s.State = []string{"data"}
	start(t, w, s)
	awaitState(t, w, s.Unit, units.StateRunning)
	out := run(t, "systemd-analyze", "security", "--no-pager", s.Unit.ServiceName())
	level := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(out)
	if level == nil {
		t.Fatalf("no level in:\n%s", out)
	}
	if got, err := strconv.ParseFloat(level[1], 64); err != nil || got > 1.2 {
		t.Errorf("exposure is %s\n%s", level[1], out)
	}
}

func testBytes(t *testing.T, w *realWorld) {
	unit := id("bytes")
	told := filepath.Join(systemd.RuntimeDir(unit), "told")
	want := reflection{
		Argv: []string{
			testProgram, "$HOME", "$$", "${x}", "%n", "%%", ";", "\\;", "a\tb", "line\nline", "", " ", "'q\"", "\\", "é\u2028",
			"ExecStartPre=+/bin/sh", "\x01\x7f",
		},
		Env: []string{
			mirrorVariable + "=" + told, "A=$B %n ; \"x\"\n[Service]\nUser=root", "EMPTY=", "UNICODE=ü\u202e",
			"NSCHED_UNIT=" + unit.String(), "a.b-c=dotted",
		},
	}
	s := w.record(t, unit, systemd.Record{Argv: want.Argv, Env: want.Env})
	s.Restart = units.Restart{Attempts: 3, Interval: time.Hour, Delay: 10 * time.Millisecond}
	start(t, w, s)
	check := func() {
		t.Helper()
		got := hear[reflection](t, w, told)
		if diff := cmp.Diff(want.Argv, got.Argv); diff != "" {
			t.Error(diff)
		}
		var names []string
		if len(got.Env) >= len(want.Env) {
			for _, v := range got.Env[len(want.Env):] {
				name, _, _ := strings.Cut(v, "=")
				names = append(names, name)
			}
			got.Env = got.Env[:len(want.Env)]
		}
		if diff := cmp.Diff(want.Env, got.Env); diff != "" {
			t.Error(diff)
		}
		provided := map[string]bool{"INVOCATION_ID": true, "JOURNAL_STREAM": true, "RUNTIME_DIRECTORY": true, "CREDENTIALS_DIRECTORY": true}
		for _, name := range names {
			if !provided[name] {
				t.Errorf("systemd's %s reached the app", name)
			}
		}
		if len(names) != len(provided) {
			t.Errorf("systemd provides %v", names)
		}
	}
	check()
	// systemd keeps a transient unit in a file, and reads that again.
	file, err := os.ReadFile("/run/systemd/transient/" + unit.ServiceName())
	if err != nil || !strings.Contains(string(file), s.Exec) {
		t.Errorf("unit's file: %v\n%s", err, file)
	}
	for _, text := range []string{"HOME", "ExecStartPre", "dotted", "NSCHED", testProgram} {
		if strings.Contains(string(file), text) {
			t.Errorf("the app's %q is in the unit's file:\n%s", text, file)
		}
	}
	for range 20 {
		run(t, "systemctl", "daemon-reload")
	}
	if err := os.Remove(told); err != nil {
		t.Fatal(err)
	}
	if err := w.Kill(t.Context(), unit, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	check()
	if u := awaitState(t, w, unit, units.StateRunning); u.Restarts != 1 {
		t.Errorf("restarted %d times", u.Restarts)
	}
}

func testLimits(t *testing.T, w *realWorld) {
	s := w.service(t, id("limited"), systemd.Program{})
	s.Resources = units.Resources{CPU: 250, CPUMax: 500, Memory: 64 << 20, MemoryMax: 96 << 20}
	s.Restart = units.Restart{Attempts: 2, Interval: 30 * time.Minute, Delay: 15 * time.Second}
	s.Stop = units.Stop{Signal: "SIGINT", Timeout: 7 * time.Second}
	start(t, w, s)
	u := awaitState(t, w, s.Unit, units.StateRunning)
	want := map[string]string{
		"CPUWeight": "25", "CPUQuotaPerSecUSec": "500ms", "MemoryMax": "100663296", "MemoryLow": "67108864",
		"MemorySwapMax": "0", "Slice": `nsched-con\x2dform.slice`, "Restart": "always", "RestartUSec": "15s",
		"StartLimitBurst": "3", "StartLimitIntervalUSec": "30min", "KillSignal": "2", "TimeoutStopUSec": "7s",
		"CollectMode": "inactive", "User": systemd.UserName(s.Unit), "Description": "nsched unit " + s.Unit.String(),
		"Type": "exec", "SyslogIdentifier": "limited", "StandardOutput": "journal", "NoNewPrivileges": "yes",
	}
	names := []string{}
	for name := range want {
		names = append(names, name)
	}
	if diff := cmp.Diff(want, show(t, s.Unit, names...)); diff != "" {
		t.Error(diff)
	}
	// The kernel's own files, of whichever version of cgroups this host has.
	quota, memory := "/sys/fs/cgroup/cpu"+u.ControlGroup+"/cpu.cfs_quota_us", "/sys/fs/cgroup/memory"+u.ControlGroup+"/memory.limit_in_bytes"
	wantQuota := "50000"
	if _, err := os.Stat("/sys/fs/cgroup/memory"); err != nil {
		quota, memory = "/sys/fs/cgroup"+u.ControlGroup+"/cpu.max", "/sys/fs/cgroup"+u.ControlGroup+"/memory.max"
		wantQuota = "50000 100000"
	}
	for file, want := range map[string]string{quota: wantQuota, memory: "100663296"} {
		data, err := os.ReadFile(file)
		if got := strings.TrimSpace(string(data)); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", file, got, err, want)
		}
	}
}

func testState(t *testing.T, w *realWorld) {
	first, second := id("stateful"), id("stateful")
	second.Generation, second.Attempt = 2, 2
	dir := systemd.StateDir(first, "data")
	if other := systemd.StateDir(second, "data"); other != dir {
		t.Fatalf("state is at %s and at %s", dir, other)
	}
	owner := func(u *systemd.Unit) uint32 {
		info, err := os.Stat("/proc/" + strconv.Itoa(u.MainPID))
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t).Uid
	}
	var uids []uint32
	for _, u := range []units.UnitID{first, second} {
		told := filepath.Join(dir, "told")
		s := w.record(t, u, systemd.Record{Argv: []string{testProgram}, Env: []string{mirrorVariable + "=" + told}})
		s.State = []string{"data"}
		start(t, w, s)
		hear[reflection](t, w, told) // the second one replaces the first one's file
		uids = append(uids, owner(awaitState(t, w, u, units.StateRunning)))
		if err := w.Stop(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		awaitGone(t, w, u)
		if _, err := os.Stat(systemd.RuntimeDir(u)); err == nil {
			t.Errorf("%s outlived its unit", systemd.RuntimeDir(u))
		}
		if _, err := os.Stat(told); err != nil {
			t.Errorf("state did not outlive its unit: %v", err)
		}
	}
	if uids[0] == 0 || uids[0] != uids[1] {
		t.Errorf("units of one slot ran as %v", uids)
	}
}

func testNotify(t *testing.T, w *realWorld) {
	s := w.command(t, id("notifies"), "/bin/sh", "-c", "sleep 0.5; exec systemd-notify --ready --pid=parent")
	s.Readiness = units.ReadyNotify
	start(t, w, s)
	if u := find(t, w, s.Unit); u == nil || u.State() != units.StateStarting {
		t.Errorf("unit is not starting: %+v", u)
	}
	// systemd-notify is the main process, so that its word counts; its end is the service's.
	if u := awaitState(t, w, s.Unit, units.StateStopped); u.Ready-u.Started < 400*time.Millisecond {
		t.Errorf("it was ready before it said so: %+v", u)
	}
}

func testMissingExecutable(t *testing.T, w *realWorld) {
	s := w.command(t, id("absent"), "/nix/store/nothing-here/bin/x")
	start(t, w, s)
	u := awaitState(t, w, s.Unit, units.StateFailed)
	wantEnding(t, u, ending{systemd.Failed, units.ResultExitCode, systemd.ExitMissing, 0, 0, units.ReasonExecutableMissing})
}

func testMissingRecord(t *testing.T, w *realWorld) {
	s := w.service(t, id("recordless"), systemd.Program{})
	if err := w.records.Remove(s.Unit); err != nil {
		t.Fatal(err)
	}
	start(t, w, s)
	u := awaitState(t, w, s.Unit, units.StateFailed)
	wantEnding(t, u, ending{systemd.Failed, units.ResultExitCode, 243, 0, 0, units.ReasonExecFailed})
}

func testLongestName(t *testing.T, w *realWorld) {
	u := longestName()
	s := w.service(t, u, systemd.Program{})
	s.State = []string{strings.Repeat("s", 63)}
	start(t, w, s)
	awaitState(t, w, u, units.StateRunning)
}

func testJournal(t *testing.T, w *realWorld) {
	s := w.command(t, id("prints"), "/bin/sh", "-c", "echo to be read; exec sleep 1000")
	start(t, w, s)
	for range patience {
		out := run(t, "journalctl", "--no-pager", "-o", "cat", "-u", s.Unit.ServiceName(), "SYSLOG_IDENTIFIER=prints")
		if strings.Contains(out, "to be read") {
			return
		}
		w.pause()
	}
	t.Error("the line never came")
}

func testForeign(t *testing.T, w *realWorld) {
	for _, name := range []string{"nsched.foreign.service", "nsched-node-test.service", "nsched.a.b.c.1.01.service"} {
		run(t, "systemd-run", "--unit="+name, "sleep", "1000")
		defer run(t, "systemctl", "stop", name)
	}
	list, err := w.List(t.Context())
	if err != nil || len(list) != 0 {
		t.Errorf("listed %+v, %v", list, err)
	}
}

func testDBusRestart(t *testing.T, w *realWorld) {
	s := w.service(t, id("busless"), systemd.Program{})
	start(t, w, s)
	before := awaitState(t, w, s.Unit, units.StateRunning)
	run(t, "systemctl", "stop", "dbus.socket", "dbus.service")
	after := find(t, w, s.Unit)
	run(t, "systemctl", "start", "dbus.socket")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
}

func testReexec(t *testing.T, w *realWorld) {
	s := w.service(t, id("outlives"), systemd.Program{})
	start(t, w, s)
	before := awaitState(t, w, s.Unit, units.StateRunning)
	watched := make(chan error, 1)
	started := make(chan struct{}, 1)
	go func() {
		watched <- w.Watch(t.Context(), func(u units.UnitID) {
			if u == (units.UnitID{}) {
				started <- struct{}{}
			}
		})
	}()
	<-started
	run(t, "systemctl", "daemon-reexec")
	if err := <-watched; !errors.Is(err, systemd.ErrUnavailable) {
		t.Errorf("watch ended with %v", err)
	}
	for range patience {
		list, err := w.List(t.Context())
		if err == nil {
			if len(list) != 1 || list[0].Invocation != before.Invocation || list[0].MainPID != before.MainPID {
				t.Errorf("unit changed from %+v to %+v", before, list)
			}
			return
		}
		if !errors.Is(err, systemd.ErrUnavailable) {
			t.Fatal(err)
		}
		w.pause()
	}
	t.Error("systemd never came back")
}

func testHints(t *testing.T, w *realWorld) {
	ctx, cancel := context.WithCancel(t.Context())
	hints := make(chan units.UnitID, 1000)
	watched := make(chan error, 1)
	go func() { watched <- w.Watch(ctx, func(u units.UnitID) { hints <- u }) }()
	if u := <-hints; u != (units.UnitID{}) {
		t.Errorf("the first hint is %v", u)
	}
	s := w.service(t, id("hinted"), systemd.Program{})
	start(t, w, s)
	for u := range hints {
		if u == s.Unit {
			break
		}
	}
	cancel()
	if err := <-watched; err != nil {
		t.Errorf("watch ended with %v", err)
	}
}

func testBus(t *testing.T, w *realWorld) {
	const socket = "/run/systemd/private"
	if err := os.Rename(socket, socket+".away"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.Rename(socket+".away", socket); err != nil {
			t.Error(err)
		}
	}()
	bus := &realWorld{systemd.New(systemd.Options{}), w.records, w.shim}
	defer bus.Close()
	testHints(t, bus)
	unit := id("hinted")
	awaitState(t, bus, unit, units.StateRunning)
	if err := bus.Stop(t.Context(), unit); err != nil {
		t.Error(err)
	}
	awaitGone(t, bus, unit)
	if err := bus.ResetFailed(t.Context(), unit); !errors.Is(err, systemd.ErrNotFound) {
		t.Errorf("reset said %v", err)
	}
	pid, err := strconv.Atoi(run(t, "systemctl", "show", "--value", "-p", "MainPID", "dbus.service"))
	if err != nil || pid < 2 {
		t.Fatal(pid, err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil { // its socket starts another one
		t.Fatal(err)
	}
	for range patience {
		_, err := bus.List(t.Context())
		if err == nil {
			return
		}
		if !errors.Is(err, systemd.ErrUnavailable) {
			t.Fatal(err)
		}
		bus.pause()
	}
	t.Error("the bus never came back")
}

// testKnown lists with a manager that knows every unit and with one that knows none.
func testKnown(t *testing.T, w *realWorld) {
	s := w.service(t, id("known"), systemd.Program{})
	s.Restart = units.Restart{Attempts: 50, Interval: time.Hour, Delay: 0}
	start(t, w, s)
	seen := map[string]bool{}
	for n := range 10 {
		u := await(t, w, s.Unit, "ran anew", func(u *systemd.Unit) bool {
			return u != nil && u.State() == units.StateRunning && !seen[u.Invocation]
		})
		seen[u.Invocation] = true
		fresh := systemd.New(systemd.Options{})
		if diff := cmp.Diff(find(t, fresh, s.Unit), find(t, w, s.Unit)); diff != "" || u.Restarts != n {
			t.Errorf("after %d restarts (-fresh +known):\n%s", n, diff)
		}
		fresh.Close()
		if err := w.Kill(t.Context(), s.Unit, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
}

func testVersion(t *testing.T, w *realWorld) {
	version, err := w.Version(t.Context())
	if first := run(t, "systemctl", "--version"); err != nil || !strings.Contains(first, "("+version+")") {
		t.Errorf("version is %q, %v; systemctl says %s", version, err, first)
	}
}

func testClosed(t *testing.T, _ *realWorld) {
	m := systemd.New(systemd.Options{})
	if _, err := m.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.Close()
	if _, err := m.List(t.Context()); !errors.Is(err, systemd.ErrUnavailable) {
		t.Errorf("list said %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := systemd.New(systemd.Options{}).List(ended); !errors.Is(err, systemd.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("list said %v", err)
	}
}
