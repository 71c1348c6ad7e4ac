package systemd_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
)

const (
	testProgram = "/usr/lib/nsched-test/systemd.test"
	shimSource  = "/usr/lib/nsched-test/nsched-exec"
)

// TestOnARealSystemd boots a host and runs this very program in it, where it runs the conformance suite
// and what only a real systemd can be asked. Its cases appear here as subtests.
func TestOnARealSystemd(t *testing.T) {
	if os.Getenv(insideVariable) != "" {
		inside(t)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	shim := filepath.Join(t.TempDir(), "nsched-exec")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", shim, "github.com/nsched/nsched/cmd/nsched-exec")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build shim: %v\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	lab, err := host.Open(ctx, host.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	}()
	n1, err := lab.Boot(ctx, "n1")
	if err != nil {
		t.Fatal(err)
	}
	for source, target := range map[string]string{self: testProgram, shim: shimSource} {
		if err := n1.CopyIn(ctx, source, target); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	err = n1.Run(ctx, host.Command{
		Argv:   []string{testProgram, "-test.run", "^TestOnARealSystemd$", "-test.v"},
		Env:    []string{insideVariable + "=1"},
		Stdout: &out, Stderr: &out,
	})
	relay(t, out.Bytes(), err)
}

// relay turns what the tests inside said into subtests of this one.
func relay(t *testing.T, out []byte, err error) {
	t.Helper()
	results := regexp.MustCompile(`(?m)^    --- (PASS|FAIL): TestOnARealSystemd/(\S+) `).FindAllSubmatch(out, -1)
	for _, r := range results {
		t.Run(string(r[2]), func(t *testing.T) {
			if string(r[1]) != "PASS" {
				t.Error("failed on the host; see the parent test's output")
			}
		})
	}
	if want := len(conformance) + len(realCases); len(results) != want {
		t.Errorf("%d tests ran on the host; there are %d", len(results), want)
	}
	if err != nil || t.Failed() {
		t.Errorf("tests on the host: %v\n%s", err, out)
	}
}

// realWorld is the systemd of the machine that this runs on, a host of a lab.
type realWorld struct {
	*systemd.Manager
	records *systemd.Records
	shim    string
}

func inside(t *testing.T) {
	// The daemon's own directories are closed to all but root.
	if err := os.MkdirAll("/var/lib/nsched", 0o700); err != nil {
		t.Fatal(err)
	}
	shim, err := systemd.NewShims("/var/lib/nsched/exec").Install(shimSource)
	if err != nil {
		t.Fatal(err)
	}
	w := &realWorld{systemd.New(systemd.Options{}), systemd.NewRecords("/var/lib/nsched/records"), shim}
	defer w.Close()
	for _, c := range conformance {
		t.Run(c.name, func(t *testing.T) { t.Cleanup(func() { w.clear(t) }); c.test(t, w) })
	}
	for _, c := range realCases {
		t.Run(c.name, func(t *testing.T) { t.Cleanup(func() { w.clear(t) }); c.test(t, w) })
	}
}

func (w *realWorld) pause() { time.Sleep(10 * time.Millisecond) }

// service returns a shell's imitation of p.
func (w *realWorld) service(t *testing.T, id units.UnitID, p systemd.Program) systemd.Service {
	t.Helper()
	script := "exec sleep 100000"
	switch {
	case p.OOM:
		script = "exec tail /dev/zero"
	case p.Ends:
		script = fmt.Sprintf("sleep %v; exit %d", p.Life.Seconds(), p.ExitCode)
	case p.IgnoresStop:
		script = "trap '' TERM; while :; do sleep 0.1; done"
	case p.StopTakes > 0:
		script = fmt.Sprintf("trap 'sleep %v; exit 0' TERM; while :; do sleep 0.1; done", p.StopTakes.Seconds())
	}
	return w.command(t, id, "/bin/sh", "-c", script)
}

// command returns a service that runs argv.
func (w *realWorld) command(t *testing.T, id units.UnitID, argv ...string) systemd.Service {
	t.Helper()
	return w.record(t, id, systemd.Record{Argv: argv, Env: []string{"PATH=/usr/bin:/bin"}})
}

func (w *realWorld) record(t *testing.T, id units.UnitID, r systemd.Record) systemd.Service {
	t.Helper()
	path, err := w.records.Write(id, r)
	if err != nil {
		t.Fatal(err)
	}
	s := plainService(id)
	s.Exec, s.Record = w.shim, path
	return s
}

// clear ends every unit, so that a failed test disturbs no other.
func (w *realWorld) clear(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	for range patience {
		list, err := w.List(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			return
		}
		for _, u := range list {
			_ = w.Stop(ctx, u.ID)
			_ = w.Kill(ctx, u.ID, 9)
			_ = w.ResetFailed(ctx, u.ID)
		}
		w.pause()
	}
	t.Error("units remain")
}
