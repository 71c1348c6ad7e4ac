package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsched/nsched/units"
)

// killPasses bounds how often Kill looks for processes that were made while it killed.
const killPasses = 100

// Empty reports whether the unit's control group holds no process, nested groups included. A control group
// that is not there holds none. Processes that were killed and cannot die yet count: they are still there.
func (Bounds) Empty(ctx context.Context, id units.UnitID) (bool, error) {
	pids, err := processes(ctx, id)
	if err != nil {
		return false, fmt.Errorf("look for processes of %s: %w", id, err)
	}
	return len(pids) == 0, nil
}

// Kill sends SIGKILL to every process of the unit's control group, nested groups included, without asking
// systemd. It does not wait for their end. A unit without processes is fine, so doing it again is, too.
func (Bounds) Kill(ctx context.Context, id units.UnitID) error {
	fail := func(err error) error { return fmt.Errorf("kill the processes of %s: %w", id, err) }
	killed := map[int]bool{}
	for range killPasses {
		pids, err := processes(ctx, id)
		if err != nil {
			return fail(err)
		}
		fresh, err := killAll(pids, id.ServiceName(), killed)
		if err != nil {
			return fail(err)
		}
		if !fresh {
			return nil
		}
	}
	return fail(errors.New("it makes new ones faster than they are killed"))
}

// killAll kills every process of the service that it can: one that it cannot kill protects no other. It
// reports whether there were any that are not among the killed, and adds them.
func killAll(pids map[int]bool, service string, killed map[int]bool) (fresh bool, err error) {
	var errs []error
	for pid := range pids { // order-free: each is killed, and the errors are told together
		fresh = fresh || !killed[pid]
		killed[pid] = true
		errs = append(errs, kill(pid, service))
	}
	return fresh, errors.Join(errs...)
}

// kill kills the process if it is still one of the service's: a pid may be another's by now, a descriptor
// of the process may not.
func kill(pid int, service string) error {
	if pid <= 0 {
		return errors.New("one of them is outside of this PID namespace")
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open process %d: %w", pid, err)
	}
	defer func() { _ = unix.Close(fd) }()
	groups, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) || err == nil && !strings.Contains(string(groups), "/"+service) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at process %d: %w", pid, err)
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill process %d: %w", pid, err)
	}
	return nil
}

// processes returns the processes of the unit in every hierarchy that systemd may track them in.
func processes(ctx context.Context, id units.UnitID) (map[int]bool, error) {
	bases, err := hierarchies("/proc")
	if err != nil {
		return nil, err
	}
	pids := map[int]bool{}
	for _, base := range bases {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := gather(filepath.Join(base, "nsched.slice", units.SliceName(id.Namespace), id.ServiceName()), pids); err != nil {
			return nil, err
		}
	}
	return pids, nil
}

// gather adds the processes of a control group and of those below it. What goes away meanwhile, or was
// never there, has none.
func gather(dir string, pids map[int]bool) error {
	list, err := os.ReadDir(dir)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range list {
		if e.IsDir() {
			if err := gather(filepath.Join(dir, e.Name()), pids); err != nil {
				return err
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if gone(err) || errors.Is(err, unix.EOPNOTSUPP) { // a threaded group's processes are listed above it
		return nil
	}
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		pid, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			return fmt.Errorf("read %s: %w", filepath.Join(dir, "cgroup.procs"), err)
		}
		pids[pid] = true
	}
	return nil
}

func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) }
