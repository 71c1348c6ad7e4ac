package node

import (
	"context"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

const (
	cleanEvery = 5 * time.Minute
	cleanPage  = 1000
)

// cleaning is the sweep of this node's own words about units that it knows nothing of: a status whose
// deletion was lost, or that a late write brought back.
type cleaning struct {
	busy  bool
	at    time.Duration // when the next request may be made
	from  string        // where the next page begins; "" between two sweeps
	stale []registry.KeyValue
}

// clean reads one page after the other and removes what is stale, a key at a time. It shares what a node
// may write with the reports, and comes after them.
func (d *Daemon) clean(now units.Instant) units.Instant {
	c := &d.cleaning
	if !d.confirmed || d.listed == 0 || c.busy || !d.trusts() || len(d.broken) > 0 {
		return units.Instant{}
	}
	for len(c.stale) > 0 && d.known(c.stale[0]) {
		c.stale = c.stale[1:]
	}
	at := c.at
	if len(c.stale) > 0 {
		at = d.writesPaid
	}
	if !now.Reached(at) {
		return now.Add(at - now.Boot)
	}
	c.busy = true
	if len(c.stale) > 0 {
		d.erase(now)
	} else {
		d.nextStale()
	}
	return units.Instant{}
}

// nextStale reads a page of statuses.
func (d *Daemon) nextStale() {
	c := &d.cleaning
	prefix := d.o.Keys.Under(registry.KindStatus, string(d.o.Node))
	from := max(prefix, c.from)
	loop.Go(d.o.Executor, "clean", from, func(ctx context.Context) (registry.RangeResult, error) {
		return d.o.KV.Range(ctx, registry.Range{Key: from, End: registry.PrefixEnd(prefix), KeysOnly: true, Limit: cleanPage})
	}, func(now units.Instant, r registry.RangeResult, err error) {
		c.busy = false
		c.from, c.at = "", now.Boot+cleanEvery
		if err != nil {
			return
		}
		for _, kv := range r.KVs {
			if !d.known(kv) {
				c.stale = append(c.stale, kv)
			}
		}
		if r.More && len(r.KVs) > 0 {
			c.from, c.at = r.KVs[len(r.KVs)-1].Key+"\x00", now.Boot
		}
	})
}

// known reports whether a status is about a unit that the daemon knows, or is none.
func (d *Daemon) known(kv registry.KeyValue) bool {
	key, err := d.o.Keys.Parse(kv.Key)
	return err != nil || key.Kind != registry.KindStatus || d.units[key.Unit] != nil
}

// erase removes the first stale status, unless somebody has written it again.
func (d *Daemon) erase(now units.Instant) {
	c := &d.cleaning
	kv := c.stale[0]
	c.stale = c.stale[1:]
	key, err := d.o.Keys.Parse(kv.Key)
	if err != nil {
		c.busy = false
		return
	}
	d.writesPaid = max(d.writesPaid, now.Boot) + writeEvery
	endpoint := d.o.Keys.Endpoint(d.o.Node, key.Unit)
	loop.Go(d.o.Executor, "erase", kv.Key, func(ctx context.Context) (registry.TxnResult, error) {
		return d.o.KV.Txn(ctx, registry.Txn{
			If:   []registry.Compare{{Key: kv.Key, Target: registry.ModRevision, Number: kv.ModRevision}},
			Then: []registry.Op{{Kind: registry.OpDelete, Key: kv.Key}, {Kind: registry.OpDelete, Key: endpoint}},
		})
	}, func(_ units.Instant, r registry.TxnResult, err error) {
		c.busy = false
		if err == nil && r.Succeeded {
			d.o.Logger.Info().Str("unit", key.Unit.String()).Msg("status of an unknown unit removed")
		}
	})
}
