package chaos

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

func schedulerFaults() []Fault {
	return []Fault{
		{"leader-kill", DomainScheduler, "SIGKILL of the leading scheduler", func(ctx context.Context, s *Stage, _ *Draw) (*Blow, error) {
			leads, _, err := s.Leader(ctx)
			if err != nil {
				return nil, err
			}
			return &Blow{Target: leads.Name, heal: nothing}, leads.Signal(syscall.SIGKILL)
		}},
		{"standby-kill", DomainScheduler, "SIGKILL of the waiting scheduler", func(ctx context.Context, s *Stage, _ *Draw) (*Blow, error) {
			_, waits, err := s.Leader(ctx)
			if err != nil {
				return nil, err
			}
			return &Blow{Target: waits.Name, heal: nothing}, waits.Signal(syscall.SIGKILL)
		}},
		{"leader-pause", DomainScheduler, "SIGSTOP of the leading scheduler, 1 to 40 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			leads, _, err := s.Leader(ctx)
			if err != nil {
				return nil, err
			}
			return pauseScheduler(leads, d)
		}},
		{"standby-pause", DomainScheduler, "SIGSTOP of the waiting scheduler, 1 to 40 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			_, waits, err := s.Leader(ctx)
			if err != nil {
				return nil, err
			}
			return pauseScheduler(waits, d)
		}},
		{"leader-cut", DomainScheduler, "the leading scheduler's cable pulled, 3 to 35 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			leads, _, err := s.Leader(ctx)
			if err != nil {
				return nil, err
			}
			return &Blow{Target: leads.Name, Lasts: d.between(shortestCut, longestCut), heal: leads.Join}, leads.Cut(ctx)
		}},
		{"leader-deaf", DomainScheduler, "nothing from etcd arrives at the leading scheduler, 3 to 35 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			leads, _, err := s.Leader(ctx)
			if err != nil {
				return nil, err
			}
			return s.oneWay(ctx, d, leads.Name, false)
		}},
		{"leader-mute", DomainScheduler, "nothing of the leading scheduler arrives at etcd, 3 to 35 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			leads, _, err := s.Leader(ctx)
			if err != nil {
				return nil, err
			}
			return s.oneWay(ctx, d, leads.Name, true)
		}},
	}
}

func pauseScheduler(h *cluster.LocalScheduler, d *Draw) (*Blow, error) {
	heal := func(context.Context) error { return forgiving(h.Signal(syscall.SIGCONT)) }
	return &Blow{Target: h.Name, Lasts: d.between(time.Second, longestPause), heal: heal}, h.Signal(syscall.SIGSTOP)
}

// forgiving takes it that a process is gone.
func forgiving(err error) error {
	if errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}
