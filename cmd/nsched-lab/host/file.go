package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// WriteFile writes a file of the host, on or off, and makes the directories above it. An existing file
// is replaced as a whole, so a running program may be. Symbolic links in the path are the host's.
func (h *Host) WriteFile(ctx context.Context, name string, data []byte, mode fs.FileMode) error {
	return h.write(ctx, name, strings.NewReader(string(data)), mode)
}

// CopyIn copies a file of the machine into the host, with its permissions.
func (h *Host) CopyIn(ctx context.Context, source, name string) error {
	f, err := os.Open(source)
	if err != nil {
		return fmt.Errorf("copy %s to %s: %w", source, h.name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("copy %s to %s: %w", source, h.name, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("copy %s to %s: not a regular file: %w", source, h.name, ErrRequest)
	}
	return h.write(ctx, name, f, info.Mode().Perm())
}

// ReadFile reads a file of the host, on or off. /run and /tmp are there only while it is on.
func (h *Host) ReadFile(ctx context.Context, name string) ([]byte, error) {
	root, err := h.openRoot(ctx)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.open(name, unix.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("read %s of %s: %w", name, h.name, err)
	}
	defer f.Close()
	return io.ReadAll(f)
}

func (h *Host) write(ctx context.Context, name string, from io.Reader, mode fs.FileMode) error {
	root, err := h.openRoot(ctx)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.replace(path.Clean("/"+name), from, mode); err != nil {
		return fmt.Errorf("write %s of %s: %w", name, h.name, err)
	}
	return nil
}

// hostRoot is a host's / seen from outside. Paths are resolved by openat2 inside it, so that a symbolic
// link in the host never leads to a file of the machine.
type hostRoot struct{ fd int }

// openRoot opens what the host sees while it is on, its files on the overlay while it is off.
func (h *Host) openRoot(ctx context.Context) (*hostRoot, error) {
	state, err := h.state(ctx)
	if err != nil {
		return nil, err
	}
	inside := fmt.Sprintf("/proc/%d/root", h.lab.pid)
	dir := filepath.Join(inside, h.lab.dir, "fs/hosts", h.name, "root")
	if state.Power == PowerOn && state.Leader > 0 {
		dir = fmt.Sprintf("%s/proc/%d/root", inside, state.Leader)
	}
	fd, err := unix.Open(dir+"/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open root of %s: %w", h.name, err)
	}
	return &hostRoot{fd: fd}, nil
}

// Close lets the root go.
func (r *hostRoot) Close() error { return unix.Close(r.fd) }

func (r *hostRoot) open(name string, flags int, mode fs.FileMode) (*os.File, error) {
	for {
		fd, err := unix.Openat2(r.fd, name, &unix.OpenHow{
			Flags: uint64(flags) | unix.O_CLOEXEC, Mode: uint64(mode.Perm()), Resolve: unix.RESOLVE_IN_ROOT,
		})
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue // something was renamed while the kernel looked
		}
		if err != nil {
			return nil, err
		}
		return os.NewFile(uintptr(fd), name), nil
	}
}

// directory opens name, which is clean and absolute, and makes what is missing.
func (r *hostRoot) directory(name string) (*os.File, error) {
	d, err := r.open(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if !errors.Is(err, unix.ENOENT) || name == "/" {
		return d, err
	}
	parent, err := r.directory(path.Dir(name))
	if err != nil {
		return nil, err
	}
	err = unix.Mkdirat(int(parent.Fd()), path.Base(name), 0o755)
	_ = parent.Close()
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, err
	}
	return r.open(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
}

// replace writes beside the file and renames over it.
func (r *hostRoot) replace(name string, from io.Reader, mode fs.FileMode) error {
	d, err := r.directory(path.Dir(name))
	if err != nil {
		return err
	}
	defer d.Close()
	dir, temporary := int(d.Fd()), "."+path.Base(name)+".new"
	fd, err := unix.Openat(dir, temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), temporary)
	_, err = io.Copy(f, from)
	if err == nil {
		err = f.Chmod(mode.Perm())
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = unix.Renameat(dir, temporary, dir, path.Base(name))
	}
	if err != nil {
		_ = unix.Unlinkat(dir, temporary, 0)
	}
	return err
}
