package figures

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/nsched/nsched/cmd/nsched-lab/chaos"
	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

// guardGroup is the control group of the guard, and guardName what the kernel calls its process.
const (
	guardGroup = "system.slice/" + cluster.GuardUnit
	guardName  = "nsched"
	// deafFor is the stop time of the singleton that takes no notice of its stop.
	deafFor = 2 * time.Second
)

// fences stops the guards of all nodes at once, each of which has a singleton that takes no notice of
// being stopped, and sees when that is dead. Guards go on as soon as it is, so that no lease ends.
func fences(ctx context.Context, s *chaos.Stage, r *recorder) error {
	return fence(ctx, s, r, GuardStopped, false)
}

// storms is the same while systemd of each node reads 400 units again and again.
func storms(ctx context.Context, s *chaos.Stage, r *recorder) error {
	r.under(GuardStorm, "all nodes share the machine's cores, and so do their storms")
	return fence(ctx, s, r, GuardStorm, true)
}

func fence(ctx context.Context, s *chaos.Stage, r *recorder, figure string, storm bool) error {
	name := func(n *cluster.Node) string { return "deaf-" + n.Name() }
	for _, n := range s.Nodes {
		app := s.Worker(name(n), s.Variants[0], "-ignore-stop").With("singleton", true).With("stop", map[string]any{"timeout": deafFor.String()})
		if err := s.Submit(ctx, app.With("constraints", []any{map[string]any{"attribute": "node.name", "value": n.Name()}})); err != nil {
			return err
		}
	}
	for done := 0; done < r.n; {
		took, err := fenceAll(ctx, s, storm, name)
		if err != nil {
			return err
		}
		for _, d := range took[:min(len(took), r.n-done)] {
			if err := r.took(figure, d); err != nil {
				return err
			}
			done++
		}
		if _, err := s.Converge(ctx, patience); err != nil {
			return fmt.Errorf("wait until the singletons run again: %w", err)
		}
	}
	return nil
}

func fenceAll(ctx context.Context, s *chaos.Stage, storm bool, name func(*cluster.Node) string) (_ []time.Duration, err error) {
	took := make([]time.Duration, len(s.Nodes))
	for _, n := range s.Nodes {
		if storm {
			heal, stormErr := chaos.Storm(ctx, n)
			if stormErr != nil {
				return nil, stormErr
			}
			defer func() { err = errors.Join(err, heal(context.WithoutCancel(ctx))) }()
		}
	}
	if storm {
		if err := sleep(ctx, 3*time.Second); err != nil {
			return nil, err
		}
	}
	group, all := errgroup.WithContext(ctx)
	for i, n := range s.Nodes {
		group.Go(func() error {
			// Not all at one moment between two renewals of a lease.
			if err := sleep(all, time.Duration(i)*450*time.Millisecond); err != nil {
				return err
			}
			begun := time.Now()
			if err := s.Signal(all, n, guardGroup, guardName, unix.SIGSTOP); err != nil {
				return err
			}
			dead, err := s.Witness.Await(all, func(l cluster.Life) bool { return of(name(n))(l) && l.End.After(begun) })
			took[i] = dead.End.Sub(begun)
			// One that was killed meanwhile need not go on.
			return errors.Join(err, s.Signal(context.WithoutCancel(all), n, guardGroup, guardName, unix.SIGCONT))
		})
	}
	return took, group.Wait()
}

// overlapping strikes faults at a whole cluster and measures for each how long a singleton ran twice.
func overlapping(ctx context.Context, s *chaos.Stage, r *recorder) error {
	faults, err := chaos.Pick("guard-pause", "guard-kill", "reaper-kill", "daemon-pause", "daemon-kill", "dbus-pause", "pid1-pause", "reexec", "node-cut",
		"node-deaf", "node-mute", "node-flap", "power-cut", "shutdown", "leader-pause", "leader-cut", "leader-kill", "etcd-leader-kill",
		"etcd-leader-pause", "etcd-leader-cut", "etcd-one-way", "leases-revoked", "leader-and-node", "half-gone")
	if err != nil {
		return err
	}
	d := chaos.NewDraw(uint64(time.Now().UnixNano()))
	d.Soon()
	for i := range r.n {
		hit, err := s.Strike(ctx, d, faults[i%len(faults)])
		if err != nil {
			return err
		}
		if err := errors.Join(r.took(SingletonOverlap, hit.Overlapped), r.took(FaultConverged, hit.Took), r.add(FaultLost, float64(hit.Losses()))); err != nil {
			return err
		}
	}
	return s.Final()
}

// together kills the leading scheduler and cuts a node's power at once, and by turns the leading etcd
// member as well, and measures until all that ran on the node runs elsewhere.
func together(ctx context.Context, s *chaos.Stage, r *recorder) error {
	const name = "spread"
	app := s.Worker(name, s.Variants[0]).With("count", 2*len(s.Nodes)).With("algorithm", "spread")
	if err := s.Submit(ctx, app); err != nil {
		return err
	}
	for i := range 2 * r.n {
		figure, faults := TogetherConverged, 2
		if i%2 == 1 {
			figure, faults = TogetherEtcd, 3
		}
		took, err := oneTogether(ctx, s, s.Nodes[i%len(s.Nodes)], faults)
		if err != nil {
			return err
		}
		if err := r.took(figure, took); err != nil {
			return err
		}
	}
	return nil
}

func oneTogether(ctx context.Context, s *chaos.Stage, n *cluster.Node, faults int) (time.Duration, error) {
	leads, _, err := s.Leader(ctx)
	if err != nil {
		return 0, err
	}
	member, _, err := s.Leading(ctx)
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := leads.Signal(unix.SIGKILL); err != nil {
		return 0, err
	}
	if faults == 3 {
		if err := member.Kill(); err != nil {
			return 0, err
		}
	}
	if err := s.PowerOff(ctx, n); err != nil {
		return 0, err
	}
	_, err = s.Converge(ctx, patience)
	took := time.Since(begun)
	if err != nil {
		return 0, err
	}
	if faults == 3 {
		if err := member.Run(ctx); err != nil {
			return 0, err
		}
	}
	if err := s.PowerOn(ctx, n); err != nil {
		return 0, err
	}
	_, err = s.Converge(ctx, patience)
	return took, err
}
