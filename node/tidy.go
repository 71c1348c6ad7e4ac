package node

import (
	"context"
	"slices"
	"time"

	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

// tidyEvery is how often the files of units that are no more are removed.
const tidyEvery = time.Hour

// tidy removes the records and the copies of the shim that no unit needs: those that a daemon left which
// died between a unit's end and its files'. It waits until every unit is known that systemd has loaded or
// the disk remembers; while it is at work no unit is started, which writes such files.
func (d *Daemon) tidy(now units.Instant) units.Instant {
	if d.tidying || d.listed == 0 || len(d.broken) > 0 {
		return units.Instant{}
	}
	if !now.Reached(d.tidyAt) {
		return now.Add(d.tidyAt - now.Boot)
	}
	shims := make([]string, 0, 1)
	for _, u := range d.order {
		if u.busy[laneSystemd] || u.dropping || d.listed <= u.acted {
			return units.Instant{} // its end is an event
		}
		shim := u.observed.Shim
		if shim == "" && u.observed.Phase != converge.Absent {
			// Which one it needs is not known, so none is removed.
			d.tidyAt = now.Boot + tidyEvery
			return now.Add(tidyEvery)
		}
		if shim != "" && !slices.Contains(shims, shim) {
			shims = append(shims, shim)
		}
	}
	d.tidying = true
	d.tidyAt = now.Boot + tidyEvery
	keep := make([]units.UnitID, 0, len(d.order))
	for _, u := range d.order {
		keep = append(keep, u.rec.ID)
	}
	loop.Go(d.o.Executor, "tidy", "", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, d.o.Services.Tidy(ctx, keep, shims)
	}, func(_ units.Instant, _ struct{}, err error) {
		d.tidying = false
		if err != nil {
			d.o.Logger.Warn().Err(err).Msg("files of units that are no more could not be removed")
		}
	})
	return units.Instant{}
}
