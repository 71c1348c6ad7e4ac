package holder

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// children starts processes. The holder is PID 1 of its namespace, so what others leave behind
// becomes its child too and has to be reaped without stealing the exit of those that os/exec waits
// for.
type children struct {
	mu  sync.Mutex
	own map[int]bool
}

func newChildren() *children { return &children{own: map[int]bool{}} }

// start starts cmd; wait must follow.
func (c *children) start(cmd *exec.Cmd) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	c.own[cmd.Process.Pid] = true
	return nil
}

func (c *children) wait(cmd *exec.Cmd) error {
	err := cmd.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.own, cmd.Process.Pid)
	return err
}

// run runs a tool to its end; what it printed becomes part of the error.
func (c *children) run(ctx context.Context, stdin, name string, args ...string) error {
	var out strings.Builder
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &out
	err := c.start(cmd)
	if err == nil {
		err = c.wait(cmd)
	}
	if err != nil {
		return fmt.Errorf("run %s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(out.String()))
	}
	return nil
}

// reapOrphans reaps, once a second, zombies that nobody waits for, and lets what waits for the dead go on.
func (c *children) reapOrphans(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			c.reap()
		}
	}
}

func (c *children) reap() {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return // the next tick tries again
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var stuck []int
	stopped := map[int]bool{} // parents of a process that is stopped
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		raw, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		s := parseStat(string(raw))
		switch {
		case s.state == "T":
			stopped[s.parent] = true
			if c.own[pid] && s.name == "nsenter" {
				stuck = append(stuck, pid)
			}
		case s.state == "Z" && s.parent == 1 && !c.own[pid]:
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
	for _, pid := range stuck {
		if !stopped[pid] {
			_ = unix.Kill(pid, unix.SIGCONT)
		}
	}
}

// stat is what is used of a line of /proc/PID/stat. nsenter(1) stops itself when the process that it waits
// for is stopped, as systemd-shutdown does to all before it kills them, and then nobody wakes it: the host
// would wait for a process that is dead. It goes on once nothing below it is stopped any more.
type stat struct {
	name, state string
	parent      int
}

// parseStat reads a line of /proc/PID/stat; the name may itself hold spaces and parentheses.
func parseStat(line string) stat {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return stat{}
	}
	fields := strings.Fields(line[end+1:])
	if len(fields) < 2 {
		return stat{}
	}
	parent, _ := strconv.Atoi(fields[1])
	return stat{name: line[open+1 : end], state: fields[0], parent: parent}
}
