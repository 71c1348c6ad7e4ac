package node

import (
	"context"
	"errors"
	"path"
	"time"

	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/planted"
)

const (
	maxFetches   = 4 // at once on a node
	fetchFirst   = time.Second
	fetchLongest = time.Minute
)

// fetch makes the unit's closure exist, rooted and checked. A generation that was realised for another
// unit in this life of the daemon is here already.
func (d *Daemon) fetch(u *unit) {
	root := u.root()
	if d.realised[root] {
		u.closure = converge.Closure{Ready: true}
		return
	}
	if d.fetches >= maxFetches || d.fetching[root] {
		return
	}
	d.fetches++
	d.fetching[root] = true
	u.busy[laneFetch] = true
	target, _ := u.app.PathFor(d.self.System)
	r := Realisation{
		Path: target, Root: root, Cache: u.app.Cache, Executable: path.Clean(u.app.Command[0]),
		Offline: !d.confirmed, Progress: d.fetched.watch(u.rec.ID),
	}
	if planted.On(planted.RootAfterStart) { // breaks: a collection before the unit has started takes what it is made of
		r.Root = ""
	}
	loop.Go(d.o.Executor, "realise", string(target), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, d.o.Store.Realise(ctx, r)
	}, func(now units.Instant, _ struct{}, err error) {
		d.fetches--
		delete(d.fetching, root)
		u.busy[laneFetch] = false
		d.fetched.forget(u.rec.ID)
		if err == nil {
			u.tries = 0
			d.realised[root] = true
			u.closure = converge.Closure{Ready: true}
			return
		}
		u.tries++
		u.closure = converge.Closure{
			Failure: units.Reason{Code: units.ReasonNixFailed, Message: err.Error()},
			RetryAt: now.Boot + backoff(fetchFirst, fetchLongest, u.tries),
		}
		if f := (*Failure)(nil); errors.As(err, &f) {
			u.closure.Failure, u.closure.Permanent = f.Reason, f.Permanent
		}
		d.o.Logger.Warn().Err(err).Str("unit", u.rec.ID.String()).Str("path", string(target)).Msg("closure could not be realised")
	})
}

// pinLate is where the mistake would pin a closure.
func (d *Daemon) pinLate(u *unit) {
	target, _ := u.app.PathFor(d.self.System)
	r := Realisation{Path: target, Root: u.root(), Cache: u.app.Cache, Offline: true}
	loop.Go(d.o.Executor, "realise", string(target), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, d.o.Store.Realise(ctx, r)
	}, func(units.Instant, struct{}, error) {})
}

// backoff doubles from first up to longest.
func backoff(first, longest time.Duration, tries int) time.Duration {
	wait := first
	for i := 1; i < tries && wait < longest; i++ {
		wait *= 2
	}
	return min(wait, longest)
}
