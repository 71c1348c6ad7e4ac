package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// listenFD names the environment variable by which a guard hands its listening socket to the process
// it becomes, so that no client is ever refused in an upgrade.
const listenFD = "NSCHED_GUARD_LISTEN_FD"

// Listen takes over the socket that a predecessor handed on, or makes it anew. Everybody on the
// machine may ask: a unit's shim runs as a user of its own.
func Listen(path string) (*net.UnixListener, error) {
	if text, ok := os.LookupEnv(listenFD); ok {
		if err := os.Unsetenv(listenFD); err != nil {
			return nil, fmt.Errorf("take over the guard's socket: %w", err)
		}
		fd, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("take over the guard's socket: %s=%q is not a number", listenFD, text)
		}
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
