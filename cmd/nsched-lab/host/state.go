package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsched/nsched/cmd/nsched-lab/host/holder"
)

// StateDir holds one directory per lab:
//
//	.lock              held while labs are made or swept
//	<id>/lock          locked for as long as the holder lives: nothing else says that a lab is alive
//	<id>/control       the holder's socket
//	<id>/logs/         consoles and logs, unless Options.LogDir says otherwise
//	<id>/fs/           empty here; in the holder the lab's file systems
//	<id>/cgroup        the delegated cgroup, where there is one
const StateDir = "/run/nsched-lab"

// guardState runs f while no other program makes or sweeps labs.
func guardState(f func() error) error {
	if err := os.MkdirAll(StateDir, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", StateDir, err)
	}
	lock, err := os.OpenFile(filepath.Join(StateDir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock %s: %w", StateDir, err)
	}
	defer lock.Close()
	for {
		if err = unix.Flock(int(lock.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", StateDir, err)
	}
	return f()
}

// claim makes the directory of a new lab and returns its lock, which the holder is to inherit.
func claim(id string) (lock *os.File, err error) {
	dir := filepath.Join(StateDir, id)
	err = guardState(func() error {
		if err := os.Mkdir(dir, 0o755); errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("open lab %s: %w", id, ErrExists)
		} else if err != nil {
			return fmt.Errorf("open lab %s: %w", id, err)
		}
		lock, err = os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return fmt.Errorf("open lab %s: %w", id, err)
		}
		if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			return fmt.Errorf("lock lab %s: %w", id, err)
		}
		return nil
	})
	return lock, err
}

// IDs lists the labs whose holder lives.
func IDs() ([]string, error) {
	dirs, err := labDirs()
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, id := range dirs {
		if alive(id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Sweep removes what labs with a dead holder left: empty cgroups and their directories. It is
// idempotent and never touches a lab that is alive. Open calls it.
func Sweep() error {
	return guardState(func() error {
		dirs, err := labDirs()
		if err != nil {
			return err
		}
		var errs []error
		for _, id := range dirs {
			if !alive(id) {
				errs = append(errs, sweepLab(id))
			}
		}
		return errors.Join(errs...)
	})
}

// sweepLab removes one dead lab. The caller holds the state's lock.
func sweepLab(id string) error {
	dir := filepath.Join(StateDir, id)
	var errs []error
	hierarchies, err := holder.Hierarchies()
	errs = append(errs, err)
	for _, h := range hierarchies {
		groups, err := filepath.Glob(filepath.Join(h, holder.CgroupPrefix(id)+"-*"))
		errs = append(errs, err)
		for _, g := range groups {
			errs = append(errs, holder.RemoveCgroup(g))
		}
	}
	if group, err := os.ReadFile(filepath.Join(dir, "cgroup")); err == nil {
		errs = append(errs, holder.RemoveCgroup(string(group)))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sweep lab %s: %w", id, err) // the directory stays, so the next sweep tries again
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("sweep lab %s: %w", id, err)
	}
	return nil
}

// alive says whether somebody holds the lab's lock. A lab that is just being made is guarded by the
// state's lock.
func alive(id string) bool {
	f, err := os.OpenFile(filepath.Join(StateDir, id, "lock"), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	// A shared lock: two observers do not take each other for a holder.
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// awaitDeath returns when the lab's holder is gone, false when it lives on for too long.
func awaitDeath(id string, patience time.Duration) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if !alive(id) {
			return true
		}
	}
	return !alive(id)
}

func labDirs() ([]string, error) {
	entries, err := os.ReadDir(StateDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list labs: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}
