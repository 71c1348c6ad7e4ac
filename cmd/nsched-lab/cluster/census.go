package cluster

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/nsched/nsched/units"
)

// Census looks at the control groups of a lab's hosts from outside: the kernel's own word on what runs
// where, whatever any program of a host says or does not say.
type Census struct{ dirs map[string]string }

// Census returns one over these hosts, which need not be on.
func (c *Cluster) Census(hosts ...string) Census {
	s := Census{dirs: map[string]string{}}
	delegated, err := os.ReadFile(filepath.Join(c.dir(), "cgroup"))
	for _, name := range hosts {
		dir := filepath.Join("/sys/fs/cgroup/systemd", "nsched-lab-"+c.Lab.ID()+"-"+name)
		if err == nil { // cgroup v2
			dir = filepath.Join(string(delegated), "host-"+name)
		}
		s.dirs[name] = filepath.Join(dir, payload)
	}
	return s
}

// CensusOf returns one over hosts whose control groups are in these directories.
func CensusOf(dirs map[string]string) Census { return Census{dirs: dirs} }

// payload is where systemd-nspawn puts the host, beside itself.
const payload = "payload"

// shimName is what the kernel calls a unit's process until it has become the service.
const shimName = "nsched-exec"

// Holders lists the units of an app that have a process just now, and on which host. The shim, which has
// not become the service yet, does not count: it may still be refused.
func (s Census) Holders(app units.AppID) map[string]string {
	out := map[string]string{}
	for name, dir := range s.dirs {
		pattern := filepath.Join(dir, "nsched.slice", "nsched-*.slice", "nsched."+string(app.Namespace)+"."+string(app.Name)+".*.service", "cgroup.procs")
		files, _ := filepath.Glob(pattern) // the pattern is well formed
		for _, file := range files {
			if text, err := os.ReadFile(file); err == nil && anyService(text) {
				unit := strings.TrimPrefix(filepath.Base(filepath.Dir(file)), "nsched.")
				out[strings.TrimSuffix(unit, ".service")] = name
			}
		}
	}
	return out
}

func anyService(procs []byte) bool {
	for _, word := range strings.Fields(string(procs)) {
		pid, err := strconv.Atoi(word)
		if err != nil || pid <= 0 {
			continue
		}
		comm, err := os.ReadFile("/proc/" + word + "/comm")
		if name := strings.TrimSpace(string(comm)); err == nil && name != shimName && !strings.HasPrefix(name, "(") {
			return true // systemd's own child, before it executes anything, is called "(program)"
		}
	}
	return false
}

// Dir is the control group of a host, below which its systemd has its own.
func (s Census) Dir(host string) string { return s.dirs[host] }
