package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// listenFD names the environment variable by which a guard hands its listening socket to the process
// it becomes, so that no client is ever refused in an upgrade.
const listenFD = "NSCHED_GUARD_LISTEN_FD"

// Listen takes over the socket that a predecessor handed on, or makes it anew: the caller holds the lock, so
// what lies there is a dead guard's. Everybody on the machine may ask: a unit's shim runs as a user of its
// own.
func Listen(path string) (*net.UnixListener, error) {
	inherited, fd, err := handedOn(listenFD)
	if err != nil {
		return nil, fmt.Errorf("take over the guard's socket: %w", err)
	}
	if inherited {
		f := os.NewFile(uintptr(fd), path)
		defer func() { _ = f.Close() }()
		l, err := net.FileListener(f)
		if err != nil {
			return nil, fmt.Errorf("take over the guard's socket: %w", err)
		}
		if unixListener, ok := l.(*net.UnixListener); ok {
			unixListener.SetUnlinkOnClose(false)
			return unixListener, nil
		}
		return nil, fmt.Errorf("take over the guard's socket: descriptor %d is not a unix socket", fd)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the guard's socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("make the guard's socket: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("make the guard's socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o666); err != nil {
		return nil, fmt.Errorf("make the guard's socket: %w", err)
	}
	return l, nil
}
