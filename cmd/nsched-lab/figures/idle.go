package figures

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
	"github.com/nsched/nsched/units/registry"
)

const (
	idleUnits  = 50
	idleWindow = 10 * time.Second
	// idleSettles is how long the cluster is left alone first.
	idleSettles = 30 * time.Second
	// clockTicks is the kernel's USER_HZ, in which /proc counts CPU time: 100 on every architecture that
	// nsched is built for.
	clockTicks = 100
)

// idles looks at a cluster in which nothing happens.
func (s *stage) idles(ctx context.Context, r *recorder) error {
	if _, _, err := s.submit(ctx, s.app("idle", s.path, idleUnits, 0)); err != nil {
		return err
	}
	if err := sleep(ctx, idleSettles); err != nil {
		return err
	}
	leads, err := s.leader(ctx)
	if err != nil {
		return err
	}
	// The node that has the most of the units.
	busiest := s.nodes[0]
	for _, n := range s.nodes[1:] {
		if s.unitsAt(n) > s.unitsAt(busiest) {
			busiest = n
		}
	}
	for _, f := range []string{IdleNodeCPU, IdleGuardCPU} {
		r.under(f, fmt.Sprintf("%d units on this node, checked every 5 s", s.unitsAt(busiest)))
	}
	watched := []struct {
		at          *host.Host
		unit        string
		cpu, memory string
	}{
		{leads.Host, cluster.SchedulerUnit, IdleSchedCPU, IdleSchedMemory},
		{busiest.Host, cluster.GuardUnit, IdleGuardCPU, IdleGuardMemory},
		{busiest.Host, cluster.DaemonUnit, IdleNodeCPU, IdleNodeMemory},
	}
	before := make([]usage, len(watched))
	for i, w := range watched {
		if before[i], err = use(ctx, w.at, w.unit); err != nil {
			return err
		}
	}
	revision, at, err := s.revision(ctx)
	if err != nil {
		return err
	}
	for range r.n {
		if err := sleep(ctx, idleWindow); err != nil {
			return err
		}
		now, nowAt, err := s.revision(ctx)
		if err != nil {
			return err
		}
		if err := r.add(IdleWrites, float64(now-revision)/nowAt.Sub(at).Seconds()); err != nil {
			return err
		}
		revision, at = now, nowAt
		for i, w := range watched {
			u, err := use(ctx, w.at, w.unit)
			if err != nil {
				return err
			}
			if u.pid != before[i].pid {
				return fmt.Errorf("%s of %s was restarted", w.unit, w.at.Name())
			}
			share := (u.cpu - before[i].cpu).Seconds() / u.at.Sub(before[i].at).Seconds()
			before[i] = u
			if err := errors.Join(r.add(w.cpu, 100*share), r.add(w.memory, float64(u.memory)/(1<<20))); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *stage) unitsAt(n *cluster.Node) int {
	return s.witness.Count(func(l cluster.Life) bool { return l.From == n.Address() && l.End.IsZero() })
}

// revision is etcd's: it rises by one with each write.
func (s *stage) revision(ctx context.Context) (int64, time.Time, error) {
	r, err := s.Registry.Range(ctx, registry.Range{Key: s.Keys.Cluster()})
	return r.Revision, time.Now(), err
}

// usage is what a process has used so far.
type usage struct {
	pid    int
	at     time.Time
	cpu    time.Duration
	memory int64 // bytes, resident
}

// use reads what a unit's main process has used, from the kernel (proc(5): fields 14 and 15 of stat are
// user and system time in clock ticks, counted behind the name in parentheses).
func use(ctx context.Context, h *host.Host, unit string) (usage, error) {
	out, err := h.Exec(ctx, "sh", "-c", `pid=$(systemctl show --value --property=MainPID "$1"); echo "$pid"; cat "/proc/$pid/stat"; grep VmRSS: "/proc/$pid/status"`, "sh", unit)
	u := usage{at: time.Now()}
	if err != nil {
		return u, err
	}
	lines := strings.Split(out, "\n")
	if len(lines) != 3 {
		return u, fmt.Errorf("read the use of %s on %s: %q", unit, h.Name(), out)
	}
	_, rest, _ := strings.Cut(lines[1], ") ")
	fields, memory := strings.Fields(rest), strings.Fields(lines[2])
	if len(fields) < 13 || len(memory) != 3 {
		return u, fmt.Errorf("read the use of %s on %s: %q", unit, h.Name(), out)
	}
	numbers := make([]int64, 4)
	for i, text := range []string{lines[0], fields[11], fields[12], memory[1]} {
		if numbers[i], err = strconv.ParseInt(text, 10, 64); err != nil {
			return u, fmt.Errorf("read the use of %s on %s: %w", unit, h.Name(), err)
		}
	}
	u.pid, u.memory = int(numbers[0]), numbers[3]<<10
	u.cpu = time.Duration(numbers[1]+numbers[2]) * time.Second / clockTicks
	return u, nil
}
