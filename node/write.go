package node

import (
	"context"
	"errors"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

const (
	// writeEvery keeps a node at 5 transactions of reports a second.
	writeEvery = 200 * time.Millisecond
	// reportsPerTxn leaves room for three operations a unit, the comparisons of status and tenure.
	reportsPerTxn = 40
	writeAgain    = time.Second
)

// batch is one transaction of reports: what was meant for each unit when it was sent.
type batch struct {
	txn   registry.Txn
	parts []part
	lease registry.LeaseID
}

type part struct {
	u         *unit
	status    units.Status
	gone      bool
	published bool
	left      bool // the endpoint is not touched
}

// write sends the next batch of reports when there is one and it may be sent.
func (d *Daemon) write(now units.Instant) units.Instant {
	if d.writing || !d.confirmed {
		return units.Instant{}
	}
	if !now.Reached(d.writeAt) {
		return now.Add(d.writeAt - now.Boot)
	}
	b, next := d.collect(now)
	if len(b.parts) == 0 {
		return next
	}
	d.writing = true
	d.writeAt = now.Boot + writeEvery
	loop.Go(d.o.Executor, "report", string(d.o.Node), func(ctx context.Context) (registry.TxnResult, error) {
		return d.o.KV.Txn(ctx, b.txn)
	}, func(now units.Instant, r registry.TxnResult, err error) {
		d.writing = false
		d.written(b, now, r, err)
	})
	return next
}

// collect makes the batch of the units that have something to tell, oldest name first.
func (d *Daemon) collect(now units.Instant) (batch, units.Instant) {
	b := batch{lease: d.place.Lease}
	var next units.Instant
	tenure := false
	for _, id := range d.order {
		u := d.units[id]
		r := &u.report
		if !r.known || r.inFlight || !r.dirty() {
			continue
		}
		if wait, ok := r.allow(now); !ok {
			next = loop.Earliest(next, now.Add(wait))
			continue
		}
		if len(b.parts) == reportsPerTxn {
			return b, now.Add(writeEvery)
		}
		p, put, err := d.part(u, &b.txn)
		if err != nil {
			d.o.Logger.Error().Err(err).Str("unit", id.String()).Msg("report could not be encoded")
			continue
		}
		r.tokens--
		r.inFlight = true
		tenure = tenure || put
		b.parts = append(b.parts, p)
	}
	if tenure {
		// An endpoint is for a node that is in its place. The lease says so too, but a lease of an
		// earlier tenure may still have a moment to live.
		b.txn.If = append(b.txn.If, registry.Compare{Key: d.o.Keys.Alive(d.o.Node), Target: registry.CreateRevision, Number: d.place.Tenure})
	}
	return b, next
}

// part adds a unit's report to a transaction.
func (d *Daemon) part(u *unit, t *registry.Txn) (part, bool, error) {
	r := &u.report
	statusKey, endpointKey := d.o.Keys.Status(d.o.Node, u.rec.ID), d.o.Keys.Endpoint(d.o.Node, u.rec.ID)
	p := part{u: u, status: r.want, gone: r.gone, published: r.endpoint != nil && !r.gone, left: r.leave()}
	then := make([]registry.Op, 0, 2)
	if r.gone {
		then = append(then, registry.Op{Kind: registry.OpDelete, Key: statusKey})
	} else {
		value, err := registry.Encode(r.want, registry.Extra{})
		if err != nil {
			return part{}, false, err
		}
		then = append(then, registry.Op{Kind: registry.OpPut, Key: statusKey, Value: value})
	}
	if p.published {
		value, err := registry.Encode(*r.endpoint, registry.Extra{})
		if err != nil {
			return part{}, false, err
		}
		then = append(then, registry.Op{Kind: registry.OpPut, Key: endpointKey, Value: value, Lease: d.place.Lease})
		if r.endpointOut == endpointAbsent {
			r.endpointOut = endpointUnknown // until there is an answer: a stop meanwhile has something to withdraw
		}
	} else if r.endpointOut != endpointAbsent && !p.left {
		then = append(then, registry.Op{Kind: registry.OpDelete, Key: endpointKey})
	}
	t.If = append(t.If, registry.Compare{Key: statusKey, Target: registry.ModRevision, Number: r.revision})
	t.Then = append(t.Then, then...)
	t.Else = append(t.Else, registry.Op{Kind: registry.OpRange, Key: statusKey})
	return p, p.published, nil
}

// written applies the outcome of a batch.
func (d *Daemon) written(b batch, now units.Instant, t registry.TxnResult, err error) {
	for _, p := range b.parts {
		p.u.report.inFlight = false
	}
	switch {
	case err == nil && t.Succeeded:
		for _, p := range b.parts {
			d.stored(p, b.lease, t.Revision, now)
		}
	case err == nil:
		// Somebody else's write came between: a late one of ours, or a hand's. What is there now is what
		// the next write compares.
		for i, p := range b.parts {
			p.u.report.seen(t.Results[i].Range.KVs)
		}
		d.guardAt = 0
	default:
		// The batch may be applied, now or later. Reading the keys again and then writing them, whatever
		// they say, refuses it for good.
		d.writeAt = now.Boot + writeAgain
		for _, p := range b.parts {
			p.u.report.force = true
			if !errors.Is(err, registry.ErrLeaseNotFound) && !p.left {
				p.u.report.endpointOut = endpointUnknown
			}
		}
		d.guardAt = 0
		d.o.Logger.Warn().Err(err).Msg("reports were not acknowledged")
	}
}

// stored notes that a report is in the registry.
func (d *Daemon) stored(p part, lease registry.LeaseID, revision int64, now units.Instant) {
	r := &p.u.report
	if p.gone {
		r.revision = 0
		d.drop(p.u)
		return
	}
	d.statusEvents(now, p.u.rec.ID, r.told, p.status)
	r.told = p.status
	r.stored, r.revision, r.force = p.status, revision, false
	if p.published {
		d.endpointEvents(now, p.u, endpointThere)
		r.endpointOut, r.outLease = endpointThere, lease
		return
	}
	if r.endpointOut != endpointAbsent && !p.left {
		d.endpointEvents(now, p.u, endpointAbsent)
		r.endpointOut = endpointAbsent
		r.withdrawn = now.Boot
	}
}

// seen takes over what a read of the status key found.
func (r *report) seen(kvs []registry.KeyValue) {
	unsure := r.force // one of our own may be what is there
	r.known, r.force = true, true
	r.revision, r.stored = 0, units.Status{}
	if len(kvs) == 0 {
		return
	}
	r.revision = kvs[0].ModRevision
	if s, _, err := registry.Decode[units.Status](kvs[0].Key, kvs[0].Value); err == nil {
		r.stored = s
		if r.told.State == "" && !unsure {
			r.told = s
			if s.State.Up() {
				r.toldEndpoint = endpointThere
			}
		}
	}
}
