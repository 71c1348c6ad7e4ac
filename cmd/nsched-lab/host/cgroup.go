package host

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsched/nsched/cmd/nsched-lab/host/holder"
)

const cgroupRoot = "/sys/fs/cgroup"

// delegateCgroup gives the holder a cgroup v2 of its own, which it then divides among its hosts, and
// returns its directory; "" on a machine with cgroup v1, where the holder makes them at the top. Where
// systemd manages the machine it is asked for a scope, since it owns the tree. The directory is noted
// in the lab's, for the sweep.
func delegateCgroup(ctx context.Context, id, dir string, pid int) (string, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(cgroupRoot, &st); err != nil || st.Type != unix.CGROUP2_SUPER_MAGIC {
		return "", nil
	}
	name := holder.CgroupPrefix(id)
	group := filepath.Join(cgroupRoot, name)
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		if err := startScope(ctx, name+".scope", pid); err != nil {
			return "", err
		}
		if group, err = awaitScope(ctx, name+".scope", pid); err != nil {
			return "", err
		}
	} else {
		if err := os.Mkdir(group, 0o755); err != nil {
			return "", fmt.Errorf("make cgroup: %w", err)
		}
		if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
			return "", fmt.Errorf("move holder into its cgroup: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "cgroup"), []byte(group), 0o600); err != nil {
		return "", fmt.Errorf("note cgroup: %w", err)
	}
	return group, nil
}

// startScope asks the machine's systemd for a transient scope with delegation. It is asked for from
// here because process ids in its messages are the machine's, not the lab's.
func startScope(ctx context.Context, unit string, pid int) error {
	out, err := exec.CommandContext(ctx, "busctl", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
		"org.freedesktop.systemd1.Manager", "StartTransientUnit", "ssa(sv)a(sa(sv))", unit, "fail",
		"3", "PIDs", "au", "1", strconv.Itoa(pid), "Delegate", "b", "true", "CollectMode", "s", "inactive-or-failed",
		"0").CombinedOutput()
	if err != nil {
		return fmt.Errorf("start %s: %w: %s", unit, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// awaitScope waits until systemd moved the holder and returns where to.
func awaitScope(ctx context.Context, unit string, pid int) (string, error) {
	for {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		if err != nil {
			return "", fmt.Errorf("find cgroup of holder: %w", err)
		}
		for _, line := range strings.Split(string(data), "\n") {
			if path, ok := strings.CutPrefix(line, "0::"); ok && strings.HasSuffix(path, "/"+unit) {
				return filepath.Join(cgroupRoot, path), nil
			}
		}
		if err := pause(ctx); err != nil {
			return "", fmt.Errorf("await %s: %w", unit, err)
		}
	}
}
