package holder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsched/nsched/cmd/nsched-lab/host/wire"
)

const standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// run serves OpRun: a reply when the process started, another when it ended. The end of the
// connection kills the process with its group, unless it is detached.
func (h *holder) run(ctx context.Context, c *wire.Conn, req wire.Request, files []*os.File) {
	cmd, err := h.command(req, &files)
	if err == nil {
		if err = h.children.start(cmd); err != nil {
			err = fmt.Errorf("start %s: %w", req.Command.Argv[0], err)
		}
	}
	wire.CloseAll(files) // the process has its own now, and its end must show
	if err != nil {
		_ = c.Send(wire.Failure(err))
		return
	}
	group := cmd.Process.Pid
	if err := sendStarted(c, group); err != nil && !req.Command.Detach {
		_ = unix.Kill(-group, unix.SIGKILL)
	}
	ended := make(chan error, 1)
	go func() { ended <- h.children.wait(cmd) }()
	if !req.Command.Detach {
		select {
		case err = <-ended:
			_ = c.Send(wire.Reply{Exit: exitOf(err)})
			return
		case <-ctx.Done():
			_ = unix.Kill(-group, unix.SIGKILL)
		}
	}
	err = <-ended
	if req.Command.Detach {
		h.log.Debug().Str("log", req.Command.Log).AnErr("err", err).Msg("detached process ended")
		_ = c.Send(wire.Reply{Exit: exitOf(err)}) // the client may be gone, as it should
	}
}

// sendStarted says that the process runs and hands over a descriptor that names it, whatever number it
// has in the client's PID namespace.
func sendStarted(c *wire.Conn, pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return c.Send(wire.Reply{})
	}
	defer unix.Close(fd)
	return c.Send(wire.Reply{}, fd)
}

// command builds the process. files are the standard streams; what it opens in their place is added to
// them, to be closed after the start.
func (h *holder) command(req wire.Request, files *[]*os.File) (*exec.Cmd, error) {
	spec := req.Command
	if spec == nil || len(spec.Argv) == 0 {
		return nil, fmt.Errorf("run a command: it is empty: %w", wire.ErrRequest)
	}
	argv, env := spec.Argv, append(os.Environ(), spec.Env...)
	dir := spec.Dir
	if req.Host != "" {
		enter, err := h.enter(req.Host, dir)
		if err != nil {
			return nil, err
		}
		argv, dir = append(enter, argv...), ""
		env = append([]string{"PATH=" + standardPath, "HOME=/root", "USER=root", "LANG=C.UTF-8"}, spec.Env...)
	}
	if spec.Detach || len(*files) == 0 {
		if err := h.ownStreams(spec, files); err != nil {
			return nil, err
		}
	}
	if len(*files) != 3 {
		return nil, fmt.Errorf("run %s: %d streams instead of 3: %w", spec.Argv[0], len(*files), wire.ErrRequest)
	}
	cmd := exec.Command(argv[0], argv[1:]...) // its end is the caller's business
	cmd.Env, cmd.Dir = env, dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = (*files)[0], (*files)[1], (*files)[2]
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: spec.Terminal}
	return cmd, nil
}

// enter is the command that joins a running host. A host's PID 1 may be replaced at any time; then
// nsenter fails and so does the command.
func (h *holder) enter(name, dir string) ([]string, error) {
	n, err := h.host(name)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.life == nil || n.life.leader == 0 {
		return nil, fmt.Errorf("enter %s, which is %s: %w", name, n.power, wire.ErrPower)
	}
	if dir == "" {
		dir = "/"
	}
	return []string{
		"nsenter", "--target", strconv.Itoa(n.life.leader), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
		"--wdns=" + dir, "--",
	}, nil
}

// ownStreams gives a process that nobody listens to a log.
func (h *holder) ownStreams(spec *wire.Command, files *[]*os.File) error {
	wire.CloseAll(*files)
	*files = nil
	in, err := devNull()
	if err != nil {
		return err
	}
	*files = append(*files, in)
	name := spec.Log
	if name == "" {
		name = filepath.Base(spec.Argv[0]) + ".log"
	}
	if name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return fmt.Errorf("open log %q: it is a file name without folders: %w", name, wire.ErrRequest)
	}
	out, err := os.OpenFile(filepath.Join(h.cfg.Logs, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	*files = append(*files, out, out)
	return nil
}

// exitOf reads how a process ended. A failure to wait counts as a kill.
func exitOf(err error) *wire.Exit {
	var exit *exec.ExitError
	if err == nil {
		return &wire.Exit{}
	}
	if !errors.As(err, &exit) {
		return &wire.Exit{Code: 128 + int(unix.SIGKILL), Signal: int(unix.SIGKILL)}
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return &wire.Exit{Code: 128 + int(status.Signal()), Signal: int(status.Signal())}
	}
	return &wire.Exit{Code: exit.ExitCode()}
}
