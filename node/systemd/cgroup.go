package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsched/nsched/units"
)

const (
	// killPasses bounds how often Kill looks for processes that were made while it killed.
	killPasses = 100
	// killAtOnce bounds how many descriptors of processes it holds.
	killAtOnce = 256
)

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
	dirs, err := groups(id)
	if err != nil {
		return fail(err)
	}
	for _, dir := range dirs {
		killGroup(dir)
	}
	killed := map[int]bool{}
	list := func() (map[int]bool, error) { return processes(ctx, id) }
	for range killPasses {
		pids, err := list()
		if err != nil {
			return fail(err)
		}
		fresh, err := killAll(pids, list, killed)
		if err != nil {
			return fail(err)
		}
		if !fresh {
			return nil
		}
	}
	return fail(errors.New("it makes new ones faster than they are killed"))
}

// killGroup has the kernel kill all that is in a control group and below it, also what is being forked
// meanwhile (Linux 5.14, cgroup version 2). Where it cannot, killing one after the other has to do.
func killGroup(dir string) {
	f, err := os.OpenFile(filepath.Join(dir, "cgroup.kill"), os.O_WRONLY, 0)
	if err != nil {
		return
	}
	_, _ = f.WriteString("1")
	_ = f.Close()
}

// killAll kills every process of the unit that it can: one that it cannot kill protects no other. list says
// which are the unit's now. It reports whether there were any that are not among the killed, and adds them.
func killAll(pids map[int]bool, list func() (map[int]bool, error), killed map[int]bool) (fresh bool, err error) {
	var errs []error
	for some := range slices.Chunk(slices.Sorted(maps.Keys(pids)), killAtOnce) {
		for _, pid := range some {
			fresh = fresh || !killed[pid]
			killed[pid] = true
		}
		errs = append(errs, kill(some, list))
	}
	return fresh, errors.Join(errs...)
}

// kill kills those of the processes that are the unit's: a pid may be another's by now, a descriptor of the
// process may not, so what is listed after it was opened is what was opened. What /proc says of a process is
// no help: on cgroup version 1 one whose first thread has ended is in no group there, though the others run,
// and with hidepid it may not be there at all.
func kill(pids []int, list func() (map[int]bool, error)) error {
	var errs []error
	opened := make(map[int]int, len(pids))
	defer func() {
		for _, fd := range opened { // order-free: each is closed
			_ = unix.Close(fd)
		}
	}()
	for _, pid := range pids {
		if pid <= 0 {
			errs = append(errs, errors.New("one of them is outside of this PID namespace"))
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		switch {
		case err == nil:
			opened[pid] = fd
		case !errors.Is(err, unix.ESRCH):
			errs = append(errs, fmt.Errorf("open process %d: %w", pid, err))
		}
	}
	now, err := list()
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for pid, fd := range opened { // order-free: each is killed, and the errors are told together
		if !now[pid] {
			continue
		}
		if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("kill process %d: %w", pid, err))
		}
	}
	return errors.Join(errs...)
}

// groups returns the unit's control group in every hierarchy that systemd may track it in, whether it is
// there or not.
func groups(id units.UnitID) ([]string, error) {
	bases, err := hierarchies("/proc")
	if err != nil {
		return nil, err
	}
	dirs := make([]string, 0, len(bases))
	for _, base := range bases {
		dirs = append(dirs, filepath.Join(base, "nsched.slice", units.SliceName(id.Namespace), id.ServiceName()))
	}
	return dirs, nil
}

// processes returns the processes of the unit.
func processes(ctx context.Context, id units.UnitID) (map[int]bool, error) {
	dirs, err := groups(id)
	if err != nil {
		return nil, err
	}
	pids := map[int]bool{}
	for _, dir := range dirs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := gather(dir, pids); err != nil {
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
