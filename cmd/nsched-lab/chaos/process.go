package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

// The processes of a node that can be hit, by their place among the control groups and by what the kernel
// calls them.
var processes = []struct{ name, group, comm string }{
	{"guard", "system.slice/nsched-guard.service", "nsched"},
	{"reaper", "system.slice/nsched-reaper.service", "nsched"},
	{"daemon", "system.slice/nsched-node.service", "nsched"},
	{"dbus", "system.slice/dbus.service", "dbus-daemon"},
	{"journald", "system.slice/systemd-journald.service", "systemd-journal"},
}

// pauses are how long a process is stopped for: shorter than anything counts, about as long as the fence,
// longer than a lease.
const (
	shortestPause = time.Second
	longestPause  = 40 * time.Second
)

func processFaults() []Fault {
	var out []Fault
	for _, p := range processes {
		out = append(out,
			Fault{p.name + "-kill", DomainNode, "SIGKILL of a node's " + p.name, func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
				n := d.node(s)
				return &Blow{Target: n.Name(), heal: nothing}, s.Signal(ctx, n, p.group, p.comm, unix.SIGKILL)
			}},
			Fault{p.name + "-pause", DomainNode, "SIGSTOP of a node's " + p.name + ", 1 to 40 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
				n := d.node(s)
				pid, err := s.process(ctx, n, p.group, p.comm)
				if err != nil {
					return nil, err
				}
				return pause(n.Name(), d.between(shortestPause, longestPause), pid)
			}},
		)
	}
	return append(out, Fault{"pid1-pause", DomainNode, "SIGSTOP of a node's systemd, 1 to 40 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
		n := d.node(s)
		pid, err := s.process(ctx, n, "init.scope", "systemd")
		if err != nil {
			return nil, err
		}
		return pause(n.Name(), d.between(shortestPause, longestPause), pid)
	}})
}

// pause stops a process and lets it go on when it is over. One that somebody has killed meanwhile need
// not go on.
func pause(target string, lasts time.Duration, pid int) (*Blow, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("stop process %d of %s: %w", pid, target, err)
	}
	signal := func(sig unix.Signal) error {
		err := unix.PidfdSendSignal(fd, sig, nil, 0)
		if errors.Is(err, unix.ESRCH) {
			return nil
		}
		return err
	}
	heal := func(context.Context) error {
		defer unix.Close(fd)
		return signal(unix.SIGCONT)
	}
	if err := signal(unix.SIGSTOP); err != nil {
		return nil, errors.Join(fmt.Errorf("stop process %d of %s: %w", pid, target, err), heal(nil))
	}
	return &Blow{Target: target, Lasts: lasts, heal: heal}, nil
}

// errNoProcess: a host has no such process.
var errNoProcess = errors.New("there is no such process")

// process finds the first process of that name in a control group of a host, as this process numbers it.
// It asks nobody in the host, so it works whatever is wrong there. One that systemd is just starting again
// is waited for.
func (s *Stage) process(ctx context.Context, n *cluster.Node, group, comm string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	file := filepath.Join(s.Cluster.Census(n.Name()).Dir(n.Name()), group, "cgroup.procs")
	for {
		text, _ := os.ReadFile(file) // the group goes and comes with the unit
		for _, word := range strings.Fields(string(text)) {
			name, err := os.ReadFile("/proc/" + word + "/comm")
			if err == nil && strings.TrimSpace(string(name)) == comm {
				return strconv.Atoi(word)
			}
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return 0, fmt.Errorf("find %s in %s of %s: %w", comm, group, n.Name(), errNoProcess)
		}
	}
}

// Signal sends a signal to that process alone.
func (s *Stage) Signal(ctx context.Context, n *cluster.Node, group, comm string, sig syscall.Signal) error {
	pid, err := s.process(ctx, n, group, comm)
	if err != nil {
		return err
	}
	if err := unix.Kill(pid, sig); err != nil {
		return fmt.Errorf("signal %s of %s: %w", comm, n.Name(), err)
	}
	return nil
}
