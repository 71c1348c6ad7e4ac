package guard

import (
	"context"
	"errors"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/planted"
	"github.com/nsched/nsched/units/registry"
)

// renew sends the next keepalive when it is due and returns when it wants to be called again. Several
// may be in flight, since one that hangs must not hold up the next; each counts from its own send.
func (g *Guard) renew(now units.Instant) units.Instant {
	if g.lease == 0 || g.tenure == 0 {
		return units.Instant{}
	}
	if now.Reached(g.nextRenew) {
		g.nextRenew = now.Boot + KeepaliveEvery
		if g.renewals < maxRenewals {
			g.keepalive(now.Boot)
		}
	}
	return now.Add(max(0, g.nextRenew-now.Boot))
}

func (g *Guard) keepalive(sent time.Duration) {
	g.renewals++
	lease := g.lease
	loop.Go(g.o.Executor, "keepalive", string(g.o.Node), func(ctx context.Context) (registry.Lease, error) {
		// One that hangs on a dead member must not keep the next from another until the fence.
		ctx, cancel := context.WithTimeout(ctx, KeepaliveEvery)
		defer cancel()
		return g.o.KV.KeepAlive(ctx, lease)
	}, func(now units.Instant, _ registry.Lease, err error) {
		g.renewals--
		switch {
		case lease != g.lease:
			// An answer about a lease that was left behind says nothing about this one.
		case errors.Is(err, registry.ErrLeaseNotFound):
			g.o.Logger.Warn().Int64("tenure", g.tenure).Msg("guard's lease ended")
			g.lease = 0
			g.giveUp(now, units.Reason{Code: reasonExpired, Message: "the lease ended: etcd heard nothing from this node for its whole length"})
		case err != nil:
			g.reason, g.missed = units.Reason{Code: reasonEtcd, Message: err.Error()}, true
		default:
			if g.missed {
				// etcd was away, and may be another than before: its client goes on watching where it was.
				g.missed = false
				g.reload()
			}
			if planted.On(planted.FenceFromResponse) { // breaks: the fence comes later by as long as the answer took
				sent = now.Boot
			}
			g.acked = max(g.acked, sent)
			if g.phase == PhaseHolding {
				g.reason = units.Reason{}
			}
		}
	})
}
