package guard

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

// How what is bound is ended. A call that hangs is left behind after machineCall: it holds up no other.
const (
	unbindEvery = 100 * time.Millisecond
	stopAgain   = 2 * time.Second
	machineCall = 2 * time.Second
)

// unbinding is the end of everything that is bound to a tenure which is not fresh.
//
//	list ---> stop ---> empty? ---yes---> gone
//	             ^        | no
//	             |        v
//	             +----- its time to stop is over? ---yes---> kill
//
// The list is taken anew every 100 ms as well, until every unit that was ever on it is gone.
//
// A unit that was found empty stays so for as long as the tenure is not fresh: systemd may still start
// its shim, which asks the guard, and is told no. Whatever was told yes had been noted before, and its
// process was there.
type unbinding struct {
	since   time.Duration // boot time from which the times to stop count
	units   []*leaver     // in order
	listing bool
	nextAt  time.Duration
}

// leaver is one bound unit on its way out.
type leaver struct {
	units.Bound
	stopAt                     time.Duration // when to ask for the stop again; 0: never asked
	stopping, killing, looking bool          // calls under way
	empty                      bool
}

// bindable reports whether what is bound may run on now.
func (g *Guard) bindable(now units.Instant) bool {
	return g.phase == PhaseHolding && g.fresh != 0 && !now.Reached(g.fresh)
}

// unbind ends what is bound for as long as the guard has no tenure that is fresh, and returns when it
// wants to be called again.
func (g *Guard) unbind(now units.Instant) units.Instant {
	if g.o.Machine == nil {
		return units.Instant{}
	}
	if g.bindable(now) {
		if u := g.unbinding; u != nil && len(u.units) > 0 {
			g.o.Logger.Info().Int64("tenure", g.tenure).Int("units", len(u.units)).Msg("the tenure is fresh again; what is bound may run")
		}
		g.unbinding, g.clean = nil, false
		return now.Add(g.fresh - now.Boot)
	}
	if g.clean {
		return units.Instant{}
	}
	if g.unbinding == nil {
		g.unbinding = &unbinding{since: g.staleAt(now.Boot)}
	}
	u := g.unbinding
	if !now.Reached(u.nextAt) {
		return now.Add(u.nextAt - now.Boot)
	}
	u.nextAt = now.Boot + unbindEvery
	if !u.listing {
		g.list(u)
	}
	for _, b := range u.units {
		if !b.empty {
			g.end(u, b, now)
		}
	}
	return now.Add(unbindEvery)
}

// unbound settles whether everything is gone. It is asked after each answer of the machine, of which a list is the
// first.
func (g *Guard) unbound(u *unbinding) {
	if u != g.unbinding {
		return
	}
	if slices.ContainsFunc(u.units, func(b *leaver) bool { return !b.empty }) {
		return
	}
	g.unbinding, g.clean = nil, true
	if len(u.units) > 0 {
		g.o.Logger.Info().Int64("tenure", g.tenure).Int("units", len(u.units)).Msg("everything that was bound is gone")
	}
}

// troubled tells of a call to the machine that failed. It is made again.
func (g *Guard) troubled(u *unbinding, err error) {
	if err == nil {
		return
	}
	g.o.Logger.Error().Err(err).Msg("guard could not end what is bound")
	if u == g.unbinding && g.phase != PhaseHolding {
		g.reason = units.Reason{Code: reasonUnbinds, Message: fmt.Sprintf("no tenure is begun or given back before what is bound is gone: %v", err)}
	}
}

// list finds what is bound. What was found before stays: it may have been forgotten since it is gone, which
// the machine says as well.
func (g *Guard) list(u *unbinding) {
	u.listing = true
	call(g.o.Executor, "list-bound", string(g.o.Node), g.o.Machine.Bound, func(_ units.Instant, list []units.Bound, err error) {
		u.listing = false
		if err != nil {
			g.troubled(u, err)
			return
		}
		for _, b := range list {
			i, found := slices.BinarySearchFunc(u.units, b.Unit, func(l *leaver, id units.UnitID) int { return l.Unit.Compare(id) })
			if !found {
				u.units = slices.Insert(u.units, i, &leaver{Bound: b})
				u.nextAt = 0
				g.o.Logger.Warn().Str("unit", b.Unit.String()).Int64("tenure", b.Tenure).Str("phase", string(g.phase)).Str("reason", g.reason.Message).Msg("guard ended a bound unit")
			}
		}
		g.unbound(u)
	})
}

// end makes the calls about one unit that are due: none waits for another.
func (g *Guard) end(u *unbinding, b *leaver, now units.Instant) {
	id := b.Unit
	if !b.stopping && now.Reached(b.stopAt) {
		b.stopping, b.stopAt = true, now.Boot+stopAgain
		call(g.o.Executor, "stop-bound", id.String(), does(g.o.Machine.Stop, id), func(_ units.Instant, _ struct{}, err error) {
			b.stopping = false
			g.troubled(u, err)
		})
	}
	if !b.killing && now.Reached(u.since+b.StopTimeout) {
		b.killing = true
		call(g.o.Executor, "kill-bound", id.String(), does(g.o.Machine.Kill, id), func(_ units.Instant, _ struct{}, err error) {
			b.killing = false
			g.troubled(u, err)
		})
	}
	if !b.looking {
		b.looking = true
		call(g.o.Executor, "look-bound", id.String(), func(ctx context.Context) (bool, error) { return g.o.Machine.Empty(ctx, id) }, func(_ units.Instant, empty bool, err error) {
			b.looking = false
			b.empty = b.empty || empty && err == nil
			g.troubled(u, err)
			g.unbound(u)
		})
	}
}

// call makes one call to the machine that does not last longer than machineCall.
func call[T any](x loop.Executor, kind, key string, do func(context.Context) (T, error), done func(units.Instant, T, error)) {
	loop.Go(x, kind, key, func(ctx context.Context) (T, error) {
		ctx, cancel := context.WithTimeout(ctx, machineCall)
		defer cancel()
		return do(ctx)
	}, done)
}

// does is a call about a unit that answers nothing.
func does(do func(context.Context, units.UnitID) error, id units.UnitID) func(context.Context) (struct{}, error) {
	return func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx, id) }
}
