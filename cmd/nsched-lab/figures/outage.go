package figures

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

const (
	outageLasts = 60 * time.Second
	outageUnits = 6
)

// outages kills etcd and starts it again after a minute. What is asked for as soon as it answers must be
// done soon, and nothing may have stopped.
func (s *stage) outages(ctx context.Context, r *recorder) error {
	const name = "steady"
	if _, _, err := s.submit(ctx, s.app(name, s.path, outageUnits, 0)); err != nil {
		return err
	}
	r.under(OutageStopped, fmt.Sprintf("%d units on %d nodes", outageUnits, len(s.nodes)))
	for i := range r.n {
		late := fmt.Sprintf("late-%d", i)
		if _, _, err := s.submit(ctx, s.app(late, s.path, 1, servicePort)); err != nil {
			return err
		}
		if _, err := s.scale(ctx, late, 0); err != nil {
			return err
		}
		if err := s.assignedTo(ctx, late, 0); err != nil {
			return err
		}
		ended := s.witness.Count(func(l cluster.Life) bool { return of(name)(l) && !l.End.IsZero() })
		converged, err := s.oneOutage(ctx, late)
		if err != nil {
			return err
		}
		after := s.witness.Count(func(l cluster.Life) bool { return of(name)(l) && !l.End.IsZero() })
		if err := errors.Join(r.took(OutageConverged, converged), r.add(OutageStopped, float64(after-ended))); err != nil {
			return err
		}
		if err := s.stop(ctx, late); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) oneOutage(ctx context.Context, late string) (time.Duration, error) {
	if err := s.KillEtcd(); err != nil {
		return 0, err
	}
	if err := sleep(ctx, outageLasts); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.StartEtcd(ctx); err != nil {
		return 0, err
	}
	back := time.Now()
	group, all := errgroup.WithContext(ctx)
	var last time.Time
	group.Go(func() error {
		if _, err := s.scale(all, late, 1); err != nil {
			return err
		}
		_, at, err := s.firstAnswer(all, servicePort, func(l cluster.Life) bool { return of(late)(l) && l.Start.After(back) })
		last = at
		return err
	})
	if err := group.Wait(); err != nil {
		return 0, err
	}
	if err := s.ready(ctx, s.nodes...); err != nil {
		return 0, err
	}
	if ready := time.Now(); ready.After(last) {
		last = ready
	}
	return last.Sub(back), nil
}
