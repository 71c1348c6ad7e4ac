package guard

import (
	"context"
	"errors"
	"fmt"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

// load takes up what a predecessor in this boot left behind. It runs once, before the first request.
func (g *Guard) load() {
	if g.loaded {
		return
	}
	g.loaded = true
	m, err := g.o.Keeper.Load()
	if err != nil {
		g.o.Logger.Warn().Err(err).Msg("guard's memory was unreadable; a new tenure begins when the old lease has ended")
		return
	}
	if m.BootID != g.o.BootID || m.Lease == 0 || m.Tenure == 0 {
		return
	}
	g.lease, g.tenure, g.acked = m.Lease, m.Tenure, m.AckedBoot
	g.enter(PhaseHolding, units.Reason{})
}

func (g *Guard) save() {
	err := g.o.Keeper.Save(Memory{BootID: g.o.BootID, Lease: g.lease, Tenure: g.tenure, AckedBoot: g.acked})
	if err != nil {
		g.o.Logger.Error().Err(err).Msg("guard's memory was not saved; a crash now costs the tenure")
	}
}

// probe reads the registration and who is alive under this name, at one revision.
func (g *Guard) probe() {
	g.phase, g.busy = PhaseProbing, true
	nodeKey, aliveKey := g.o.Keys.Node(g.o.Node), g.o.Keys.Alive(g.o.Node)
	loop.Go(g.o.Executor, "probe", nodeKey, func(ctx context.Context) (registry.TxnResult, error) {
		return g.o.KV.Txn(ctx, registry.Txn{Then: []registry.Op{
			{Kind: registry.OpRange, Key: nodeKey},
			{Kind: registry.OpRange, Key: aliveKey},
		}})
	}, func(now units.Instant, r registry.TxnResult, err error) {
		g.busy = false
		if err != nil {
			g.again(now, retryEvery, err)
			return
		}
		if why := g.refusal(r.Results[0].Range.KVs); why != "" {
			g.enter(PhaseRefused, units.Reason{Code: reasonPinned, Message: why})
			g.again(now, refusedEvery, nil)
			return
		}
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
	g.pinned = 0
	if len(kvs) == 0 {
		return ""
	}
	g.pinned = kvs[0].ModRevision
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
				{Key: g.o.Keys.Node(g.o.Node), Target: registry.ModRevision, Number: g.pinned},
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
	g.tenure, g.acked, g.nextRenew = tenure, 0, 0
	g.enter(PhaseHolding, units.Reason{})
	g.save()
}

// release stops what is bound to the tenure and then gives the lease back, one request at a time.
// A lease that has ended already is given back by nobody.
func (g *Guard) release() {
	g.busy = true
	if g.lease == 0 {
		g.busy = false
		g.leave(g.reason)
		return
	}
	lease := g.lease
	loop.Go(g.o.Executor, "revoke", string(g.o.Node), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, g.o.KV.Revoke(ctx, lease)
	}, func(now units.Instant, _ struct{}, err error) {
		g.busy = false
		if err != nil && !errors.Is(err, registry.ErrLeaseNotFound) {
			g.again(now, releaseRetryTime, err)
			return
		}
		g.leave(g.reason)
	})
}

// leave forgets a tenure that has ended.
func (g *Guard) leave(why units.Reason) {
	g.lease, g.tenure, g.acked, g.unbound = 0, 0, 0, false
	g.save()
	g.enter(PhaseIdle, why)
}
