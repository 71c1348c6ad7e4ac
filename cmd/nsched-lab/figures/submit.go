package figures

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/units"
)

const servicePort = 8100

// submits measures how long a person waits for a new app: with its closure on the nodes, then from the
// cache. Each sample is an app of its own, placed where the scheduler likes.
func (s *stage) submits(ctx context.Context, r *recorder) error {
	// Every node gets the closure.
	for i, n := range s.nodes {
		name := fmt.Sprintf("warm-%d", i)
		if _, _, err := s.submit(ctx, s.app(name, s.path, 1, 0).on(n)); err != nil {
			return err
		}
		if err := s.stop(ctx, name); err != nil {
			return err
		}
	}
	for i := range r.n {
		took, err := s.oneSubmit(ctx, fmt.Sprintf("present-%d", i), s.path)
		if err != nil {
			return err
		}
		if err := errors.Join(r.took(SubmitPresent, took.answer), r.took(SubmitOwn, took.own), r.took(SubmitReturns, took.returned)); err != nil {
			return err
		}
	}
	for i := range r.n {
		path, err := s.build(ctx, fmt.Sprintf("fetched-%d", i))
		if err != nil {
			return err
		}
		before := s.served.Load()
		took, err := s.oneSubmit(ctx, fmt.Sprintf("fetched-%d", i), path)
		if err != nil {
			return err
		}
		r.under(SubmitFetched, fmt.Sprintf("2 store paths, %.1f MB from the cache, uncompressed", float64(s.served.Load()-before)/1e6))
		if err := r.took(SubmitFetched, took.answer); err != nil {
			return err
		}
	}
	return nil
}

// submission is how long one submit took: until the service answered, what of that was its own start, and
// until the CLI ended.
type submission struct{ answer, own, returned time.Duration }

func (s *stage) oneSubmit(ctx context.Context, name, path string) (submission, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	group, both := errgroup.WithContext(ctx)
	var begun, ended, first time.Time
	var life cluster.Life
	group.Go(func() (err error) {
		begun, ended, err = s.submit(both, s.app(name, path, 1, servicePort))
		return err
	})
	group.Go(func() (err error) {
		life, first, err = s.firstAnswer(both, servicePort, of(name))
		return err
	})
	if err := group.Wait(); err != nil {
		return submission{}, err
	}
	started, err := s.unitStart(ctx, life)
	if err != nil {
		return submission{}, err
	}
	return submission{answer: first.Sub(begun), own: first.Sub(started), returned: ended.Sub(begun)}, s.stop(ctx, name)
}

// unitStart is when systemd began to start a unit: when it ceased to be inactive.
func (s *stage) unitStart(ctx context.Context, l cluster.Life) (time.Time, error) {
	unit, err := units.ParseUnitID(l.Unit)
	n := s.nodeAt(l)
	if err == nil && n == nil {
		err = errNoHost
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("find %s at %s: %w", l.Unit, l.From, err)
	}
	return timestamp(ctx, n, unit.ServiceName(), "InactiveExitTimestampMonotonic")
}
