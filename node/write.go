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
	// writeEvery keeps a node at 5 transactions of reports a second in the long run. Up to writeBurst go
	// writeApart: fetching, starting, running and healthy follow each other faster, and people wait for the
	// last.
	writeEvery = 200 * time.Millisecond
	writeApart = 50 * time.Millisecond
	writeBurst = 6
	// reportsPerTxn leaves room for three operations a unit, the comparisons of status and tenure.
	reportsPerTxn = 40
	writeAgain    = time.Second
)

// batch is one transaction of reports: what was meant for each unit when it was sent.
type batch struct {
	txn   registry.Txn
	parts []part
	place place // that endpoints were put for; zero when none was
}

type part struct {
	u        *unit
	status   units.Status
	revision int64 // compared
	gone     bool
	put      *units.Endpoint // the endpoint that was put
	deleted  bool            // the endpoint was deleted
}

// write sends the next batch of reports when there is one and it may be sent.
func (d *Daemon) write(now units.Instant) units.Instant {
	if d.writing || !d.confirmed || !d.placed {
		return units.Instant{}
	}
	if at := max(d.writeAt, d.writesPaid-(writeBurst-1)*writeEvery); !now.Reached(at) {
		return now.Add(at - now.Boot)
	}
	b, next := d.collect(now)
	if len(b.parts) == 0 {
		return next
	}
	d.writeAt, d.writesPaid = now.Boot+writeApart, max(d.writesPaid, now.Boot)+writeEvery
	d.send(b)
	return next
}

// send hands a batch to the executor.
func (d *Daemon) send(b batch) {
	d.writing = true
	loop.Go(d.o.Executor, "report", string(d.o.Node), func(ctx context.Context) (registry.TxnResult, error) {
		return d.o.KV.Txn(ctx, b.txn)
	}, func(now units.Instant, r registry.TxnResult, err error) {
		d.writing = false
		d.written(b, now, r, err)
	})
}

// collect makes the batch of the units that have something to tell, oldest name first.
func (d *Daemon) collect(now units.Instant) (batch, units.Instant) {
	var b batch
	var next units.Instant
	for _, u := range d.order {
		r := &u.report
		if u.dropping || r.inFlight || !d.dirty(r) {
			continue // a unit is let go once: a second time would take away what was assigned anew
		}
		if wait, ok := r.allow(now); !ok {
			next = loop.Earliest(next, now.Add(wait))
			continue
		}
		if len(b.parts) == reportsPerTxn {
			break // the next turn comes with the answer to this batch
		}
		p, err := d.part(u, &b.txn)
		if err != nil {
			d.o.Logger.Error().Err(err).Str("unit", u.rec.ID.String()).Msg("report could not be encoded")
			continue
		}
		r.tokens--
		r.inFlight = true
		if p.put != nil {
			b.place = d.place
		}
		b.parts = append(b.parts, p)
	}
	if b.place.Tenure != 0 {
		// An endpoint is for a node that is in its place. The lease says so too, but a lease of an
		// earlier tenure may still have a moment to live.
		b.txn.If = append(b.txn.If, registry.Compare{Key: d.o.Keys.Alive(d.o.Node), Target: registry.CreateRevision, Number: b.place.Tenure})
	}
	return b, next
}

// part adds a unit's report to a transaction.
func (d *Daemon) part(u *unit, t *registry.Txn) (part, error) {
	r := &u.report
	statusKey, endpointKey := d.o.Keys.Status(d.o.Node, u.rec.ID), d.o.Keys.Endpoint(d.o.Node, u.rec.ID)
	p := part{u: u, status: r.want, revision: r.revision, gone: r.gone}
	then := make([]registry.Op, 0, 2)
	if r.gone {
		then = append(then, registry.Op{Kind: registry.OpDelete, Key: statusKey})
	} else {
		value, err := registry.Encode(r.want, registry.Extra{})
		if err != nil {
			return part{}, err
		}
		then = append(then, registry.Op{Kind: registry.OpPut, Key: statusKey, Value: value})
	}
	if d.puts(r) {
		p.put = r.endpoint
		value, err := registry.Encode(*p.put, registry.Extra{})
		if err != nil {
			return part{}, err
		}
		then = append(then, registry.Op{Kind: registry.OpPut, Key: endpointKey, Value: value, Lease: d.place.Lease})
		if r.endpointOut == endpointAbsent {
			r.endpointOut = endpointUnknown // until there is an answer: a stop meanwhile has something to withdraw
		}
	} else if p.deleted = r.deletes(); p.deleted {
		then = append(then, registry.Op{Kind: registry.OpDelete, Key: endpointKey})
	}
	t.If = append(t.If, registry.Compare{Key: statusKey, Target: registry.ModRevision, Number: r.revision})
	t.Then = append(t.Then, then...)
	t.Else = append(t.Else, registry.Op{Kind: registry.OpRange, Key: statusKey})
	return p, nil
}

// written applies the outcome of a batch.
func (d *Daemon) written(b batch, now units.Instant, t registry.TxnResult, err error) {
	for _, p := range b.parts {
		p.u.report.inFlight = false
	}
	if err == nil {
		d.answered(now)
	}
	switch {
	case err == nil && t.Succeeded:
		for _, p := range b.parts {
			d.stored(p, b.place.Lease, t.Revision, now)
		}
	case err == nil:
		// Somebody else's write came between: a late one of ours, or a hand's. What is there now is what
		// the next write compares. Where nobody's did, the tenure is over, whatever the guard last said:
		// reports go on without endpoints.
		other := false
		for i, p := range b.parts {
			other = p.u.report.seen(p.revision, t.Results[i].Range.KVs) || other
		}
		if !other {
			d.lost = b.place.Tenure
		}
		d.guardAt = 0
	default:
		// The batch may be applied, now or later. Reading the keys again and then writing them, whatever
		// they say, refuses it for good.
		d.writeAt = now.Boot + writeAgain
		for _, p := range b.parts {
			p.u.report.force = true
			if p.put != nil || p.deleted {
				p.u.report.endpointOut = endpointUnknown
			}
		}
		if errors.Is(err, registry.ErrLeaseNotFound) {
			d.lost = b.place.Tenure
		}
		d.guardAt = 0
		d.o.Logger.Warn().Err(err).Msg("reports were not acknowledged")
	}
}

// stored notes that a report is in the registry.
func (d *Daemon) stored(p part, lease registry.LeaseID, revision int64, now units.Instant) {
	r := &p.u.report
	if p.revision == 0 && r.toldEndpoint == endpointUnknown {
		r.toldEndpoint = endpointAbsent // there was no status, so nobody told of an endpoint either
	}
	if !p.gone {
		d.statusEvents(now, p.u.rec.ID, r.told, p.status)
		r.told = p.status
	}
	switch {
	case p.put != nil:
		d.endpointEvents(now, p.u, endpointThere)
		r.endpointOut, r.out, r.outLease = endpointThere, p.put, lease
	case p.deleted:
		d.endpointEvents(now, p.u, endpointAbsent)
		r.endpointOut, r.withdrawn = endpointAbsent, now.Boot
	}
	if p.gone {
		r.stored, r.revision, r.force = units.Status{}, 0, false
		if r.gone { // nobody assigned it again meanwhile
			d.drop(p.u)
		}
		return
	}
	r.stored, r.revision, r.force = p.status, revision, false
}

// seen takes over what a read of the status key found, and reports whether it is another than was
// compared.
func (r *report) seen(compared int64, kvs []registry.KeyValue) bool {
	unsure := r.force // one of our own may be what is there
	r.force = true
	r.revision, r.stored = 0, units.Status{}
	if len(kvs) == 0 {
		return compared != 0
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
	return r.revision != compared
}
