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

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// TestTheDemoRunsBesideALabAndAfterCtrlC shows it twice beside the lab of the other tests: it is
// interrupted in the middle, leaves nothing, and then shows everything.
func TestTheDemoRunsBesideALabAndAfterCtrlC(t *testing.T) {
	t.Parallel()
	s := onStage(t)
	if err := s.programs.Compile(t.Context(), map[string]string{"./cmd/nsched-lab": "nsched-lab"}); err != nil {
		t.Fatal(err)
	}
	cut := s.demo(t)
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
	s.leftNothing(t, seen.String())

	var all bytes.Buffer
	whole := s.demo(t)
	whole.Stdout, whole.Stderr = &all, &all
	err = whole.Run()
	if err != nil {
		t.Fatalf("the demo failed: %v\n%s", err, all.String())
	}
	for _, want := range []string{"3 of 3 ready", "hello from default.hello.", "the same process answers", "How long it took", "default/hello: stopped"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("the demo does not show %q", want)
		}
	}
	s.leftNothing(t, all.String())
}

func (s *stage) demo(t *testing.T) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), filepath.Join(s.programs.Root, "bin/nsched-lab"), "demo")
	cmd.Env = append(cmd.Environ(), "KEEP=")
	// A demo that hangs is interrupted, so that it leaves nothing.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	return cmd
}

// leftNothing checks that the lab that the demo named is gone.
func (s *stage) leftNothing(t *testing.T, output string) {
	t.Helper()
	found := regexp.MustCompile(`(?m)^The lab's name is ([a-z0-9]+)`).FindStringSubmatch(output)
	if found == nil {
		t.Fatalf("the demo names no lab:\n%s", output)
	}
	ids, err := host.IDs()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(host.StateDir, found[1])); err == nil || slices.Contains(ids, found[1]) {
		t.Errorf("lab %s is still there (%v)", found[1], err)
	}
}
