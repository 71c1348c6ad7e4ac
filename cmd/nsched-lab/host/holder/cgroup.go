package holder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsched/nsched/cmd/nsched-lab/host/wire"
)

// cgroups gives each host cgroups of its own. Left alone, all nspawn hosts share one "payload" cgroup:
// units of the same name would share limits, and processes of one would keep the other's alive.
type cgroups struct {
	lab string
	// v1 holds the mount point of each hierarchy that hosts own a part of. cpuset is left out: a new
	// cpuset takes no process before it is configured, and systemd does not use it.
	v1 []string
	// v2 is the delegated directory, "" on a machine with v1.
	v2 string
}

// CgroupPrefix begins the name of every cgroup of a lab.
func CgroupPrefix(lab string) string { return "nsched-lab-" + lab }

// Hierarchies are the mount points of the cgroup v1 hierarchies (and of v2 beside them) of the
// machine; none on a machine with v2 alone.
func Hierarchies() ([]string, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("list cgroup hierarchies: %w", err)
	}
	var v1, v2 []string
	for _, line := range strings.Split(string(data), "\n") {
		before, after, ok := strings.Cut(line, " - ")
		fields, super := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(super) < 3 || !strings.HasPrefix(fields[4], "/sys/fs/cgroup/") {
			continue
		}
		switch {
		case super[0] == "cgroup2":
			v2 = append(v2, fields[4])
		case super[0] == "cgroup" && !strings.Contains(","+super[2]+",", ",cpuset,"):
			v1 = append(v1, fields[4])
		}
	}
	if len(v1) == 0 {
		return nil, nil
	}
	return append(v1, v2...), nil
}

func openCgroups(cfg wire.Config) (cgroups, error) {
	c := cgroups{lab: cfg.ID, v2: cfg.Cgroup}
	if c.v2 != "" {
		return c, c.delegate()
	}
	var err error
	c.v1, err = Hierarchies()
	return c, err
}

// delegate moves the holder to a leaf, since a v2 cgroup with controllers for its children holds no
// processes, and then hands all controllers on.
func (c cgroups) delegate() error {
	leaf := filepath.Join(c.v2, "holder")
	if err := os.Mkdir(leaf, 0o755); err != nil {
		return fmt.Errorf("make cgroup of holder: %w", err)
	}
	if err := os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte("0"), 0); err != nil {
		return fmt.Errorf("move holder into its cgroup: %w", err)
	}
	controllers, err := os.ReadFile(filepath.Join(c.v2, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("list cgroup controllers: %w", err)
	}
	for _, name := range strings.Fields(string(controllers)) {
		if err := os.WriteFile(filepath.Join(c.v2, "cgroup.subtree_control"), []byte("+"+name), 0); err != nil {
			return fmt.Errorf("delegate cgroup controller %s: %w", name, err)
		}
	}
	return nil
}

// of are the directories of one host.
func (c cgroups) of(host string) []string {
	if c.v2 != "" {
		return []string{filepath.Join(c.v2, "host-"+host)}
	}
	var dirs []string
	for _, m := range c.v1 {
		dirs = append(dirs, filepath.Join(m, CgroupPrefix(c.lab)+"-"+host))
	}
	return dirs
}

// make makes a host's cgroups anew.
func (c cgroups) make(host string) ([]string, error) {
	dirs := c.of(host)
	for _, d := range dirs {
		if err := RemoveCgroup(d); err != nil {
			return nil, err
		}
		if err := os.Mkdir(d, 0o755); err != nil {
			return nil, fmt.Errorf("make cgroup: %w", err)
		}
	}
	return dirs, nil
}

// remove kills what is still in a host's cgroups, which only its own processes ever enter, and removes
// them. After a normal end nothing is.
func (c cgroups) remove(host string) error {
	var errs []error
	for _, d := range c.of(host) {
		errs = append(errs, killAll(d))
	}
	for _, d := range c.of(host) {
		errs = append(errs, RemoveCgroup(d))
	}
	return errors.Join(errs...)
}

// killAll kills every process in a cgroup and below until there is none, for up to five seconds. A
// process that forks is killed with its child in a later round.
func killAll(dir string) error {
	for range 500 {
		pids, err := processes(dir)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("kill %d in %s: %w", pid, dir, err)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("kill processes in %s: they go on", dir)
}

// processes lists a cgroup and all below it, in the numbers of the caller's PID namespace. Those of a
// foreign namespace read as 0 and are left out.
func processes(dir string) ([]int, error) {
	var pids []int
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "cgroup.procs" {
			return ignoreGone(err)
		}
		data, err := os.ReadFile(path)
		for _, field := range strings.Fields(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		return ignoreGone(err)
	})
	if err != nil {
		return nil, fmt.Errorf("list processes of %s: %w", dir, err)
	}
	return pids, nil
}

// ignoreGone forgives that a cgroup vanished while it was looked at.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// RemoveCgroup removes a cgroup and all below it; one that is not there is fine. The kernel says busy
// for a moment after the last process ended, so it is asked for up to five seconds.
func RemoveCgroup(dir string) error {
	var err error
	for range 500 {
		if err = removeTree(dir); !errors.Is(err, unix.EBUSY) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("remove cgroup: %w", err)
	}
	return nil
}

func removeTree(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return ignoreGone(err)
	})
	if err != nil {
		return err
	}
	for i := len(dirs) - 1; i >= 0; i-- {
		if err := unix.Rmdir(dirs[i]); err != nil && !errors.Is(err, unix.ENOENT) {
			return &fs.PathError{Op: "rmdir", Path: dirs[i], Err: err}
		}
	}
	return nil
}
