package figures

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
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
		answered, returned, err := s.oneSubmit(ctx, fmt.Sprintf("present-%d", i), s.path)
		if err != nil {
			return err
		}
		if err := r.took(SubmitPresent, answered); err != nil {
			return err
		}
		if err := r.took(SubmitReturns, returned); err != nil {
			return err
		}
	}
	for i := range r.n {
		path, err := s.build(ctx, fmt.Sprintf("fetched-%d", i))
		if err != nil {
			return err
		}
		before := s.served.Load()
		answered, _, err := s.oneSubmit(ctx, fmt.Sprintf("fetched-%d", i), path)
		if err != nil {
			return err
		}
		r.under(SubmitFetched, fmt.Sprintf("2 store paths, %.1f MB from the cache, uncompressed", float64(s.served.Load()-before)/1e6))
		if err := r.took(SubmitFetched, answered); err != nil {
			return err
		}
	}
	return nil
}

// oneSubmit returns how long after the start of the CLI the service answered, and the CLI ended.
func (s *stage) oneSubmit(ctx context.Context, name, path string) (answered, returned time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	group, both := errgroup.WithContext(ctx)
	var begun, ended, first time.Time
	group.Go(func() (err error) {
		begun, ended, err = s.submit(both, s.app(name, path, 1, servicePort))
		return err
	})
	group.Go(func() (err error) {
		_, first, err = s.firstAnswer(both, servicePort, of(name))
		return err
	})
	if err := group.Wait(); err != nil {
		return 0, 0, err
	}
	return first.Sub(begun), ended.Sub(begun), s.stop(ctx, name)
}
