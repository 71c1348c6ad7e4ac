package systemd

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// shimName is the shim's file name, below a directory that is named by its hash.
const shimName = "nsched-exec"

// Shims keeps copies of the shim, <dir>/<sha256>/nsched-exec. A unit names its copy for as long as it
// is loaded: the shim beside the daemon is another one after an upgrade, and its store path is collected.
type Shims struct{ dir string }

// NewShims returns the copies in dir, such as /var/lib/nsched/exec.
func NewShims(dir string) *Shims { return &Shims{dir: dir} }

// Install copies the shim at source into place, unless an intact copy is there, and returns the copy's
// path. It is durable when it returns, and doing it twice or in two processes does no harm.
func (s *Shims) Install(source string) (path string, err error) {
	data, err := os.ReadFile(source)
	if err != nil {
		return "", fmt.Errorf("install shim: %w", err)
	}
	sum := sha256.Sum256(data)
	dir := filepath.Join(s.dir, hex.EncodeToString(sum[:]))
	path = filepath.Join(dir, shimName)
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, data) {
		return path, nil
	}
	// The unit's user executes it: everything down to it is open to all, whatever the umask.
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("install shim: %w", err)
	}
	for _, d := range []string{s.dir, dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			return "", fmt.Errorf("install shim: %w", err)
		}
	}
	if err := replace(path, data, 0o755); err != nil {
		return "", fmt.Errorf("install shim: %w", err)
	}
	if err := syncDir(s.dir); err != nil {
		return "", fmt.Errorf("install shim: sync %s: %w", s.dir, err)
	}
	return path, nil
}

// Sweep removes every copy but those to keep. keep holds the paths that loaded units name (Unit.Exec) and
// the one in use. No Install may be under way.
func (s *Shims) Sweep(keep map[string]bool) error {
	names, err := entries(s.dir)
	if err != nil {
		return fmt.Errorf("sweep shims: %w", err)
	}
	var errs []error
	for _, name := range names {
		if sum, err := hex.DecodeString(name); err != nil || len(sum) != sha256.Size {
			continue // not ours
		}
		if dir := filepath.Join(s.dir, name); !keep[filepath.Join(dir, shimName)] {
			errs = append(errs, os.RemoveAll(dir))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sweep shims: %w", err)
	}
	return nil
}
