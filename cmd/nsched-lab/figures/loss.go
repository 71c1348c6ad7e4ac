package figures

import (
	"context"
	"fmt"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

// losses cuts the power of the host that a service runs on, again and again: a host that was lost comes
// back while the others are in turn.
func (s *stage) losses(ctx context.Context, r *recorder) error {
	const name = "lone"
	if _, _, err := s.submit(ctx, s.app(name, s.path, 1, servicePort)); err != nil {
		return err
	}
	since := time.Time{}
	for i := range r.n {
		current, err := s.witness.Await(ctx, func(l cluster.Life) bool { return of(name)(l) && l.Start.After(since) })
		if err != nil {
			return err
		}
		n := s.nodeAt(current)
		if n == nil {
			return fmt.Errorf("find %s at %s: %w", current.Unit, current.From, errNoHost)
		}
		// Somewhere between two renewals of the lease.
		if err := sleep(ctx, time.Duration(i%8)*250*time.Millisecond); err != nil {
			return err
		}
		took, err := s.oneLoss(ctx, n, name)
		if err != nil {
			return err
		}
		if err := r.took(HostLost, took); err != nil {
			return err
		}
		since = current.Start
		if err := n.PowerOn(ctx); err != nil {
			return err
		}
		if err := s.ready(ctx, s.nodes...); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) oneLoss(ctx context.Context, n *cluster.Node, name string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	begun := time.Now()
	if err := n.PowerOff(ctx); err != nil {
		return 0, err
	}
	_, at, err := s.firstAnswer(ctx, servicePort, func(l cluster.Life) bool {
		return of(name)(l) && l.Start.After(begun) && l.From != n.Address()
	})
	return at.Sub(begun), err
}

func (s *stage) nodeAt(l cluster.Life) *cluster.Node {
	for _, n := range s.nodes {
		if n.Address() == l.From {
			return n
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
