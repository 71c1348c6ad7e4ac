package systemd_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
)

const (
	storePath = units.StorePath("/nix/store/0123456789abcdfghijklmnpqrsvwxyz-app")
	otherPath = units.StorePath("/nix/store/zyxwvsrqpnmlkjihgfdcba9876543210-other")
)

// store makes two store paths, each with a file.
func store(t *testing.T) {
	t.Helper()
	for _, p := range []units.StorePath{storePath, otherPath} {
		if err := os.MkdirAll(string(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(string(p), "file"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"/nix/var/nix", "/etc/nsched", "/srv/data", "/run/nsched"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod("/srv/data", 0o777); err != nil {
		t.Fatal(err)
	}
}

// probed runs a service that tries what it can do, with the changes that change makes to it.
func probed(t *testing.T, w *realWorld, app string, change func(*systemd.Service)) findings {
	t.Helper()
	store(t)
	unit := id(app)
	told := filepath.Join(systemd.RuntimeDir(unit), "told")
	writes := []string{"/", "/etc", "/var/lib", "/usr/lib", "/nix/store", "/srv/data", "/tmp", "/dev/shm", systemd.RuntimeDir(unit)}
	reads := []string{string(storePath) + "/file", string(otherPath) + "/file", w.records.Path(unit), systemd.CredentialsDir(unit) + "/record"}
	looks := []string{"/var/lib/nsched", "/run/nsched", "/etc/nsched", "/nix/var", "/root", "/home", "/nix/store"}
	s := w.record(t, unit, systemd.Record{Argv: []string{testProgram}, Env: []string{
		probeVariable + "=" + told, "TEST_WRITE=" + strings.Join(writes, ":"),
		"TEST_READ=" + strings.Join(reads, ":"), "TEST_LOOK=" + strings.Join(looks, ":"),
	}})
	change(&s)
	start(t, w, s)
	return hear[findings](t, w, told)
}

// usual is what every service finds.
func usual(w *realWorld, app string) findings {
	f := findings{
		"write /": "open /probe: read-only file system", "write /etc": "open /etc/probe: read-only file system",
		"write /var/lib": "open /var/lib/probe: read-only file system", "write /usr/lib": "open /usr/lib/probe: read-only file system",
		"write /nix/store": "open /nix/store/probe: read-only file system", "write /srv/data": "open /srv/data/probe: read-only file system",
		"write /tmp": "ok", "write /dev/shm": "ok",
		"write " + systemd.RuntimeDir(id(app)):                "ok",
		"read " + string(storePath) + "/file":                 "ok",
		"read " + string(otherPath) + "/file":                 "ok",
		"read " + systemd.CredentialsDir(id(app)) + "/record": "ok",
		"look /var/lib/nsched":                                "exec",
		"look /run/nsched":                                    "permission denied",
		"look /etc/nsched":                                    "permission denied",
		"look /nix/var":                                       "permission denied",
		"look /root":                                          "permission denied",
		"look /home":                                          "permission denied",
		"look /nix/store":                                     filepath.Base(string(storePath)) + " " + filepath.Base(string(otherPath)),
		"listen 8080":                                         "ok",
		"listen 80":                                           "listen tcp 127.0.0.1:80: bind: permission denied",
		"raw socket":                                          "operation not permitted",
		"netlink":                                             "address family not supported by protocol",
		"write and execute memory":                            "operation not permitted",
		"new user namespace":                                  "operation not permitted",
		"mount":                                               "operation not permitted",
		"systemd":                                             "dial unix /run/systemd/private: connect: permission denied",
		"nix daemon":                                          "dial unix /nix/var/nix/daemon-socket/socket: connect: permission denied",
		"signal PID 1":                                        "operation not permitted",
		"processes":                                           "self",
	}
	record := w.records.Path(id(app))
	f["read "+record] = "open " + record + ": no such file or directory"
	return f
}

// wantFindings compares with the usual, changed as the pairs say.
func wantFindings(t *testing.T, w *realWorld, app string, got findings, changes ...string) {
	t.Helper()
	want := usual(w, app)
	for i := 0; i+1 < len(changes); i += 2 {
		if changes[i+1] == want[changes[i]] {
			t.Errorf("%s is no change", changes[i])
		}
		want[changes[i]] = changes[i+1]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("service finds (-want +got):\n%s", diff)
	}
}

func testSandbox(t *testing.T, w *realWorld) {
	wantFindings(t, w, "plain", probed(t, w, "plain", func(*systemd.Service) {}))
}

func testLowPorts(t *testing.T, w *realWorld) {
	got := probed(t, w, "low", func(s *systemd.Service) { s.Sandbox.BindLowPorts = true })
	wantFindings(t, w, "low", got, "listen 80", "ok")
}

func testJIT(t *testing.T, w *realWorld) {
	got := probed(t, w, "jit", func(s *systemd.Service) { s.Sandbox.AllowJIT = true })
	wantFindings(t, w, "jit", got, "write and execute memory", "ok")
}

func testNoNetwork(t *testing.T, w *realWorld) {
	got := probed(t, w, "alone", func(s *systemd.Service) { s.Sandbox.Network = false })
	wantFindings(t, w, "alone", got,
		"listen 8080", "listen tcp 127.0.0.1:8080: socket: address family not supported by protocol",
		"listen 80", "listen tcp 127.0.0.1:80: socket: address family not supported by protocol",
		"raw socket", "address family not supported by protocol")
}

func testCapability(t *testing.T, w *realWorld) {
	got := probed(t, w, "raw", func(s *systemd.Service) { s.Sandbox.Capabilities = []string{"CAP_NET_RAW"} })
	wantFindings(t, w, "raw", got, "raw socket", "ok")
}

func testWritablePath(t *testing.T, w *realWorld) {
	got := probed(t, w, "writes", func(s *systemd.Service) { s.Sandbox.WritablePaths = []string{"/srv/data"} })
	wantFindings(t, w, "writes", got, "write /srv/data", "ok")
}

func testClosureOnly(t *testing.T, w *realWorld) {
	got := probed(t, w, "closed", func(s *systemd.Service) {
		s.Sandbox.ClosureOnly, s.ClosurePaths = true, []units.StorePath{storePath}
	})
	wantFindings(t, w, "closed", got,
		"look /nix/store", filepath.Base(string(storePath)),
		"read "+string(otherPath)+"/file", "open "+string(otherPath)+"/file: no such file or directory")
}

func testBound(t *testing.T, w *realWorld) {
	run(t, "systemd-run", "--unit=test-bound.service", "sleep", "1000")
	s := w.service(t, id("bound"), systemd.Program{})
	s.BindTo = "test-bound.service"
	start(t, w, s)
	awaitState(t, w, s.Unit, units.StateRunning)
	run(t, "systemctl", "stop", "test-bound.service")
	awaitGone(t, w, s.Unit)
	if err := w.Start(t.Context(), s); !errors.Is(err, systemd.ErrUnavailable) || errors.Is(err, systemd.ErrNotFound) {
		t.Errorf("start without what it is bound to said %v", err)
	}
	awaitGone(t, w, s.Unit)
}

// testTenure puts a guard's socket there and lets the shim ask it.
func testTenure(t *testing.T, w *realWorld) {
	const socket = "/run/nsched/guard.sock"
	store(t)
	if err := os.Chmod("/run/nsched", 0o700); err != nil {
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
	go guard(l, 7)
	for tenure, want := range map[int64]units.State{7: units.StateRunning, 8: units.StateFailed} {
		unit := id("tenure")
		unit.Attempt = units.Attempt(tenure)
		s := w.record(t, unit, systemd.Record{Argv: []string{"/bin/sleep", "1000"}, Tenure: tenure, Guard: socket})
		s.GuardSocket = socket
		start(t, w, s)
		u := await(t, w, unit, "became a process or failed", func(u *systemd.Unit) bool {
			// systemd says that a unit runs a moment after its process does.
			return u.State() == units.StateFailed ||
				u.State() == units.StateRunning && u.MainPID != 0 && comm(u.MainPID) == "sleep"
		})
		if u.State() != want || want == units.StateFailed && u.ExitCode != systemd.ExitTenure {
			t.Errorf("in tenure %d: %+v", tenure, u)
		}
	}
}

func comm(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(data))
}

// guard answers as the guard of one tenure does, until l is closed.
func guard(l net.Listener, tenure int64) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		var q struct{ Tenure int64 }
		if line, err := bufio.NewReader(c).ReadBytes('\n'); err == nil && json.Unmarshal(line, &q) == nil {
			fmt.Fprintf(c, `{"ok":%v,"tenure":%d,"freshForMs":5000}`+"\n", q.Tenure == tenure, tenure)
		}
		c.Close()
	}
}
