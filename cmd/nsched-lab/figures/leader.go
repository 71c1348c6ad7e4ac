package figures

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/units/registry"
)

// leaders measures the time without a scheduler: the leader is killed, then stopped cleanly, and each
// time something waits to be placed that only the next term can place.
func (s *stage) leaders(ctx context.Context, r *recorder) error {
	const name = "growing"
	if _, _, err := s.submit(ctx, s.app(name, s.path, 1, 0)); err != nil {
		return err
	}
	for _, way := range []struct {
		figure string
		clean  bool
	}{{LeaderKilled, false}, {LeaderStopped, true}} {
		for range r.n {
			took, err := s.oneLeader(ctx, name, way.clean)
			if err != nil {
				return err
			}
			if err := r.took(way.figure, took); err != nil {
				return err
			}
			if err := s.shrink(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// oneLeader returns how long after the leader's end the next placement came, of a later term.
func (s *stage) oneLeader(ctx context.Context, name string, clean bool) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.allRun(ctx); err != nil {
		return 0, err
	}
	old, err := s.leader(ctx)
	if err != nil {
		return 0, err
	}
	gone, placed := make(chan struct{}), make(chan placement, 1)
	w := s.watch(ctx, old, gone, placed)
	defer w.Close()
	begun := time.Now()
	ended := make(chan error, 1)
	if clean {
		go func() {
			_, err := old.Exec(ctx, "systemctl", "stop", cluster.SchedulerUnit)
			ended <- err
		}()
		// The old leader places nothing any more once its key is gone.
		select {
		case <-gone:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	} else {
		_, err := old.Exec(ctx, "systemctl", "kill", "--kill-whom=main", "--signal=KILL", cluster.SchedulerUnit)
		ended <- err
	}
	if _, err := s.scale(ctx, name, 2); err != nil {
		return 0, err
	}
	var next placement
	select {
	case next = <-placed:
	case <-ctx.Done():
		return 0, fmt.Errorf("wait for a placement: %w", context.Cause(ctx))
	}
	if err := <-ended; err != nil {
		return 0, err
	}
	now, err := s.leader(ctx)
	if err != nil {
		return 0, err
	}
	if now.term <= old.term || next.revision <= now.term {
		return 0, fmt.Errorf("the placement at revision %d is of term %d, and the leader's was %d: %w", next.revision, now.term, old.term, errSameTerm)
	}
	if clean {
		if _, err := old.Exec(ctx, "systemctl", "start", cluster.SchedulerUnit); err != nil {
			return 0, err
		}
	}
	return next.at.Sub(begun), nil
}

var errSameTerm = errors.New("it is of no higher term")

// placement is a new assignment, as an etcd watch saw it.
type placement struct {
	at       time.Time
	revision int64
}

// watch closes gone when the leader's key goes, and sends the first new assignment after that.
func (s *stage) watch(ctx context.Context, old leadership, gone chan struct{}, placed chan placement) registry.Watcher {
	assignments := s.Keys.Under(registry.KindUnit)
	left := false
	return s.Registry.Watch(ctx, registry.Watch{Key: s.Keys.Prefix(), End: registry.PrefixEnd(s.Keys.Prefix()), Revision: old.seen + 1}, func(r registry.WatchResponse) {
		for _, c := range r.Changes {
			switch {
			case c.Deleted && c.Key == old.key && !left:
				left = true
				close(gone)
			case left && !c.Deleted && c.CreateRevision == c.ModRevision && strings.HasPrefix(c.Key, assignments):
				select {
				case placed <- placement{time.Now(), c.ModRevision}:
				default:
				}
			}
		}
	})
}

// allRun waits until every scheduler takes part in the election.
func (s *stage) allRun(ctx context.Context) error {
	prefix := s.Keys.Under(registry.KindLeader)
	return s.until(ctx, "every scheduler stands for election", func() error {
		r, err := s.Registry.Range(ctx, registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
		if err == nil && len(r.KVs) != len(s.schedulers) {
			err = fmt.Errorf("%d of %d do", len(r.KVs), len(s.schedulers))
		}
		return err
	})
}

// shrink takes the app back to one unit and waits until nothing is left to do.
func (s *stage) shrink(ctx context.Context, name string) error {
	if _, err := s.scale(ctx, name, 1); err != nil {
		return err
	}
	assignments := s.Keys.Under(registry.KindUnit)
	return s.until(ctx, name+" has one unit", func() error {
		r, err := s.Registry.Range(ctx, registry.Range{Key: assignments, End: registry.PrefixEnd(assignments), KeysOnly: true})
		if err == nil && len(r.KVs) != 1 {
			err = fmt.Errorf("it has %d", len(r.KVs))
		}
		return err
	})
}
