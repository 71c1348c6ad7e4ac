package guard

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// handedOn returns the descriptor that a predecessor left in an environment variable, which is taken away.
func handedOn(variable string) (there bool, fd int, err error) {
	text, ok := os.LookupEnv(variable)
	if !ok {
		return false, 0, nil
	}
	if err := os.Unsetenv(variable); err != nil {
		return false, 0, err
	}
	fd, err = strconv.Atoi(text)
	if err != nil {
		return false, 0, fmt.Errorf("%s=%q is not a number", variable, text)
	}
	return true, fd, nil
}

// handOn makes a duplicate of a file that an execve keeps, and returns its variable. The duplicate must be
// closed when there was no execve.
func handOn(variable string, f interface {
	SyscallConn() (syscall.RawConn, error)
},
) (env string, fd int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return "", 0, err
	}
	var dupErr error
	// Not the file's Fd: it makes the descriptor blocking, which the duplicate shares, and a guard that goes on
	// could then be woken from its Accept by a client alone.
	if err := raw.Control(func(old uintptr) {
		fd, dupErr = unix.FcntlInt(old, unix.F_DUPFD, 3)
	}); err != nil || dupErr != nil {
		return "", 0, errors.Join(err, dupErr)
	}
	return variable + "=" + strconv.Itoa(fd), fd, nil
}
