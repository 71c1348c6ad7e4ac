package host_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// leftovers looks over the whole machine for what a dead lab left: processes, mounts in anybody's mount
// namespace, links, cgroups with processes. With swept also for directories and empty cgroups.
func leftovers(t *testing.T, id string, swept bool) []string {
	t.Helper()
	var found []string
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range processes {
		mounts, _ := os.ReadFile(p + "/mountinfo") // the process may be gone
		if strings.Contains(string(mounts), host.StateDir+"/"+id+"/") || strings.Contains(string(mounts), "nsched-lab-"+id) {
			found = append(found, "mount seen by "+p)
		}
		for _, file := range []string{"cgroup", "cmdline"} {
			data, _ := os.ReadFile(p + "/" + file)
			text := strings.ReplaceAll(string(data), "\x00", " ")
			if strings.Contains(text, "nsched-lab-"+id) || strings.Contains(text, "nsched-lab-holder "+id+" ") || strings.Contains(text, "/"+id+"/") {
				found = append(found, "process "+p+": "+text)
			}
		}
	}
	links, err := filepath.Glob("/sys/class/net/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		for _, prefix := range []string{"lab0", "port", "line"} {
			if strings.HasPrefix(filepath.Base(l), prefix) {
				found = append(found, "link "+l)
			}
		}
	}
	traces, err := filepath.Glob("/run/systemd/nspawn/*/*" + id + "*")
	if err != nil {
		t.Fatal(err)
	}
	found = append(found, traces...)
	if swept {
		if _, err := os.Stat(filepath.Join(host.StateDir, id)); err == nil {
			found = append(found, "directory of lab "+id)
		}
		groups, err := filepath.Glob("/sys/fs/cgroup/*/nsched-lab-" + id + "*")
		if err != nil {
			t.Fatal(err)
		}
		v2, err := filepath.Glob("/sys/fs/cgroup/nsched-lab-" + id + "*")
		if err != nil {
			t.Fatal(err)
		}
		found = append(append(found, groups...), v2...)
	}
	return found
}

// nothingLeft fails when anything remains of a lab that was closed or swept.
func nothingLeft(t *testing.T, id string) {
	t.Helper()
	if found := leftovers(t, id, true); len(found) > 0 {
		t.Errorf("lab %s left:\n%s", id, strings.Join(found, "\n"))
	}
}

// awaitNothing waits until the kernel took away all that lives, after a kill. A dying holder is the last
// to be counted: its threads lose their command line before they close their files, the lock among them.
func awaitNothing(t *testing.T, id string) {
	t.Helper()
	var found []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		found = leftovers(t, id, false)
		ids, err := host.IDs()
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(ids, id) {
			found = append(found, "the holder's lock")
		}
		if len(found) == 0 {
			return
		}
	}
	t.Errorf("killed lab %s left:\n%s", id, strings.Join(found, "\n"))
}

func showLogs(t *testing.T, dir string) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		t.Error(err)
	}
	for _, l := range logs {
		data, err := os.ReadFile(l)
		if err != nil {
			t.Error(err)
		}
		t.Logf("%s:\n%s", filepath.Base(l), data[max(0, len(data)-4000):])
	}
}
