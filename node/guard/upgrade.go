package guard

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// CheckBinary refuses what a guard must not become: execve replaces the process before it can tell
// that the new image does not start, so what can be known is checked first.
func CheckBinary(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("upgrade the guard: %q is not an absolute path", path)
	}
	st, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("upgrade the guard: %w", err)
	}
	if !st.Mode().IsRegular() || st.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("upgrade the guard: %s is not an executable file", path)
	}
	return nil
}

// Become replaces this process by binary, with the same arguments, PID and listening socket. The
// guard has ended its Run and remembers its tenure in its Keeper. It returns only on failure, and
// then the caller goes on as it was.
func Become(binary string, l *net.UnixListener) error {
	f, err := l.File() // a duplicate of its own
	if err != nil {
		return fmt.Errorf("upgrade the guard: %w", err)
	}
	defer func() { _ = f.Close() }()
	// Not f.Fd: it makes the socket itself blocking, which the listener shares, and a guard that goes on
	// could then be woken from its Accept by a client alone.
	raw, err := f.SyscallConn()
	if err != nil {
		return fmt.Errorf("upgrade the guard: %w", err)
	}
	number := 0
	var inheritErr error
	if err := raw.Control(func(fd uintptr) {
		number = int(fd)
		_, inheritErr = unix.FcntlInt(fd, unix.F_SETFD, 0)
	}); err != nil || inheritErr != nil {
		return fmt.Errorf("upgrade the guard: %w", errors.Join(err, inheritErr))
	}
	argv := append([]string{binary}, os.Args[1:]...)
	env := append(os.Environ(), listenFD+"="+strconv.Itoa(number))
	if err := syscall.Exec(binary, argv, env); err != nil {
		return fmt.Errorf("upgrade the guard to %s: %w", binary, err)
	}
	return nil
}
