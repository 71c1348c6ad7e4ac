package guard

import (
	"context"
	"fmt"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// fenceSink is where the view of fence/<node> is applied.
type fenceSink struct{ g *Guard }

// Apply implements registry.Sink. A fence that cannot be read, or is gone, asks for nothing.
func (s fenceSink) Apply(b registry.Batch) {
	for _, c := range b.Changes {
		if c.Deleted {
			continue
		}
		f, _, err := registry.Decode[units.Fence](c.Key, c.Value)
		if err != nil {
			s.g.o.Logger.Warn().Err(err).Msg("a fence could not be read and asks for nothing")
			continue
		}
		s.g.asked = max(s.g.asked, f.Tenure)
	}
}

// watchFence opens the view of fence/<node>.
func (g *Guard) watchFence() error {
	v, err := registry.NewView(registry.ViewOptions{
		KV: g.o.KV, Exec: g.o.Executor, Mail: g.o.Mail, Sink: fenceSink{g}, Log: g.o.Logger,
		Keys: []string{g.o.Keys.Fence(g.o.Node)},
	})
	if err != nil {
		return fmt.Errorf("watch the node's fence: %w", err)
	}
	g.fence = v
	return nil
}

// fenced reports whether the scheduler wants the present tenure given up. Tenures only rise, so a fence
// for an earlier one says nothing.
func (g *Guard) fenced(ctx context.Context, now units.Instant) (bool, units.Instant, error) {
	next, err := g.fence.Step(ctx, now)
	return g.phase == PhaseHolding && g.tenure != 0 && g.asked == g.tenure, next, err
}

// Close ends the guard's watch.
func (g *Guard) Close() { g.fence.Close() }
