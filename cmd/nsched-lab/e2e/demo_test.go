package e2e

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// TestTheDemoRunsBesideALabAfterCtrlCAndCanBeKept shows it twice beside the lab of the other tests: it is
// interrupted in the middle and leaves nothing; then it shows everything and is kept, until it is taken
// down as it says.
func TestTheDemoRunsBesideALabAfterCtrlCAndCanBeKept(t *testing.T) {
	// Not beside the others: 128 instances of inotify are all that a machine has by default
	// (fs.inotify.max_user_instances), and systemd exits with 255 where it gets none, at some twenty hosts.
	s := whole.Led(t)
	if err := s.Programs.Compile(t.Context(), map[string]string{"./cmd/nsched-lab": "nsched-lab"}); err != nil {
		t.Fatal(err)
	}
	cut := demo(t, s, "")
	out, err := cut.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cut.Start(); err != nil {
		t.Fatal(err)
	}
	var seen strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "It is submitted") {
		seen.WriteString(lines.Text() + "\n")
	}
	if err := cut.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatalf("interrupt the demo: %v\n%s", err, seen.String())
	}
	_, _ = io.Copy(&seen, out)
	if err := cut.Wait(); err == nil {
		t.Error("an interrupted demo says that all went well")
	}
	leftNothing(t, s, seen.String())

	var all bytes.Buffer
	whole := demo(t, s, "1")
	whole.Stdout, whole.Stderr = &all, &all
	err = whole.Run()
	id := labOf(t, all.String())
	t.Cleanup(func() {
		if lab, err := host.Attach(background(), id); err == nil { // not taken down below
			_ = lab.Down()
		}
	})
	if err != nil {
		t.Fatalf("the demo failed: %v\n%s", err, all.String())
	}
	for _, want := range []string{"3 of 3 ready", "hello from default.hello.", "the same process answers", "How long it took", "default/hello: stopped"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("the demo does not show %q", want)
		}
	}
	// What it says about a lab that was kept is true, word by word.
	tried := 0
	for _, line := range strings.Split(all.String(), "\n") {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != labProgram(s) || !slices.Contains(words, "status") {
			continue
		}
		tried++
		if out, err := exec.CommandContext(t.Context(), words[0], words[1:]...).CombinedOutput(); err != nil || !strings.Contains(string(out), "hello") {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
	if tried == 0 {
		t.Error("the demo does not say how to talk to it")
	}
	if out, err := exec.CommandContext(t.Context(), labProgram(s), "down", id).CombinedOutput(); err != nil {
		t.Errorf("take the lab down: %v\n%s", err, out)
	}
	leftNothing(t, s, all.String())
}

func labProgram(s *stage.Stage) string { return filepath.Join(s.Programs.Root, "bin/nsched-lab") }

func demo(t *testing.T, s *stage.Stage, keep string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), labProgram(s), "demo")
	cmd.Env = append(cmd.Environ(), "KEEP="+keep)
	// A demo that hangs is interrupted, so that it leaves nothing.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	return cmd
}

// labOf finds the name of the demo's lab in what the demo said.
func labOf(t *testing.T, output string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^The lab's name is ([a-z0-9]+)`).FindStringSubmatch(output)
	if found == nil {
		t.Fatalf("the demo names no lab:\n%s", output)
	}
	return found[1]
}

// leftNothing checks that the lab that the demo named is gone.
func leftNothing(t *testing.T, s *stage.Stage, output string) {
	t.Helper()
	id := labOf(t, output)
	ids, err := host.IDs()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(host.StateDir, id)); err == nil || slices.Contains(ids, id) {
		t.Errorf("lab %s is still there (%v)", id, err)
	}
}
