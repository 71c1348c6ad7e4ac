package nix

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// killGrace is how long Nix may take to remove its half-written paths after SIGTERM.
	killGrace = 3 * time.Second
	// tailLines and tailBytes bound what is kept of Nix' messages.
	tailLines = 40
	tailBytes = 8 << 10
)

// command is one child process of Nix.
type command struct {
	name   string // nix or nix-store
	args   []string
	config []string            // lines for NIX_CONFIG
	event  func(event logLine) // called for every line on standard error, if set
}

// run executes and waits; it returns standard output and the last messages. The child is a process group
// of its own, and when ctx ends the whole group is ended, first kindly.
func (s *Store) run(ctx context.Context, c command) (stdout []byte, messages string, err error) {
	path, err := s.binary(c.name)
	if err != nil {
		return nil, "", err
	}
	if err := ctx.Err(); err != nil {
		return nil, "", fmt.Errorf("run %s: %w", c.name, err)
	}
	cmd := exec.Command(path, c.args...)
	cmd.Env = environment(s.o.Environment, c.config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out bytes.Buffer
	cmd.Stdout = &out
	pipe, err := cmd.StderrPipe()
	if err != nil {
		return nil, "", &Error{Kind: ErrNix, Detail: "run " + c.name, Err: err}
	}
	if err := cmd.Start(); err != nil {
		return nil, "", &Error{Kind: ErrNix, Detail: "execute " + path, Err: err}
	}
	exited := make(chan struct{})
	var ender sync.WaitGroup
	ender.Go(func() { endGroup(ctx, cmd.Process.Pid, exited) })
	tail := readMessages(pipe, c.event)
	err = cmd.Wait()
	close(exited)
	ender.Wait()
	if ctx.Err() != nil {
		return nil, tail, fmt.Errorf("run %s: %w", c.name, ctx.Err())
	}
	return out.Bytes(), tail, err
}

// endGroup ends the process group when ctx does. It returns once exited is closed.
func endGroup(ctx context.Context, pid int, exited <-chan struct{}) {
	select {
	case <-exited:
		return
	case <-ctx.Done():
	}
	// The leader is not reaped before its standard error is at its end, so the group is still its own.
	_ = syscall.Kill(-pid, syscall.SIGTERM)
	timer := time.NewTimer(killGrace)
	defer timer.Stop()
	select {
	case <-exited:
		return
	case <-timer.C:
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
	<-exited
}

func readMessages(r io.Reader, event func(logLine)) string {
	var lines []string
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		text, err := in.ReadString('\n')
		if text = strings.TrimRight(text, "\n"); text != "" {
			line := parseLogLine(text)
			if event != nil {
				event(line)
			}
			if line.message != "" {
				lines = append(lines, clipTo(line.message, tailBytes/4))
				lines = lines[max(0, len(lines)-tailLines):]
			}
		}
		if err != nil {
			return strings.Join(lines, "\n")
		}
	}
}

// environment adds lines to the NIX_CONFIG of base; later lines win in Nix.
func environment(base, config []string) []string {
	env := make([]string, 0, len(base)+1)
	given := ""
	for _, kv := range base {
		if v, ok := strings.CutPrefix(kv, "NIX_CONFIG="); ok {
			given = v + "\n"
			continue
		}
		env = append(env, kv)
	}
	return append(env, "NIX_CONFIG="+given+strings.Join(config, "\n")+"\n")
}

// exited reports whether the child ran and ended with a code of its own.
func exited(err error) bool {
	var e *exec.ExitError
	return errors.As(err, &e)
}
