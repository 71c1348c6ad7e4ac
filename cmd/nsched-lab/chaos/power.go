package chaos

import (
	"context"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

func powerFaults() []Fault {
	return []Fault{
		{"power-cut", DomainNode, "a node loses power, for 1 to 40 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			return s.darken(ctx, d.between(time.Second, 40*time.Second), d.node(s))
		}},
		{"shutdown", DomainNode, "a node is shut down in good order, and boots 1 to 30 s later", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			n := d.node(s)
			s.noteOff(n)
			blow := &Blow{Target: n.Name(), Lasts: d.between(time.Second, 30*time.Second), heal: s.boot(n)}
			return blow, n.Shutdown(ctx)
		}},
		{"half-gone", DomainAll, "more than half of the nodes are cut off at once, 25 to 35 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			list := d.nodes(s, len(s.Nodes)/2+1)
			blow := &Blow{Target: nodeNames(list), Lasts: d.between(25*time.Second, longestCut), calm: true}
			for _, n := range list {
				blow.away = append(blow.away, n.Name())
			}
			blow.heal = func(ctx context.Context) error {
				return eachNode(ctx, list, func(ctx context.Context, n *cluster.Node) error { return s.mend(n)(ctx) })
			}
			return blow, eachNode(ctx, list, func(ctx context.Context, n *cluster.Node) error { return s.Lab.Net().Partition(ctx, n.Name()) })
		}},
	}
}

// darken cuts the power of nodes.
func (s *Stage) darken(ctx context.Context, lasts time.Duration, nodes ...*cluster.Node) (*Blow, error) {
	return &Blow{Target: nodeNames(nodes), Lasts: lasts, heal: s.boot(nodes...)}, s.PowerOff(ctx, nodes...)
}

func (s *Stage) boot(nodes ...*cluster.Node) func(context.Context) error {
	return func(ctx context.Context) error { return s.PowerOn(ctx, nodes...) }
}

func eachNode(ctx context.Context, list []*cluster.Node, f func(context.Context, *cluster.Node) error) error {
	group, all := errgroup.WithContext(ctx)
	for _, n := range list {
		group.Go(func() error { return f(all, n) })
	}
	return group.Wait()
}

func nodeNames(list []*cluster.Node) string {
	var names []string
	for _, n := range list {
		names = append(names, n.Name())
	}
	return strings.Join(names, " ")
}
