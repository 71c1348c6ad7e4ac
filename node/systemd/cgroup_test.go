package systemd

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// One process that could not be killed, for it was outside of the PID namespace, kept alive whichever came
// after it.
func TestAProcessThatCannotBeKilledProtectsNoOther(t *testing.T) {
	for range 10 { // in whatever order
		var children []*exec.Cmd
		pids := map[int]bool{0: true}
		for range 4 {
			c := exec.CommandContext(t.Context(), "sleep", "1000")
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			children = append(children, c)
			pids[c.Process.Pid] = true
		}
		killed := map[int]bool{}
		if fresh, err := killAll(pids, "", killed); err == nil || !fresh || !maps.Equal(killed, pids) {
			t.Errorf("fresh %v, %v, %v", fresh, err, killed)
		}
		for _, c := range children {
			if err := c.Wait(); err == nil || c.ProcessState.Success() || c.ProcessState.Exited() {
				t.Errorf("it was not killed: %v", err)
			}
		}
		if fresh, err := killAll(map[int]bool{children[0].Process.Pid: true}, "", killed); err != nil || fresh {
			t.Errorf("what is gone: %v, %v", fresh, err)
		}
	}
}

// A pid may be another's by the time that it is killed.
func TestAProcessOfAnotherServiceIsNotKilled(t *testing.T) {
	c := exec.CommandContext(t.Context(), "sleep", "1000")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if err := kill(c.Process.Pid, "nsched.default.app.0.1.1.service"); err != nil {
		t.Error(err)
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Errorf("it is gone: %v", err)
	}
	if err := c.Wait(); err == nil {
		t.Error("it ended by itself")
	} else if status := c.ProcessState.String(); status != "signal: interrupt" {
		t.Errorf("it ended with %s", status)
	}
}

func TestProcessesAreFoundHoweverDeepTheirControlGroupsNest(t *testing.T) {
	top := t.TempDir()
	for dir, text := range map[string]string{
		"": "", "a": "11\n12\n", "a/b": "", "a/b/c": "13\n", "d": "0\n", "e": "11\n", "f": "",
	} {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(top, dir, "cgroup.procs"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(top, "f", "cgroup.procs")); err != nil { // it goes while it is looked at
		t.Fatal(err)
	}
	pids := map[int]bool{}
	if err := gather(top, pids); err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(pids)); !slices.Equal(got, []int{0, 11, 12, 13}) {
		t.Errorf("found %v", got)
	}
	if err := gather(filepath.Join(top, "missing"), pids); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(top, "a", "cgroup.procs"), []byte("many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := gather(top, map[int]bool{}); err == nil {
		t.Error("what cannot be read counts as nothing")
	}
}
