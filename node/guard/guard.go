package guard

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

// Guard is the shell. All fields but state belong to Step's goroutine.
type Guard struct {
	o Options

	phase  Phase
	reason units.Reason
	lease  registry.LeaseID
	tenure int64
	probed probed // what the latest probe read
	loaded bool

	acked     time.Duration // boot time of the send of the latest acknowledged renewal
	nextRenew time.Duration
	renewals  int  // in flight
	missed    bool // one has failed since the latest that was acknowledged
	retryAt   time.Duration
	busy      bool // a request of the present phase is in flight

	told      Word          // the latest word that was left
	fresh     time.Duration // until when the tenure is fresh, as was told
	unbinding *unbinding    // nil while what is bound may run
	clean     bool          // nothing was bound since all that was is gone

	born     units.Cluster // the cluster that the tenure was begun in
	fence    *registry.View
	asked    int64 // the latest tenure that the scheduler wants given up
	place    *registry.View
	seen     sighting
	adopted  bool          // the tenure is a predecessor's
	endedAt  time.Duration // boot time at which giving up the tenure began; 0 while it is held
	farewell *units.Reason // why no tenure is to be held any more

	state atomic.Pointer[State]
}

// New returns a guard that has done nothing yet.
func New(o Options) (*Guard, error) {
	if o.TTL == 0 {
		o.TTL = DefaultTTL
	}
	g := &Guard{o: o, phase: PhaseIdle, clean: o.Machine == nil}
	if err := g.watch(); err != nil {
		return nil, err
	}
	g.publish()
	return g, nil
}

// State returns the latest published state. Any goroutine may call it.
func (g *Guard) State() State { return *g.state.Load() }

// End makes the guard give up its tenure, once all that is bound to it is gone, and hold none from then on:
// the machine goes down. PhaseEnded tells that it is done. Any goroutine may call it.
func (g *Guard) End(why string) {
	g.o.Mail.Post(func(units.Instant) {
		g.farewell = &units.Reason{Code: reasonShutdown, Message: why}
	})
}

// Step makes one pass; see package loop.
func (g *Guard) Step(ctx context.Context, now units.Instant) (units.Instant, error) {
	g.o.Mail.Apply(now)
	g.load(now)
	next, err := g.look(ctx, now)
	if err != nil {
		return units.Instant{}, err
	}
	if why, over := g.over(); over {
		g.giveUp(now, why)
	}
	if !g.busy && now.Reached(g.retryAt) {
		g.request(now)
	}
	next = loop.Earliest(next, g.renew(now))
	g.tell()
	// Before what is bound is looked for: who was told yes until now had been noted before.
	g.publish()
	next = loop.Earliest(next, g.unbind(now))
	g.publish()
	if g.waits() && !g.busy {
		next = loop.Earliest(next, now.Add(max(0, g.retryAt-now.Boot)))
	}
	return next, nil
}

// request makes the present phase's next request.
func (g *Guard) request(now units.Instant) {
	if g.farewell != nil {
		g.part()
	}
	switch g.phase {
	case PhaseIdle, PhaseProbing, PhaseRefused:
		if g.clean {
			g.probe()
		}
	case PhaseGranting:
		g.grant()
	case PhaseClaiming:
		g.claim(now)
	case PhaseReleasing:
		if g.clean {
			g.revoke()
		}
	}
}

// waits reports whether the present phase has a request to make that nothing but time holds up.
func (g *Guard) waits() bool {
	switch g.phase {
	case PhaseHolding, PhaseEnded:
		return false
	case PhaseGranting, PhaseClaiming:
		return true
	}
	return g.clean
}

// enter changes the phase and makes the next request due at once.
func (g *Guard) enter(p Phase, why units.Reason) {
	if g.phase != p {
		g.o.Logger.Info().Str("phase", string(p)).Int64("tenure", g.tenure).Str("reason", why.Message).Msg("guard entered a phase")
	}
	g.phase, g.reason, g.retryAt = p, why, 0
}

// again repeats the present phase's request after a pause.
func (g *Guard) again(now units.Instant, pause time.Duration, err error) {
	g.retryAt = now.Boot + pause
	if err != nil {
		g.reason = units.Reason{Code: reasonEtcd, Message: err.Error()}
		g.o.Logger.Warn().Err(err).Str("phase", string(g.phase)).Msg("guard's request failed")
	}
}

func (g *Guard) publish() {
	s := State{Phase: g.phase, Lease: g.lease, Tenure: g.tenure, Reason: g.reason}
	if g.phase == PhaseHolding {
		s.FreshUntil = g.fresh
	}
	g.state.Store(&s)
}

// The codes of a guard's reasons.
const (
	reasonFenced   = "fenced"
	reasonEtcd     = "etcd-unavailable"
	reasonPinned   = "name-taken"
	reasonClaimed  = "alive-exists"
	reasonExpired  = "lease-expired"
	reasonCluster  = "cluster-changed"
	reasonTaken    = "alive-gone"
	reasonShutdown = "node-shutdown"
	reasonUnbinds  = "unbinding"
)
