package node

import (
	"context"
	"time"

	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

const (
	// listEvery is how often systemd is asked about everything, whatever its signals said.
	listEvery = 3 * time.Second
	// listApart bounds what a storm of hints costs PID 1, in the long run. Up to listBurst listings follow
	// each other as fast as systemd answers: a start gives about as many hints, and only the last of them
	// says that the unit runs.
	listApart = 100 * time.Millisecond
	listBurst = 5
)

// observe asks systemd for all units when it is time to, or when a hint came.
func (d *Daemon) observe(now units.Instant) units.Instant {
	if d.listing {
		return units.Instant{}
	}
	if at := max(d.listAt, d.listsPaid-(listBurst-1)*listApart); !now.Reached(at) {
		return now.Add(at - now.Boot)
	}
	d.listsPaid = max(d.listsPaid, now.Boot) + listApart
	d.listing = true
	d.listAt = now.Boot + listEvery
	d.sequence++
	began := d.sequence
	type listing struct {
		units []Observation
		down  bool
	}
	loop.Go(d.o.Executor, "list", "", func(ctx context.Context) (l listing, err error) {
		if l.units, err = d.o.Services.List(ctx); err != nil {
			return listing{}, err
		}
		// Asked afterwards: when the list lacks what the shutdown has stopped, this tells of it.
		l.down, err = d.o.Services.GoingDown(ctx)
		return l, err
	}, func(now units.Instant, l listing, err error) {
		d.listing = false
		if err != nil {
			d.systemdErr = err
			d.listAt = now.Boot + time.Second
			return
		}
		d.systemdErr, d.listed = nil, began
		if d.goingDown != l.down {
			d.goingDown = l.down
			d.sawDown.Store(l.down)
			d.o.Logger.Info().Bool("down", l.down).Msg("machine's way down began or was given up")
		}
		d.take(now, l.units)
	})
	return units.Instant{}
}

// take applies a listing: it is complete, so what is not in it is absent. A unit that nobody told the
// daemon about is an orphan.
func (d *Daemon) take(now units.Instant, seen []Observation) {
	at := make(map[units.UnitID]Observation, len(seen))
	for _, o := range seen {
		at[o.ID] = o
		if d.units[o.ID] == nil && d.loaded && o.Phase != converge.Absent {
			d.o.Logger.Warn().Str("unit", o.ID.String()).Msg("a unit was found that neither registry nor disk knows")
			d.add(&unit{rec: Record{Version: 1, ID: o.ID}, saved: true})
		}
	}
	for _, u := range d.order {
		o, ok := at[u.rec.ID]
		if !ok {
			o = Observation{ID: u.rec.ID, Phase: converge.Absent}
		}
		u.observed = o
		u.begun = u.begun || o.Phase != converge.Absent
		if u.up() {
			u.upAt = now.Boot
			if u.beganAt == 0 {
				u.beganAt = now.Boot
			}
		}
	}
}

// Hint makes the daemon look at systemd now; a signal of D-Bus is one. Any goroutine may call it.
func (d *Daemon) Hint() {
	d.o.Mail.Post(func(units.Instant) { d.listAt = 0 })
}
