package node

import (
	"cmp"
	"context"

	"github.com/nsched/nsched/units"
)

// pastKept is how many attempts a node remembers that ended on it and that the registry has forgotten: an
// etcd that is restored from a snapshot may assign them again.
const pastKept = 1000

// bury remembers how the unit ended, before its record goes. It returns the work on disk that this is.
//
//	assigned -> ended -> assignment deleted -> past
//	                                             |  assigned again by a restored etcd: the create revision
//	                                             v  is the same
//	                                           ended
//
// An attempt number that is used anew has another create revision, and starts: also one that is assigned
// while its record is on its way out.
func (d *Daemon) bury(u *unit) func(context.Context) error {
	rec := u.rec
	if rec.Ended == nil || rec.Revision == 0 || d.cluster.ID == "" || u.assigned {
		return func(context.Context) error { return nil }
	}
	rec.Document, rec.Cluster = "", d.cluster.ID
	d.past[rec.ID] = rec
	var oldest Record
	if len(d.past) > pastKept {
		oldest = rec
		for _, r := range d.past { // order-free: the least of a total order is looked for
			if cmp.Or(cmp.Compare(r.Revision, oldest.Revision), r.ID.Compare(oldest.ID)) < 0 {
				oldest = r
			}
		}
		delete(d.past, oldest.ID)
	}
	disk := d.o.Past
	return func(context.Context) error {
		if disk == nil || oldest.ID == rec.ID {
			return nil
		}
		if err := disk.Save(rec); err != nil || oldest.ID == (units.UnitID{}) {
			return err
		}
		return disk.Remove(oldest.ID)
	}
}

// recall finds out whether what is assigned ended here before.
func (d *Daemon) recall(u *unit) {
	if u.rec.Ended != nil || u.rec.LaunchedBoot != "" {
		return
	}
	p, ok := d.past[u.rec.ID]
	if !ok || p.Revision != u.rec.Revision || p.Cluster != d.cluster.ID {
		return
	}
	d.o.Logger.Warn().Str("unit", u.rec.ID.String()).Int64("rev", p.Revision).Msg("an attempt that had ended was assigned again; it is not started")
	u.rec.Ended, u.saved = p.Ended, false
}
