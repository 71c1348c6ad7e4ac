package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// account is what turns a suite's output into passes and failures.
type account interface {
	line(text string)
	result(exit error) (passed int, failures []Failure)
}

// runner runs suites in one tree.
type runner struct {
	root string // the module's folder
	logs string // where each suite's output is kept
	// procs is how many packages one Go suite builds and tests at once.
	procs int
	// grace is how long a suite may take to end after it was told to.
	grace time.Duration
}

// run runs one suite to its end. lines counts what it has printed, for a person who waits.
func (r runner) run(ctx context.Context, s Suite, lines *atomic.Int64) Result {
	began := time.Now()
	var acc account = &checks{}
	argv := s.Command
	if s.Packages != nil {
		acc, argv = newGoTests(), r.goTest(s)
	}
	exit := r.exec(ctx, s, argv, acc, lines)
	res := Result{Suite: s}
	res.Passed, res.Failures = acc.result(exit)
	if errors.Is(exit, errLimit) || errors.Is(exit, errInterrupted) {
		res.Failures = append(res.Failures, Failure{Name: outside("%v", exit)})
	}
	res.Took = time.Since(began)
	return res.judge()
}

// goTest is the command of a Go suite. Results are never taken from the cache: a run tells what is
// true now. Vet is lint's business. The limit is the runner's, since it covers the building too.
func (r runner) goTest(s Suite) []string {
	argv := []string{"go", "test", "-json", "-vet=off", "-count=1", "-timeout=0"}
	if !slices.ContainsFunc(s.Flags, func(f string) bool { return strings.HasPrefix(f, "-p=") }) {
		argv = append(argv, fmt.Sprintf("-p=%d", r.procs))
	}
	argv = append(argv, s.Flags...)
	return append(argv, s.Packages...)
}

// cgo is the setting under which a suite builds, whatever the caller's: that of the programs, except
// for the race detector, the only thing here that wants C.
func cgo(s Suite) string {
	if slices.Contains(s.Flags, "-race") {
		return "CGO_ENABLED=1"
	}
	return "CGO_ENABLED=0"
}

func (r runner) logFile(s Suite) string { return filepath.Join(r.logs, s.Name+".log") }

var (
	errLimit       = errors.New("ran into its limit")
	errInterrupted = errors.New("interrupted")
)

func (r runner) exec(ctx context.Context, s Suite, argv []string, acc account, lines *atomic.Int64) error {
	log, err := os.Create(r.logFile(s))
	if err != nil {
		return fmt.Errorf("create log: %w", err)
	}
	defer log.Close()

	ctx, cancel := context.WithTimeoutCause(ctx, s.Limit, errLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = r.root
	cmd.Env = append(os.Environ(), cgo(s))
	// A group of its own, so that a suite can be ended with everything it started.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var kill *time.Timer
	cmd.Cancel = func() error {
		// SIGQUIT makes a Go program print where it hangs.
		sig := syscall.SIGQUIT
		if context.Cause(ctx) != errLimit {
			sig = syscall.SIGINT
		}
		group := -cmd.Process.Pid
		kill = time.AfterFunc(r.grace, func() { _ = syscall.Kill(group, syscall.SIGKILL) })
		return syscall.Kill(group, sig)
	}
	// A descendant that outlived the kill may hold the pipe; it does not hold the run.
	cmd.WaitDelay = 2 * r.grace

	// A command's complaints belong between its checks. The go command's must not get into the middle
	// of an event: only whole lines are mixed.
	f := &feed{log: log, acc: acc, lines: lines}
	cmd.Stdout = f.pipe()
	cmd.Stderr = cmd.Stdout
	if s.Packages != nil {
		cmd.Stderr = f.pipe()
	}
	exit := cmd.Run()
	f.close()
	if kill != nil {
		kill.Stop()
	}
	switch {
	case ctx.Err() == nil:
		return exit
	case context.Cause(ctx) == errLimit:
		return fmt.Errorf("%w of %v", errLimit, s.Limit)
	default:
		return errInterrupted
	}
}

// feed hands the lines of its pipes to the account, and writes them to the log, of an event only what
// it prints.
type feed struct {
	mu      sync.Mutex
	log     io.Writer
	acc     account
	lines   *atomic.Int64
	pipes   []*io.PipeWriter
	reading sync.WaitGroup
}

// pipe returns a new end to write to; a goroutine reads the other one until close.
func (f *feed) pipe() *io.PipeWriter {
	pr, pw := io.Pipe()
	f.pipes = append(f.pipes, pw)
	f.reading.Go(func() {
		in := bufio.NewReader(pr)
		for {
			text, err := in.ReadString('\n')
			if text != "" {
				f.take(text)
			}
			if err != nil {
				return
			}
		}
	})
	return pw
}

// close ends the pipes and waits until what they held is taken.
func (f *feed) close() {
	for _, pw := range f.pipes {
		_ = pw.Close()
	}
	f.reading.Wait()
}

func (f *feed) take(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.acc.line(strings.TrimRight(text, "\r\n"))
	f.lines.Add(1)
	var e event
	if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &e) == nil && e.Action != "" {
		text = e.Output
	}
	_, _ = io.WriteString(f.log, text)
}
