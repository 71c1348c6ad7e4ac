package node

import (
	"context"
	"slices"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

// sweepEvery is how often roots that nothing holds are let go.
const sweepEvery = time.Minute

// sweep removes the roots that no unit on this node needs. It waits until the registry has been read
// completely and every record loaded: what is not known yet may hold any root.
func (d *Daemon) sweep(now units.Instant) units.Instant {
	if !d.confirmed || !d.trusts() || d.listed == 0 || d.sweeping || len(d.broken) > 0 {
		return units.Instant{}
	}
	if !now.Reached(d.sweepAt) {
		return now.Add(d.sweepAt - now.Boot)
	}
	d.sweeping = true
	d.sweepAt = now.Boot + sweepEvery
	loop.Go(d.o.Executor, "roots", "", func(ctx context.Context) ([]string, error) {
		return d.o.Store.Roots(ctx)
	}, func(_ units.Instant, roots []string, err error) {
		d.sweeping = false
		if err != nil {
			d.o.Logger.Warn().Err(err).Msg("roots could not be listed")
			return
		}
		slices.Sort(roots)
		for _, root := range roots {
			if !d.held(root) {
				d.unroot(root)
			}
		}
	})
	return units.Instant{}
}

// held reports whether a root pins something that this node runs, or is about to.
func (d *Daemon) held(root string) bool {
	if d.fetching[root] {
		return true
	}
	for _, u := range d.order {
		if u.root() == root {
			return true
		}
	}
	return false
}

func (d *Daemon) unroot(root string) {
	d.fetching[root] = true // nobody may fetch under this name meanwhile
	delete(d.realised, root)
	loop.Go(d.o.Executor, "unroot", root, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, d.o.Store.RemoveRoot(ctx, root)
	}, func(_ units.Instant, _ struct{}, err error) {
		delete(d.fetching, root)
		if err != nil {
			d.o.Logger.Warn().Err(err).Str("root", root).Msg("root could not be removed")
			return
		}
		d.o.Logger.Info().Str("root", root).Msg("root removed")
	})
}
