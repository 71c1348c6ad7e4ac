package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/nsched/nsched/cmd/nsched-lab/host/holder"
	"github.com/nsched/nsched/cmd/nsched-lab/host/wire"
)

// Open starts a lab without hosts. It first sweeps what dead labs left. When it fails, nothing is left;
// when this process dies at any moment, only what Sweep removes is.
func Open(ctx context.Context, o Options) (*Lab, error) {
	if !initialised.Load() {
		return nil, ErrNoInit
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := Check(); err != nil {
		return nil, err
	}
	if err := Sweep(); err != nil {
		o.Logger.Warn().Err(err).Msg("sweep of dead labs failed") // theirs, not ours
	}
	lock, err := claim(o.ID)
	if err != nil {
		return nil, err
	}
	l := &Lab{id: o.ID, dir: filepath.Join(StateDir, o.ID), logs: o.LogDir, log: o.Logger}
	l.runner = runner{lab: l}
	if l.logs == "" {
		l.logs = filepath.Join(l.dir, "logs")
	}
	err = l.start(ctx, o, lock)
	_ = lock.Close() // the holder has its own
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open lab %s: %w", o.ID, err), l.Down())
	}
	if o.Detach {
		_ = l.life.Close()
		l.life, l.child = nil, nil
	}
	return l, nil
}

// start starts the holder, tells it its configuration and waits until it is ready.
func (l *Lab) start(ctx context.Context, o Options, lock *os.File) error {
	if err := os.MkdirAll(l.logs, 0o755); err != nil {
		return fmt.Errorf("make log directory: %w", err)
	}
	logs, err := filepath.Abs(l.logs)
	if err != nil {
		return fmt.Errorf("make log directory: %w", err)
	}
	l.logs = logs
	if o.LogDir != "" && strings.HasPrefix(logs+"/", "/run/") {
		return fmt.Errorf("log to %s: the holder has a /run of its own: %w", logs, ErrRequest)
	}
	out, err := os.OpenFile(filepath.Join(l.logs, "holder.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer out.Close()
	lifeRead, lifeWrite, err := os.Pipe()
	if err != nil {
		return err
	}
	defer lifeRead.Close()
	l.life = lifeWrite
	readyRead, readyWrite, err := os.Pipe()
	if err != nil {
		return err
	}
	defer readyRead.Close()

	cmd := exec.Command("/proc/self/exe") // it outlives ctx
	cmd.Args = []string{holder.Name, l.id}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.ExtraFiles = []*os.File{lock, lifeRead, readyWrite}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		// A session of its own: a terminal's Ctrl-C is for the owner, who closes in good order.
		Setsid:     true,
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC,
	}
	err = cmd.Start()
	_ = readyWrite.Close()
	if err != nil {
		return fmt.Errorf("start holder: %w", err)
	}
	l.child, l.pid, l.dead = cmd, cmd.Process.Pid, make(chan struct{})
	go func() { // ends with the lab, which Close waits for, or with this process
		_ = cmd.Wait()
		close(l.dead)
	}()

	group, err := delegateCgroup(ctx, l.id, l.dir, l.pid)
	if err != nil {
		return err
	}
	cfg, err := json.Marshal(wire.Config{
		ID: l.id, Dir: l.dir, Logs: l.logs, Nameservers: o.Nameservers, HostsLines: o.HostsLines,
		Binds: o.Binds, Hide: o.Hide, Cgroup: group, Attached: !o.Detach, Level: int8(o.Logger.GetLevel()),
	})
	if err != nil {
		return fmt.Errorf("encode configuration: %w", err)
	}
	if _, err := lifeWrite.Write(append(cfg, '\n')); err != nil {
		return fmt.Errorf("configure holder: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = readyRead.Close() })
	defer stop()
	word, err := io.ReadAll(readyRead)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("await holder: %w", err)
	case len(word) == 0:
		return fmt.Errorf("await holder: it died; %s may say why", out.Name())
	case string(word) != "ok":
		return errors.New(string(word))
	}
	return nil
}
