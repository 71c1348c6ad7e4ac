package guard

import (
	"context"
	"errors"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

// giveUp begins the end of the tenure that is held: it is not fresh from now on, and is given back when
// everything that is bound to it is gone. Until then the lease is renewed, so that nobody takes the node
// for lost while something runs.
func (g *Guard) giveUp(now units.Instant, why units.Reason) {
	if g.phase != PhaseHolding {
		return
	}
	g.endedAt = now.Boot
	g.enter(PhaseReleasing, why)
	g.save()
}

// over says why the tenure that is held must be given up, if it must.
func (g *Guard) over() (units.Reason, bool) {
	switch {
	case g.phase != PhaseHolding:
		return units.Reason{}, false
	case g.farewell != nil:
		return *g.farewell, true
	case g.asked == g.tenure:
		return units.Reason{Code: reasonFenced, Message: "the scheduler asked for the tenure back"}, true
	}
	return g.displaced()
}

// part takes a guard that holds nothing to its end. A lease that it has all the same is given back.
func (g *Guard) part() {
	switch {
	case g.phase == PhaseHolding || g.phase == PhaseReleasing || g.phase == PhaseEnded:
	case g.lease != 0:
		g.enter(PhaseReleasing, *g.farewell)
	case g.clean:
		g.enter(PhaseEnded, *g.farewell)
	default:
		g.enter(PhaseIdle, *g.farewell)
	}
}

// revoke gives the lease back. One that has ended already is given back by nobody.
func (g *Guard) revoke() {
	if g.lease == 0 {
		g.leave(g.reason)
		return
	}
	g.busy = true
	lease := g.lease
	loop.Go(g.o.Executor, "revoke", string(g.o.Node), func(ctx context.Context) (struct{}, error) {
		ctx, cancel := context.WithTimeout(ctx, revokeWithin)
		defer cancel()
		return struct{}{}, g.o.KV.Revoke(ctx, lease)
	}, func(now units.Instant, _ struct{}, err error) {
		g.busy = false
		if err != nil && !errors.Is(err, registry.ErrLeaseNotFound) {
			g.again(now, revokeAgain, err)
			return
		}
		g.leave(g.reason)
	})
}

// revokeWithin bounds one attempt: one that hangs on a dead member must not keep the next from another.
const revokeWithin = 5 * time.Second

// leave forgets a tenure that has ended.
func (g *Guard) leave(why units.Reason) {
	g.lease, g.tenure, g.acked, g.endedAt = 0, 0, 0, 0
	g.enter(PhaseIdle, why)
	g.save()
}
