package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// cutTimes are how long a part of the network is away: shorter than a fence, longer than a lease.
const (
	shortestCut = 3 * time.Second
	longestCut  = 35 * time.Second
)

func networkFaults() []Fault {
	return []Fault{
		{"node-cut", DomainNode, "a node's cable pulled, 3 to 35 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			n := d.node(s)
			blow := &Blow{Target: n.Name(), Lasts: d.between(shortestCut, longestCut), heal: s.mend(n), away: []string{n.Name()}}
			return blow, s.Lab.Net().Partition(ctx, n.Name())
		}},
		{"node-deaf", DomainNode, "nothing from etcd arrives at a node, 3 to 35 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			return s.oneWay(ctx, d, d.node(s).Name(), false)
		}},
		{"node-mute", DomainNode, "nothing of a node arrives at etcd, 3 to 35 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			return s.oneWay(ctx, d, d.node(s).Name(), true)
		}},
		{"node-delay", DomainNode, "a node's cable delays by 300 ms and loses 2 %, 10 to 20 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			n := d.node(s)
			shape := host.Shape{Delay: 300 * time.Millisecond, Jitter: 100 * time.Millisecond, Loss: 0.02}
			return &Blow{Target: n.Name(), Lasts: d.between(10*time.Second, 20*time.Second), heal: s.mend(n)}, s.Lab.Net().Delay(ctx, n.Name(), shape)
		}},
		{"node-flap", DomainNode, "a node's cable pulled and put back every 0.5 to 4 s, ten times", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			n := d.node(s)
			for range 10 {
				if err := s.Lab.Net().Partition(ctx, n.Name()); err != nil {
					return &Blow{Target: n.Name(), heal: s.mend(n)}, err
				}
				if err := sleep(ctx, d.between(500*time.Millisecond, 4*time.Second)); err != nil {
					return &Blow{Target: n.Name(), heal: s.mend(n)}, err
				}
				if err := s.mend(n)(ctx); err != nil {
					return &Blow{Target: n.Name(), heal: s.mend(n)}, err
				}
				if err := sleep(ctx, d.between(200*time.Millisecond, time.Second)); err != nil {
					return &Blow{Target: n.Name(), heal: s.mend(n)}, err
				}
			}
			return &Blow{Target: n.Name(), heal: s.mend(n)}, nil
		}},
	}
}

// mend takes back all faults of a node's cable.
func (s *Stage) mend(n *cluster.Node) func(context.Context) error {
	return func(ctx context.Context) error { return s.Lab.Net().Heal(ctx, n.Name()) }
}

// oneWay drops what a place sends to every etcd member, or what they send to it.
func (s *Stage) oneWay(ctx context.Context, d *Draw, name string, outward bool) (*Blow, error) {
	var drops []cluster.Drop
	for _, m := range s.Members {
		if outward {
			drops = append(drops, cluster.Drop{From: name, To: m.Name})
		} else {
			drops = append(drops, cluster.Drop{From: m.Name, To: name})
		}
	}
	heal := func(ctx context.Context) error { return s.Find(ctx, drops...) }
	return &Blow{Target: name, Lasts: d.between(shortestCut, longestCut), heal: heal, away: []string{name}}, s.Lose(ctx, drops...)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("sleep: %w", context.Cause(ctx))
	case <-time.After(d):
		return nil
	}
}
