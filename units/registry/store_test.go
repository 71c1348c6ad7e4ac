package registry_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

type operator = units.Operator

func nodeName(i int) units.NodeName { return units.NodeName(fmt.Sprintf("n%d", i)) }

func defaultKeys(t testing.TB) registry.Keys {
	t.Helper()
	keys, err := registry.NewKeys("")
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// mailed is the outermost shell around a component: it applies the mailbox.
type mailed struct {
	mail *loop.Mailbox
	s    loop.Stepper
}

func (m *mailed) Step(ctx context.Context, now units.Instant) (units.Instant, error) {
	m.mail.Apply(now)
	return m.s.Step(ctx, now)
}

// compacting writes and compacts before each of the first reads at a given revision.
type compacting struct {
	*world
	times int
}

func (c *compacting) Range(ctx context.Context, r registry.Range) (registry.RangeResult, error) {
	if r.Revision > 0 && c.times > 0 {
		c.times--
		c.put("/elsewhere", "v")
		if err := c.Compact(c.Memory.Revision()); err != nil {
			return registry.RangeResult{}, err
		}
	}
	return c.Memory.Range(ctx, r)
}

// ctxOf is the context of what a test does by hand, beside the shells that it drives.
func ctxOf() context.Context { return context.Background() }
