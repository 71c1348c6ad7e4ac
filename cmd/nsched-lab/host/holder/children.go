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

// reapOrphans reaps, once a second, zombies that nobody waits for.
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
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || c.own[pid] {
			continue
		}
		if stat, err := os.ReadFile("/proc/" + e.Name() + "/stat"); err == nil && orphanZombie(string(stat)) {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
}

// orphanZombie reads state and parent from a line of /proc/PID/stat, after the name, which may itself
// hold spaces and parentheses.
func orphanZombie(stat string) bool {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	return len(fields) > 1 && fields[0] == "Z" && fields[1] == "1"
}
