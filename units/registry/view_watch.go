package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/planted"
)

const (
	// askAgain is when a watch that has not answered is asked once more: etcd does not answer for a watch
	// that is still catching up.
	askAgain = 250 * time.Millisecond
	// askApart is the least time between two questions.
	askApart = 20 * time.Millisecond
)

// viewWatch is one watch and what it has brought that is not applied yet.
type viewWatch struct {
	watcher Watcher
	through int64 // everything up to here has come
	queue   []Change
	heard   time.Duration
	fresh   time.Duration // the state was current then
	asked   time.Duration // when progress was last asked for
	since   time.Duration // when the oldest question was asked that has no answer
	waiting bool          // there is such a question
}

// watch opens every watch behind what it has brought already.
func (v *View) watch(ctx context.Context, now units.Instant) {
	v.session++
	session := v.session
	v.phase = phaseWatching
	for i, w := range v.watches {
		// Asked when the state was last current: after an outage at once, after a read when it is due.
		w.heard, w.asked, w.waiting = now.Boot, v.heard, false
		w.fresh = v.heard
		req := Watch{Key: v.over[i].key, End: v.over[i].end, Revision: w.through + 1}
		w.watcher = v.o.KV.Watch(ctx, req, func(r WatchResponse) {
			v.o.Mail.Post(func(now units.Instant) {
				if v.session == session && v.phase == phaseWatching {
					v.onWatch(now, w, r)
				}
			})
		})
	}
}

func (v *View) onWatch(now units.Instant, w *viewWatch, r WatchResponse) {
	switch {
	case errors.Is(r.Err, ErrCompacted) && planted.On(planted.CompactionIgnored): // breaks: what was compacted is never seen
		w.through = max(w.through, r.Revision)
		v.doubt(now, r.Err, false)
		return
	case errors.Is(r.Err, ErrCompacted):
		v.relist(now, r.Err)
		v.fail(now, r.Err)
		return
	case r.Err != nil:
		v.doubt(now, r.Err, false)
		return
	case len(r.Changes) > 0:
		for _, c := range r.Changes {
			if c.ModRevision > w.through && v.views(c.Key) {
				w.queue = append(w.queue, c)
			}
		}
		w.through = max(w.through, r.Changes[len(r.Changes)-1].ModRevision)
	case r.Revision < w.through:
		// A member that lags behind, or a restored etcd: no sign that the watch is alive. Silence will
		// lead to a read, which tells the one from the other.
		return
	default:
		w.through = r.Revision
		if w.waiting {
			w.waiting, w.fresh = false, w.since
		}
	}
	w.heard = now.Boot
	v.known = max(v.known, w.through)
	v.err = nil
	v.retry.reset()
	v.advance()
}

// views reports whether a key is one of the view's, since a cover holds others too.
func (v *View) views(key string) bool {
	i := sort.Search(len(v.spans), func(i int) bool { return v.spans[i].key > key }) - 1
	return i >= 0 && v.spans[i].holds(key)
}

// advance applies what every watch has come past.
func (v *View) advance() {
	through := v.watches[0].through
	for _, w := range v.watches {
		through = min(through, w.through)
	}
	if through <= v.rev {
		return
	}
	b := Batch{After: v.rev, Revision: through}
	for _, w := range v.watches {
		n := sort.Search(len(w.queue), func(i int) bool { return w.queue[i].ModRevision > through })
		b.Changes = append(b.Changes, w.queue[:n]...)
		w.queue = slices.Clone(w.queue[n:])
	}
	if len(v.watches) > 1 {
		slices.SortStableFunc(b.Changes, func(a, b Change) int { return cmp.Compare(a.ModRevision, b.ModRevision) })
	}
	v.apply(b)
}

// stepWatch asks for progress where it is due and gives up on watches that are silent.
func (v *View) stepWatch(ctx context.Context, now units.Instant) units.Instant {
	furthest := v.wanted
	for _, w := range v.watches {
		furthest = max(furthest, w.through)
	}
	var wish units.Instant
	for _, w := range v.watches {
		if planted.On(planted.HangIgnored) { // breaks: a stream that hangs silently is believed for ever
			w.heard = now.Boot
		}
		if now.Reached(w.heard + v.o.Silence) {
			v.doubt(now, fmt.Errorf("watch: %w: nothing was heard for %s", ErrUnavailable, v.o.Silence), true)
			return v.stepProbe(ctx, now)
		}
		if now.Reached(v.nextAsk(w, furthest)) {
			if !w.waiting {
				w.waiting, w.since = true, now.Boot
			}
			w.asked = now.Boot
			w.watcher.RequestProgress()
		}
		wish = loop.Earliest(wish, at(now, min(v.nextAsk(w, furthest), w.heard+v.o.Silence)))
	}
	return wish
}

// nextAsk returns when a watch is to be asked how far it is: at once where another is further.
func (v *View) nextAsk(w *viewWatch, furthest int64) time.Duration {
	switch {
	case w.waiting:
		return w.asked + askAgain
	case w.through >= furthest:
		return w.asked + v.o.Progress
	}
	return w.asked + askApart
}

// doubt ends the watches and asks etcd how far it is. silent says that no reason is known.
func (v *View) doubt(now units.Instant, why error, silent bool) {
	v.stop()
	v.log.Warn().Int64("rev", v.rev).Err(why).Msg("lost the watch")
	v.phase = phaseProbing
	v.probe.doubt, v.probe.failed, v.probe.resume = silent, false, false
	v.err = why
	v.retryAt = now.Boot
	if !silent {
		v.retryAt += v.retry.next()
	}
}

// stepProbe reads one key to learn whether etcd answers and how far it is. A watch that fell silent
// while etcd answers is in doubt: it may have lost something, so everything is read. One that ended
// with an error, or with etcd itself, goes on where it was.
func (v *View) stepProbe(ctx context.Context, now units.Instant) units.Instant {
	switch {
	case v.probe.resume:
		v.resumes++
		v.log.Info().Int64("rev", v.rev).Msg("took up the watch again")
		v.watch(ctx, now)
		return v.stepWatch(ctx, now)
	case v.probe.asking:
		return units.Instant{}
	case !now.Reached(v.retryAt):
		return at(now, v.retryAt)
	}
	v.probe.asking = true
	session, kv := v.session, v.o.KV
	r := Range{Key: v.spans[0].key, End: v.spans[0].end, Limit: 1, KeysOnly: true}
	loop.Go(v.o.Exec, "probe", r.Key, func(ctx context.Context) (RangeResult, error) {
		return kv.Range(ctx, r)
	}, func(now units.Instant, res RangeResult, err error) {
		if v.session == session {
			v.onProbe(now, res.Revision, err)
		}
	})
	return units.Instant{}
}

func (v *View) onProbe(now units.Instant, revision int64, err error) {
	v.probe.asking = false
	switch {
	case err != nil:
		v.probe.failed = true
		v.fail(now, err)
	case revision < v.known || (v.probe.doubt && !v.probe.failed):
		v.relist(now, v.err)
	default:
		v.probe.resume = true
	}
}
