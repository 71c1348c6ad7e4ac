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
	pinned int64 // mod revision of nodes/<node> at the probe; 0 when absent

	acked     time.Duration // boot time of the send of the latest acknowledged renewal
	nextRenew time.Duration
	renewals  int // in flight
	retryAt   time.Duration
	busy      bool // a request of the present phase is in flight
	loaded    bool
	unbound   bool // what was bound to the tenure is gone

	fence *registry.View // of fence/<node>
	asked int64          // the latest tenure that the scheduler wants given up

	state atomic.Pointer[State]
}

// New returns a guard that has done nothing yet.
func New(o Options) (*Guard, error) {
	if o.TTL == 0 {
		o.TTL = DefaultTTL
	}
	g := &Guard{o: o, phase: PhaseIdle}
	if err := g.watchFence(); err != nil {
		return nil, err
	}
	g.publish()
	return g, nil
}

// State returns the latest published state. Any goroutine may call it.
func (g *Guard) State() State { return *g.state.Load() }

// Step makes one pass; see package loop.
func (g *Guard) Step(ctx context.Context, now units.Instant) (units.Instant, error) {
	g.o.Mail.Apply(now)
	g.load()
	asked, next, err := g.fenced(ctx, now)
	if err != nil {
		return units.Instant{}, err
	}
	if asked {
		g.enter(PhaseReleasing, units.Reason{Code: reasonFenced, Message: "the scheduler asked for the tenure back"})
	}
	if !g.busy && now.Reached(g.retryAt) {
		switch g.phase {
		case PhaseIdle, PhaseProbing, PhaseRefused:
			g.probe()
		case PhaseGranting:
			g.grant()
		case PhaseClaiming:
			g.claim(now)
		case PhaseReleasing:
			g.release()
		}
	}
	next = loop.Earliest(next, g.renew(now))
	g.publish()
	if g.phase != PhaseHolding && !g.busy {
		next = loop.Earliest(next, now.Add(max(0, g.retryAt-now.Boot)))
	}
	return next, nil
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
	if g.phase == PhaseHolding && g.acked > 0 {
		s.FreshUntil = g.acked + FenceAfter
	}
	g.state.Store(&s)
}

// The codes of a guard's reasons.
const (
	reasonFenced  = "fenced"
	reasonEtcd    = "etcd-unavailable"
	reasonPinned  = "name-taken"
	reasonClaimed = "alive-exists"
	reasonExpired = "lease-expired"
)
