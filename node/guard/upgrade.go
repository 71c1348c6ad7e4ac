package guard

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
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

// Become replaces this process by binary, with the same arguments, PID, listening socket and lock. The
// guard has ended its Run and remembers its tenure in its Keeper. It returns only on failure, and
// then the caller goes on as it was.
func Become(binary string, l *net.UnixListener, lock *Lock) error {
	env := os.Environ()
	for variable, f := range map[string]interface {
		SyscallConn() (syscall.RawConn, error)
	}{listenFD: l, lockFD: lock.file} {
		text, fd, err := handOn(variable, f)
		if err != nil {
			return fmt.Errorf("upgrade the guard: %w", err)
		}
		defer func() { _ = unix.Close(fd) }()
		env = append(env, text)
	}
	argv := append([]string{binary}, os.Args[1:]...)
	if err := syscall.Exec(binary, argv, env); err != nil {
		return fmt.Errorf("upgrade the guard to %s: %w", binary, err)
	}
	return nil
}
