package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// HalfPrefix begins the name of what is being made and is not whole yet: a file or a directory, beside or in the
// place where it is to be.
const HalfPrefix = ".nsched-half-"

// HoldHalf says that somebody works on it, until f is closed. Whoever reads it may hold it too.
func HoldHalf(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_SH) }

// SweepHalves removes from a directory what was left there by those that were killed. What cannot be removed
// stays.
func SweepHalves(dir string) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range list {
		if strings.HasPrefix(entry.Name(), HalfPrefix) {
			sweepHalf(filepath.Join(dir, entry.Name()))
		}
	}
}

func sweepHalf(path string) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		_ = os.RemoveAll(path)
	}
}
