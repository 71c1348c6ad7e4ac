package host

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/host/wire"
)

// Command is a process to run in a host or in the holder.
type Command struct {
	// Argv is program and arguments. The program is looked up in PATH.
	Argv []string
	// Env is added to a small clean environment in a host, to this process's environment in the holder.
	Env []string
	// Dir is the working directory; / in a host by default.
	Dir string
	// Stdin, Stdout and Stderr work as in os/exec: nil is /dev/null, an *os.File is handed over.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Log, a file name, sends both outputs to that file below Lab.Logs instead.
	Log string
	// Detach lets the process outlive this one in a detached lab. Outputs go to Log, by default to the
	// program's name with ".log".
	Detach bool
	// Terminal says that the streams are one terminal, which becomes the process's controlling one.
	Terminal bool
}

// runner runs commands in one place: in a host, or with an empty name in the holder.
type runner struct {
	lab  *Lab
	host string
}

// Exec runs a program to its end and returns what it wrote to its standard output, without the final
// newline, also when it fails. An exit code other than 0 is an *ExitError that carries the standard
// error. When ctx ends first, the program is killed with its process group.
func (r runner) Exec(ctx context.Context, argv ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	err := r.Run(ctx, Command{Argv: argv, Stdout: &stdout, Stderr: &stderr})
	var exit *ExitError
	if errors.As(err, &exit) {
		text := strings.TrimSpace(stderr.String())
		exit.Stderr = text[max(0, len(text)-2000):]
	}
	return strings.TrimSuffix(stdout.String(), "\n"), err
}

// Run runs a command to its end. An exit code other than 0 is an *ExitError. When ctx ends first, it is
// killed with its process group and the context's error comes back.
func (r runner) Run(ctx context.Context, c Command) error {
	p, err := r.Start(ctx, c)
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
		return p.Wait()
	case <-ctx.Done():
		p.Kill()
		return ctx.Err()
	}
}

// Start starts a command; ctx is for the start alone. The process ends at the latest with the lab, and
// unless it is detached with this process. The caller calls Wait or Kill.
func (r runner) Start(ctx context.Context, c Command) (*Process, error) {
	conn, err := r.lab.dialHolder(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	s, err := openStreams(c)
	var files []*os.File
	if err == nil {
		err = conn.Send(wire.Request{Op: wire.OpRun, Host: r.host, Command: &wire.Command{
			Argv: c.Argv, Env: c.Env, Dir: c.Dir, Log: c.Log, Detach: c.Detach, Terminal: c.Terminal,
		}}, s.fds()...)
		s.closeTheirs()
	}
	var reply wire.Reply
	if err == nil {
		files, err = conn.Receive(&reply)
	}
	if err == nil {
		err = reply.Err()
	}
	if !stop() && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		wire.CloseAll(files)
		_ = conn.Close()
		s.abandon()
		return nil, err
	}
	return newProcess(r, c.Argv, conn, s, files), nil
}

// pause waits a little or until ctx ends.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(5 * time.Millisecond):
		return nil
	}
}
