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

// clean removes this node's own words about units that it knows nothing of: a status whose deletion
// was lost, or that a late write brought back.
func (d *Daemon) clean(now units.Instant) units.Instant {
	if !d.confirmed || d.listed == 0 || d.cleaning || !d.continuity.Trusted() || len(d.broken) > 0 {
		return units.Instant{}
	}
	if !now.Reached(d.cleanAt) {
		return now.Add(d.cleanAt - now.Boot)
	}
	d.cleaning = true
	d.cleanAt = now.Boot + cleanEvery
	prefix := d.o.Keys.Under(registry.KindStatus, string(d.o.Node))
	loop.Go(d.o.Executor, "clean", prefix, func(ctx context.Context) (registry.RangeResult, error) {
		return d.o.KV.Range(ctx, registry.Range{Key: prefix, End: registry.PrefixEnd(prefix), KeysOnly: true, Limit: cleanPage})
	}, func(_ units.Instant, r registry.RangeResult, err error) {
		d.cleaning = false
		if err != nil {
			return
		}
		for _, kv := range r.KVs {
			key, err := d.o.Keys.Parse(kv.Key)
			if err == nil && d.units[key.Unit] == nil {
				d.erase(key.Unit, kv)
			}
		}
	})
	return units.Instant{}
}

func (d *Daemon) erase(id units.UnitID, kv registry.KeyValue) {
	endpoint := d.o.Keys.Endpoint(d.o.Node, id)
	loop.Go(d.o.Executor, "erase", kv.Key, func(ctx context.Context) (registry.TxnResult, error) {
		return d.o.KV.Txn(ctx, registry.Txn{
			If:   []registry.Compare{{Key: kv.Key, Target: registry.ModRevision, Number: kv.ModRevision}},
			Then: []registry.Op{{Kind: registry.OpDelete, Key: kv.Key}, {Kind: registry.OpDelete, Key: endpoint}},
		})
	}, func(_ units.Instant, _ registry.TxnResult, err error) {
		if err == nil {
			d.o.Logger.Info().Str("unit", id.String()).Msg("status of an unknown unit removed")
		}
	})
}
