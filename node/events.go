package node

import (
	"github.com/nsched/nsched/node/guard"
	"github.com/nsched/nsched/units"
)

// happened tells people of something about a unit.
func (d *Daemon) happened(now units.Instant, what string, id units.UnitID, why units.Reason) {
	d.events.Add(now, units.Event{Type: what, Unit: id.String(), Node: d.o.Node, Reason: why})
}

// statusEvents tells what a report that is in the registry now says and the one before did not. What an
// earlier daemon reported is read before the first report is written, so a restart tells nothing twice.
func (d *Daemon) statusEvents(now units.Instant, id units.UnitID, before, after units.Status) {
	if after.State != before.State {
		d.happened(now, units.UnitEvent(after.State), id, after.Reason)
	}
	if after.Orphan && !before.Orphan {
		d.happened(now, units.EventUnitOrphaned, id, after.Reason)
	}
}

// endpointEvents tells that the endpoint is out now, or is not any more.
func (d *Daemon) endpointEvents(now units.Instant, u *unit, is endpointState) {
	r := &u.report
	switch {
	case r.toldEndpoint == endpointAbsent && is == endpointThere:
		d.happened(now, units.EventEndpointPublished, u.rec.ID, units.Reason{})
	case r.toldEndpoint == endpointThere && is == endpointAbsent:
		d.happened(now, units.EventEndpointWithdrawn, u.rec.ID, r.stored.Reason)
	}
	r.toldEndpoint = is
}

// tenureEvents tells of the node's place in the cluster. The first answer of the guard is no news: the
// tenure may be older than this daemon.
func (d *Daemon) tenureEvents(now units.Instant, s guard.State) {
	if !d.place.asked || s.Tenure == d.place.Tenure {
		return
	}
	if d.place.Tenure != 0 {
		d.events.Add(now, units.Event{Type: units.EventTenureEnded, Node: d.o.Node, Reason: s.Reason})
	}
	if s.Tenure != 0 {
		d.events.Add(now, units.Event{Type: units.EventTenureBegan, Node: d.o.Node})
	}
}
