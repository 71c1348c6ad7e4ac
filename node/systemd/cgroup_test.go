package systemd

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// listed is what a control group holds.
func listed(pids map[int]bool) func() (map[int]bool, error) {
	return func() (map[int]bool, error) { return pids, nil }
}

// sleepers starts processes, all of which /proc places outside of every unit: what the control group lists is
// all that counts. A service whose first thread had ended was spared on cgroup version 1, where /proc says of
// it that it is in no group.
func sleepers(t *testing.T, n int) (children []*exec.Cmd, pids map[int]bool) {
	t.Helper()
	pids = map[int]bool{}
	for range n {
		c := exec.CommandContext(t.Context(), "sleep", "1000")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		children = append(children, c)
		pids[c.Process.Pid] = true
	}
	return children, pids
}

func wantKilled(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if err := c.Wait(); err == nil || c.ProcessState.String() != "signal: killed" {
		t.Errorf("it was not killed: %v", err)
	}
}

// One process that could not be killed, for it was outside of the PID namespace, kept alive whichever came
// after it.
func TestAProcessThatCannotBeKilledProtectsNoOther(t *testing.T) {
	children, pids := sleepers(t, 4)
	pids[0] = true
	killed := map[int]bool{}
	if fresh, err := killAll(pids, listed(pids), killed); err == nil || !fresh || !maps.Equal(killed, pids) {
		t.Errorf("fresh %v, %v, %v", fresh, err, killed)
	}
	for _, c := range children {
		wantKilled(t, c)
	}
	gone := map[int]bool{children[0].Process.Pid: true}
	if fresh, err := killAll(gone, listed(gone), killed); err != nil || fresh {
		t.Errorf("what is gone: %v, %v", fresh, err)
	}
}

func TestMoreProcessesThanAreHeldAtOnceAreKilled(t *testing.T) {
	children, pids := sleepers(t, 3)
	for n := range 2 * killAtOnce {
		pids[1<<22+n] = true // beyond the highest pid: they are gone
	}
	if _, err := killAll(pids, listed(pids), map[int]bool{}); err != nil {
		t.Error(err)
	}
	for _, c := range children {
		wantKilled(t, c)
	}
}

// A pid may be another's by the time that it is killed: then the control group does not list it any more.
func TestAProcessOfAnotherServiceIsNotKilled(t *testing.T) {
	children, pids := sleepers(t, 1)
	if fresh, err := killAll(pids, listed(nil), map[int]bool{}); err != nil || !fresh {
		t.Errorf("fresh %v, %v", fresh, err)
	}
	c := children[0]
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Errorf("it is gone: %v", err)
	}
	if err := c.Wait(); err == nil || c.ProcessState.String() != "signal: interrupt" {
		t.Errorf("it ended with %v", err)
	}
}

func TestWithoutAListNothingIsKilled(t *testing.T) {
	children, pids := sleepers(t, 1)
	broken := errors.New("input/output error")
	if _, err := killAll(pids, func() (map[int]bool, error) { return pids, broken }, map[int]bool{}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if err := children[0].Process.Kill(); err != nil {
		t.Errorf("it is gone: %v", err)
	}
	wantKilled(t, children[0])
}

// 200 processes that forked without end were dead only 2 to 8 s after the first of them had been killed: as
// long as they are killed one after the other, the others go on. The kernel kills them all at once.
func TestTheKernelIsAskedToKillAControlGroupWhereItCan(t *testing.T) {
	group := t.TempDir()
	killGroup(group) // version 1
	if list, err := os.ReadDir(group); err != nil || len(list) > 0 {
		t.Errorf("made %v, %v", list, err)
	}
	file := filepath.Join(group, "cgroup.kill")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	killGroup(group)
	if text, err := os.ReadFile(file); err != nil || string(text) != "1" {
		t.Errorf("wrote %q, %v", text, err)
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
