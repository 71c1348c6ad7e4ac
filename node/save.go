package node

import (
	"context"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

const saveAgain = time.Second

// load reads every record, once. A record that cannot be read is told and left alone: its unit, if it
// runs, is found in systemd, and its assignment comes from the registry.
func (d *Daemon) load() {
	if d.loading {
		return
	}
	d.loading = true
	type loaded struct {
		records []Record
		errs    []error
		past    []Record
		contact time.Time
	}
	loop.Go(d.o.Executor, "load", "", func(context.Context) (loaded, error) {
		var l loaded
		l.records, l.errs = d.o.Records.Load()
		var err error
		if d.o.Past != nil {
			// One that cannot be read is as good as none.
			l.past, _ = d.o.Past.Load()
		}
		l.contact, err = d.o.Contact.Load()
		return l, err
	}, func(now units.Instant, l loaded, err error) {
		d.loaded = true
		d.broken, d.contact, d.startedAt = l.errs, l.contact, now.Boot
		if err != nil {
			d.o.Logger.Warn().Err(err).Msg("the time of the last contact could not be read")
		}
		for _, err := range l.errs {
			d.o.Logger.Error().Err(err).Msg("a unit's record could not be read and is left alone")
		}
		for _, rec := range l.past {
			d.past[rec.ID] = rec
		}
		for _, rec := range l.records {
			if d.units[rec.ID] == nil {
				// An earlier life of the daemon asked for its start and may have died before it heard of it.
				u := &unit{rec: rec, saved: true, assigned: true, begun: rec.LaunchedBoot == d.o.BootID}
				d.add(u)
			}
		}
	})
}

// save puts the unit's record on disk.
func (d *Daemon) save(u *unit, now units.Instant) {
	if u.busy[laneDisk] || !now.Reached(u.saveAt) {
		return
	}
	u.busy[laneDisk] = true
	u.saved = true // as it is now; a change meanwhile makes it false again
	rec := u.rec
	loop.Go(d.o.Executor, "save", rec.ID.String(), func(context.Context) (struct{}, error) {
		return struct{}{}, d.o.Records.Save(rec)
	}, func(now units.Instant, _ struct{}, err error) {
		u.busy[laneDisk] = false
		u.saveErr = err
		if err != nil {
			u.saved = false
			u.saveAt = now.Boot + saveAgain
			d.o.Logger.Error().Err(err).Str("unit", rec.ID.String()).Msg("record could not be saved")
		}
	})
}

// onDisk reports whether the record is on disk as it is here.
func (u *unit) onDisk() bool { return u.saved && !u.busy[laneDisk] }

// drop forgets a unit for good, once the registry holds nothing of it any more: what systemd keeps for
// it, then the record.
func (d *Daemon) drop(u *unit) {
	if u.dropping {
		return
	}
	u.dropping = true
	id := u.rec.ID
	loop.Go(d.o.Executor, "reset", id.String(), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, d.o.Services.Reset(ctx, id)
	}, func(now units.Instant, _ struct{}, err error) {
		if err != nil {
			u.dropping = false
			d.o.Logger.Warn().Err(err).Str("unit", id.String()).Msg("unit could not be cleared away")
			return
		}
		d.removeRecord(u)
	})
}

func (d *Daemon) removeRecord(u *unit) {
	id := u.rec.ID
	bury := d.bury(u)
	loop.Go(d.o.Executor, "forget", id.String(), func(ctx context.Context) (struct{}, error) {
		if err := bury(ctx); err != nil {
			d.o.Logger.Warn().Err(err).Str("unit", id.String()).Msg("how a unit ended could not be kept on disk for longer")
		}
		return struct{}{}, d.o.Records.Remove(id)
	}, func(_ units.Instant, _ struct{}, err error) {
		u.dropping = false
		if err != nil {
			d.o.Logger.Warn().Err(err).Str("unit", id.String()).Msg("record could not be removed")
			return
		}
		d.remove(id)
		if u.assigned { // again, while it was let go
			again := &unit{rec: Record{Version: recordVersion, ID: id}, assigned: true}
			again.desire(u.rec.Assignment, u.rec.Revision)
			d.add(again)
		}
	})
}
