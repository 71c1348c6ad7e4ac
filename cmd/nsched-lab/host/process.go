package host

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsched/nsched/cmd/nsched-lab/host/wire"
)

// Process is a command that was started in a host or in the holder.
type Process struct {
	argv    []string
	inHost  bool
	conn    *wire.Conn
	streams *streams
	pidfd   *os.File // the command, or in a host the nsenter that is its parent
	done    chan struct{}
	err     error // set before done is closed
}

func newProcess(r runner, argv []string, conn *wire.Conn, s *streams, files []*os.File) *Process {
	p := &Process{argv: argv, inHost: r.host != "", conn: conn, streams: s, done: make(chan struct{})}
	if len(files) > 0 {
		p.pidfd = files[0]
		wire.CloseAll(files[1:])
	}
	go p.await()
	return p
}

// await ends when the process ended or the connection broke.
func (p *Process) await() {
	defer close(p.done)
	var reply wire.Reply
	files, err := p.conn.Receive(&reply)
	wire.CloseAll(files)
	_ = p.conn.Close()
	p.streams.finish()
	if p.pidfd != nil {
		_ = p.pidfd.Close()
	}
	switch {
	case err != nil: // killed with Kill, or the lab ended
		p.err = &ExitError{Argv: p.argv, Code: 128 + int(unix.SIGKILL), Signal: int(unix.SIGKILL)}
	case reply.Exit == nil:
		p.err = reply.Err()
	case reply.Exit.Code != 0:
		p.err = &ExitError{Argv: p.argv, Code: reply.Exit.Code, Signal: reply.Exit.Signal}
	}
}

// Done is closed when the process ended and its output was read.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end: nil for exit code 0, else an *ExitError. It may be called again.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Kill kills the process with its process group and waits until this end of it is closed. A detached
// process is only let go. It is idempotent.
func (p *Process) Kill() {
	_ = p.conn.Close()
	<-p.done
}

// PID is the process's number in this process's PID namespace.
func (p *Process) PID() (int, error) {
	pid, err := p.outer()
	if err != nil || !p.inHost {
		return pid, err
	}
	path := fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		data, err := os.ReadFile(path)
		if err != nil {
			return 0, fmt.Errorf("find process %q: %w", p.argv, err)
		}
		if fields := strings.Fields(string(data)); len(fields) > 0 {
			return strconv.Atoi(fields[0])
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("find process %q: %w", p.argv, os.ErrProcessDone)
		}
	}
}

// outer reads the number behind the descriptor, which the kernel translates for the reader.
func (p *Process) outer() (int, error) {
	if p.pidfd == nil {
		return 0, fmt.Errorf("find process %q: %w", p.argv, os.ErrProcessDone)
	}
	raw, err := p.pidfd.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("find process %q: %w", p.argv, os.ErrProcessDone)
	}
	var data []byte
	if ctlErr := raw.Control(func(fd uintptr) { data, err = os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd)) }); ctlErr != nil {
		return 0, fmt.Errorf("find process %q: %w", p.argv, os.ErrProcessDone)
	}
	if err != nil {
		return 0, fmt.Errorf("find process %q: %w", p.argv, err)
	}
	for _, line := range strings.Split(string(data), "\n") {
		if value, ok := strings.CutPrefix(line, "Pid:"); ok {
			if pid, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && pid > 0 {
				return pid, nil
			}
		}
	}
	return 0, fmt.Errorf("find process %q: %w", p.argv, os.ErrProcessDone)
}

// Signal sends a signal to the process alone. os.ErrProcessDone when it ended.
func (p *Process) Signal(sig syscall.Signal) error {
	pid, err := p.PID()
	if err != nil {
		return err
	}
	if err := unix.Kill(pid, sig); err != nil {
		return fmt.Errorf("signal process %q: %w", p.argv, err)
	}
	return nil
}
