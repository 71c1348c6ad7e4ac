package guard

import (
	"context"
	"errors"
	"fmt"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

// probed is what a claim goes by. The claim finds all of it unchanged.
type probed struct {
	node    int64 // mod revision of the registration; 0 when absent
	cluster units.Cluster
	at      int64 // mod revision of the cluster's key; 0 when absent
}

// readCluster takes up which cluster this is. One whose key is not there has not met its first scheduler; one
// whose key cannot be read is met when it can.
func (g *Guard) readCluster(kvs []registry.KeyValue) {
	if len(kvs) == 0 {
		return
	}
	g.probed.at = kvs[0].ModRevision
	c, _, err := registry.Decode[units.Cluster](kvs[0].Key, kvs[0].Value)
	if err != nil {
		g.o.Logger.Warn().Err(err).Msg("the cluster's key could not be read and says nothing")
		return
	}
	g.probed.cluster = c
}

// probe reads the registration, who is alive under this name, and which cluster this is, at one revision.
func (g *Guard) probe() {
	g.phase, g.busy = PhaseProbing, true
	nodeKey, aliveKey, clusterKey := g.o.Keys.Node(g.o.Node), g.o.Keys.Alive(g.o.Node), g.o.Keys.Cluster()
	loop.Go(g.o.Executor, "probe", nodeKey, func(ctx context.Context) (registry.TxnResult, error) {
		return g.o.KV.Txn(ctx, registry.Txn{Then: []registry.Op{
			{Kind: registry.OpRange, Key: nodeKey},
			{Kind: registry.OpRange, Key: aliveKey},
			{Kind: registry.OpRange, Key: clusterKey},
		}})
	}, func(now units.Instant, r registry.TxnResult, err error) {
		g.busy = false
		if err != nil {
			g.again(now, retryEvery, err)
			return
		}
		g.probed = probed{}
		if why := g.refusal(r.Results[0].Range.KVs); why != "" {
			g.enter(PhaseRefused, units.Reason{Code: reasonPinned, Message: why})
			g.again(now, refusedEvery, nil)
			return
		}
		g.readCluster(r.Results[2].Range.KVs)
		if len(r.Results[1].Range.KVs) > 0 {
			g.reason = units.Reason{Code: reasonClaimed, Message: fmt.Sprintf("%s is held by an earlier life of this node or by a twin; waiting for its lease to end", aliveKey)}
			g.again(now, retryEvery, nil)
			return
		}
		g.enter(PhaseGranting, units.Reason{})
	})
}

// refusal says why this machine may not use its name, given the registration that was read, and
// remembers that registration's revision. A registration that cannot be decoded is somebody's: it is
// not taken over.
func (g *Guard) refusal(kvs []registry.KeyValue) string {
	if len(kvs) == 0 {
		return ""
	}
	g.probed.node = kvs[0].ModRevision
	reg, _, err := registry.Decode[units.Node](kvs[0].Key, kvs[0].Value)
	switch {
	case err != nil:
		return fmt.Sprintf("the registration of %s cannot be read (%v); remove it with: nsched nodes forget %s", g.o.Node, err, g.o.Node)
	case reg.Key != g.o.Key:
		return fmt.Sprintf("another machine's key is pinned for %s; give this machine another name, or run: nsched nodes forget %s", g.o.Node, g.o.Node)
	}
	return ""
}

func (g *Guard) grant() {
	g.busy = true
	loop.Go(g.o.Executor, "grant", string(g.o.Node), func(ctx context.Context) (registry.Lease, error) {
		return g.o.KV.Grant(ctx, g.o.TTL)
	}, func(now units.Instant, l registry.Lease, err error) {
		g.busy = false
		if err != nil {
			// A lease that was granted unheard ends by itself: nothing is attached to it.
			g.again(now, retryEvery, err)
			return
		}
		g.lease = l.ID
		g.enter(PhaseClaiming, units.Reason{})
	})
}

// claim creates alive/<node>. A reply that is lost leaves a key under our own lease, so the
// transaction also reads the key: finding it there with our lease is as good as having made it.
func (g *Guard) claim(now units.Instant) {
	key, lease := g.o.Keys.Alive(g.o.Node), g.lease
	value, err := registry.Encode(units.Alive{BootID: g.o.BootID}, registry.Extra{})
	if err != nil {
		g.again(now, refusedEvery, err)
		return
	}
	g.busy = true
	loop.Go(g.o.Executor, "claim", key, func(ctx context.Context) (registry.TxnResult, error) {
		return g.o.KV.Txn(ctx, registry.Txn{
			If: []registry.Compare{
				{Key: key, Target: registry.CreateRevision},
				{Key: g.o.Keys.Node(g.o.Node), Target: registry.ModRevision, Number: g.probed.node},
				{Key: g.o.Keys.Cluster(), Target: registry.ModRevision, Number: g.probed.at},
			},
			Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: value, Lease: lease}},
			Else: []registry.Op{{Kind: registry.OpRange, Key: key}},
		})
	}, func(now units.Instant, r registry.TxnResult, err error) {
		g.busy = false
		switch {
		case errors.Is(err, registry.ErrLeaseNotFound):
			g.lease = 0
			g.enter(PhaseIdle, units.Reason{})
		case err != nil:
			g.again(now, retryEvery, err)
		case r.Succeeded:
			g.hold(r.Revision)
		case len(r.Results[0].Range.KVs) == 1 && r.Results[0].Range.KVs[0].Lease == lease:
			// Our own earlier claim, whose answer was lost. It is fresh from the next renewal on.
			g.hold(r.Results[0].Range.KVs[0].CreateRevision)
		default:
			g.lease = 0 // unused; it ends by itself
			g.enter(PhaseIdle, units.Reason{})
			g.again(now, retryEvery, nil)
		}
	})
}

// hold begins a tenure. The first acknowledged renewal makes it fresh: the claim itself renews
// nothing.
func (g *Guard) hold(tenure int64) {
	g.tenure, g.acked, g.nextRenew, g.endedAt = tenure, 0, 0, 0
	g.born, g.adopted = g.probed.cluster, false
	g.seen.any, g.seen.regress = false, false
	if g.seen.contradicts(tenure, g.born) {
		g.reread()
	}
	g.enter(PhaseHolding, units.Reason{})
	g.save()
}
