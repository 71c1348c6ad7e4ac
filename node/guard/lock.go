package guard

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lockFD names the environment variable by which a guard hands its lock to the process it becomes, so that
// no other gets in between.
const lockFD = "NSCHED_GUARD_LOCK_FD"

// Lock is held by the one guard of a machine. The kernel lets go of it when the process ends.
type Lock struct{ file *os.File }

// TakeLock takes over the lock that a predecessor handed on, or takes the one at path. It does not wait:
// where another guard holds it the error says which.
func TakeLock(path string) (*Lock, error) {
	inherited, fd, err := handedOn(lockFD)
	if err != nil {
		return nil, fmt.Errorf("take over the guard's lock: %w", err)
	}
	if inherited {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
			return nil, fmt.Errorf("take over the guard's lock: %w", err)
		}
		return &Lock{os.NewFile(uintptr(fd), path)}, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("take the guard's lock: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("take the guard's lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path)
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("take the guard's lock: another guard runs on this machine (process %s holds %s); stop it first, or give this one another paths.runtime",
				strings.TrimSpace(string(holder)), path)
		}
		return nil, fmt.Errorf("take the guard's lock: %w", err)
	}
	// For the message above alone: a file system that is full must not keep a guard from starting.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return &Lock{f}, nil
}

// Close lets go of the lock. The file stays: another guard may be waiting to lock the very same one.
func (l *Lock) Close() error { return l.file.Close() }
