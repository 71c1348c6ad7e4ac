package guard

import (
	"context"
	"fmt"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

// fenceSink is where the view of fence/<node> is applied.
type fenceSink struct{ g *Guard }

// Apply implements registry.Sink. A fence that cannot be read, or is gone, asks for nothing. What is read anew
// takes the place of what was asked before: a higher tenure of another history must not hide that one is asked
// for in this.
func (s fenceSink) Apply(b registry.Batch) {
	for _, c := range b.Changes {
		if b.Relisted {
			s.g.asked = 0
		}
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

// watch opens the views of fence/<node> and of the guard's own place. They are two, so that the fence waits for
// no other stream.
func (g *Guard) watch() error {
	fence, err := registry.NewView(registry.ViewOptions{
		KV: g.o.KV, Exec: g.o.Executor, Mail: g.o.Mail, Sink: fenceSink{g}, Log: g.o.Logger,
		Keys: []string{g.o.Keys.Fence(g.o.Node)},
	})
	if err != nil {
		return fmt.Errorf("watch the node's fence: %w", err)
	}
	place, err := registry.NewView(registry.ViewOptions{
		KV: g.o.KV, Exec: g.o.Executor, Mail: g.o.Mail, Sink: placeSink{g}, Log: g.o.Logger,
		Keys: []string{g.o.Keys.Alive(g.o.Node), g.o.Keys.Cluster()},
	})
	if err != nil {
		return fmt.Errorf("watch the node's place: %w", err)
	}
	g.fence, g.place = fence, place
	return nil
}

// look steps the views.
func (g *Guard) look(ctx context.Context, now units.Instant) (units.Instant, error) {
	fence, err := g.fence.Step(ctx, now)
	if err != nil {
		return units.Instant{}, err
	}
	place, err := g.place.Step(ctx, now)
	return loop.Earliest(fence, place), err
}

// Close ends the guard's watches.
func (g *Guard) Close() {
	g.fence.Close()
	g.place.Close()
}
