package figures

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

// loadEvery is the pause between the beginnings of two requests.
const loadEvery = 20 * time.Millisecond

// daemons kills the daemon of a node that serves under load, and changes the node's assignments before
// systemd has started the next: one unit more and one less by turns.
func (s *stage) daemons(ctx context.Context, r *recorder) error {
	const steady, changing = "steady", "changing"
	n := s.nodes[0]
	if _, _, err := s.submit(ctx, s.app(steady, s.path, 1, servicePort).on(n)); err != nil {
		return err
	}
	if _, _, err := s.submit(ctx, s.app(changing, s.path, 1, 0).on(n)); err != nil {
		return err
	}
	before, err := s.witness.Await(ctx, of(steady))
	if err != nil {
		return err
	}
	for i := range r.n {
		load := cluster.NewLoad(s.Lab.DialContext, fmt.Sprintf("http://%s:%d/", n.Address(), servicePort), loadEvery)
		adopted, err := s.oneDaemon(ctx, n, changing, 2-i%2)
		if err == nil {
			err = sleep(ctx, time.Second) // what comes late belongs to this kill
		}
		result := load.Stop()
		if err != nil {
			return err
		}
		restarts := 0
		now := s.witness.Lives(before.Unit)
		if last := now[len(now)-1]; last != before {
			restarts, before = len(now), last
		}
		if err := errors.Join(r.took(DaemonAdopts, adopted), r.add(DaemonRestarts, float64(restarts)),
			r.add(DaemonFailed, float64(result.Failed)), r.took(DaemonPause, result.Pause)); err != nil {
			return err
		}
	}
	return nil
}

var (
	errTooLate = errors.New("the change was not made while the daemon was dead")
	errNever   = errors.New("it never happened")
	errNoHost  = errors.New("no host has its address")
)

// oneDaemon kills the daemon, has an app scaled meanwhile, and returns how long after the next daemon's
// start that was done.
func (s *stage) oneDaemon(ctx context.Context, n *cluster.Node, changing string, count int) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	lives := s.livesOf(changing)
	old, err := n.MainPID(ctx, cluster.DaemonUnit)
	if err != nil {
		return 0, err
	}
	killed := time.Now()
	if err := n.Kill(ctx, cluster.DaemonUnit, "KILL"); err != nil {
		return 0, err
	}
	if _, err := s.scale(ctx, changing, count); err != nil {
		return 0, err
	}
	if err := s.assignedTo(ctx, changing, count); err != nil {
		return 0, err
	}
	changed := time.Now()
	var done time.Time
	_, err = s.witness.Await(ctx, func(l cluster.Life) bool {
		if !of(changing)(l) {
			return false
		}
		if count == 2 {
			done = l.Start
			return l.Start.After(killed)
		}
		done = l.End
		return l.End.After(killed)
	})
	if err != nil {
		return 0, fmt.Errorf("wait for %d units of %s, of which %d have lived: %w", count, changing, lives, err)
	}
	started, err := s.daemonStart(ctx, n, old)
	if err != nil {
		return 0, err
	}
	if changed.After(started) {
		return 0, fmt.Errorf("%w: the daemon was back %v earlier", errTooLate, changed.Sub(started))
	}
	if err := s.ready(ctx, n); err != nil {
		return 0, err
	}
	if ready := time.Now(); ready.After(done) {
		done = ready
	}
	return done.Sub(started), nil
}

func (s *stage) livesOf(name string) int {
	return s.witness.Count(of(name))
}

// daemonStart is when systemd started the daemon that is no more the old one.
func (s *stage) daemonStart(ctx context.Context, n *cluster.Node, old int) (time.Time, error) {
	pid, err := n.MainPID(ctx, cluster.DaemonUnit)
	if err != nil {
		return time.Time{}, err
	}
	if pid == old || pid == 0 {
		return time.Time{}, fmt.Errorf("find the new daemon: the main process is %d", pid)
	}
	return timestamp(ctx, n, cluster.DaemonUnit, "ExecMainStartTimestampMonotonic")
}

// timestamp reads a time that systemd tells of a unit.
func timestamp(ctx context.Context, n *cluster.Node, unit, property string) (time.Time, error) {
	text, err := n.Property(ctx, unit, property)
	if err != nil {
		return time.Time{}, err
	}
	micro, err := strconv.ParseInt(text, 10, 64)
	if err == nil && micro == 0 {
		err = errNever
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read %s of %s: %w", property, unit, err)
	}
	return cluster.FromMonotonic(time.Duration(micro) * time.Microsecond)
}
