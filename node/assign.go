package node

import (
	"slices"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/planted"
	"github.com/nsched/nsched/units/registry"
)

// assignments is where the view of units/<node>/ is applied.
type assignments struct{ d *Daemon }

// Apply implements registry.Sink. A value that cannot be decoded is nobody's command: what is known of
// the unit stays. A registry that went back is only listened to for what goes further than is known, until
// somebody has accepted it: then what disappeared is an orphan.
func (s assignments) Apply(b registry.Batch) {
	d := s.d
	if b.Regressed {
		d.doubted = d.doubted || !d.rereading
		d.o.Logger.Error().Int64("rev", b.Revision).Msg("the registry went back in time; assignments that disappeared are held")
	}
	d.rereading = d.rereading && !b.Relisted
	if b.After == 0 {
		// The first reading is complete: what the disk remembers and it does not hold is not assigned.
		for _, u := range d.order {
			u.assigned = false
		}
	}
	for _, c := range b.Changes {
		delete(d.bad, c.Key)
		key, err := d.o.Keys.Parse(c.Key)
		if err != nil || key.Kind != registry.KindUnit {
			if !c.Deleted {
				d.bad[c.Key] = "the key names no unit"
			}
			continue
		}
		if c.Deleted {
			if u := d.units[key.Unit]; u != nil {
				u.assigned = false                    // which counts once the registry is trusted
				if planted.On(planted.MissingStops) { // breaks: silence stops a unit
					u.desire(units.Assignment{Desired: units.DesiredStop}, u.rec.Revision)
				}
			}
			continue
		}
		a, _, err := registry.Decode[units.Assignment](c.Key, c.Value)
		if err != nil || a.Desired.Rank() == 0 {
			d.bad[c.Key] = "the value cannot be read"
			if u := d.units[key.Unit]; u != nil {
				u.assigned = true
				if planted.On(planted.UndecodableStops) { // breaks: one bad byte stops a unit
					u.desire(units.Assignment{Desired: units.DesiredStop}, u.rec.Revision)
				}
			}
			d.o.Logger.Warn().Err(err).Str("unit", key.Unit.String()).Msg("assignment cannot be read and changes nothing")
			continue
		}
		u := d.units[key.Unit]
		if u == nil {
			u = &unit{rec: Record{Version: recordVersion, ID: key.Unit}}
			d.add(u)
			// systemd has not been asked about it: now, while its closure is realised.
			d.listAt = 0
			if !b.Relisted {
				// It has just been assigned.
				u.report.endpointOut, u.report.toldEndpoint = endpointAbsent, endpointAbsent
			}
		}
		u.assigned, u.report.gone = true, false
		u.desire(a, c.CreateRevision)
	}
	d.confirmed = true
}

// add takes a unit in.
func (d *Daemon) add(u *unit) {
	id := u.rec.ID
	d.units[id] = u
	at, _ := slices.BinarySearchFunc(d.order, id, (*unit).compare)
	d.order = slices.Insert(d.order, at, u)
}

// cluster is where the view of the cluster's identity and clock, and of the node's registration, is applied.
type cluster struct{ d *Daemon }

// Apply implements registry.Sink.
func (s cluster) Apply(b registry.Batch) {
	d := s.d
	d.doubted = d.doubted || b.Regressed && !d.reidentifying
	d.reidentifying = d.reidentifying && !b.Relisted
	if b.Regressed {
		d.registered = false // revisions of two histories cannot be compared
	}
	for _, c := range b.Changes {
		switch c.Key {
		case d.o.Keys.Node(d.o.Node):
			if d.shown = c.ModRevision; c.Deleted {
				d.shown = 0
			}
		case d.o.Keys.Cluster():
			if v, ok := word[units.Cluster](d, c); ok {
				d.seen.cluster = v
				if !c.Deleted {
					d.cluster = v
				}
			}
		case d.o.Keys.Clock():
			if v, ok := word[units.Clock](d, c); ok {
				d.seen.clock = v
				if !c.Deleted {
					d.clock = v
				}
			}
		}
	}
}

// word reads one of the cluster's own keys; the zero value is a key that is not there. One that cannot be
// read says nothing, not even that it is not there: that would be an etcd that went back in time.
func word[T any](d *Daemon, c registry.Change) (v T, ok bool) {
	delete(d.bad, c.Key)
	if c.Deleted {
		return v, true
	}
	v, _, err := registry.Decode[T](c.Key, c.Value)
	if err != nil {
		d.bad[c.Key] = "the value cannot be read"
		d.o.Logger.Warn().Err(err).Msg("a key of the cluster cannot be read; nothing new is started that it has a say in")
	}
	return v, err == nil
}

// identified reports whether the cluster's own keys have been read and could be.
func (d *Daemon) identified() bool {
	if len(d.bad) == 0 {
		return d.about.Revision() != 0
	}
	_, badCluster := d.bad[d.o.Keys.Cluster()]
	_, badClock := d.bad[d.o.Keys.Clock()]
	return d.about.Revision() != 0 && !badCluster && !badClock
}
