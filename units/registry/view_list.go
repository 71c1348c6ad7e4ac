package registry

import (
	"context"
	"errors"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

// listing is a complete read under way: every span page by page, all at the revision of the first page.
type listing struct {
	revision  int64 // 0 until the first page has come
	began     time.Duration
	all       bool // every key counts as changed
	regressed bool
	parts     []part
}

// part is the read of one span.
type part struct {
	span    span
	from    string // where the next page begins
	asking  bool
	done    bool
	retryAt time.Duration
	changes []Change // what the pages so far differ in from what is held
}

func newListing(spans []span, began time.Duration, all bool) *listing {
	l := &listing{began: began, all: all, parts: make([]part, len(spans))}
	for i, s := range spans {
		l.parts[i] = part{span: s, from: s.key}
	}
	return l
}

// stepList asks for the next page of each span. The first page of the first span is asked for alone: it
// settles the revision.
func (v *View) stepList(ctx context.Context, now units.Instant) units.Instant {
	var wish units.Instant
	done := true
	for i := range v.list.parts {
		p := &v.list.parts[i]
		if p.done {
			continue
		}
		done = false
		switch {
		case p.asking || (v.list.revision == 0 && i > 0):
		case !now.Reached(max(p.retryAt, v.retryAt)):
			wish = loop.Earliest(wish, at(now, max(p.retryAt, v.retryAt)))
		default:
			v.ask(i)
		}
	}
	if done {
		return v.finishList(ctx, now)
	}
	return wish
}

// ask requests the next page of part i.
func (v *View) ask(i int) {
	l, session := v.list, v.session
	p := &l.parts[i]
	p.asking = true
	r := Range{Key: p.from, End: p.span.end, Revision: l.revision, Limit: v.o.PageSize}
	kv := v.o.KV
	loop.Go(v.o.Exec, "range", p.from, func(ctx context.Context) (RangeResult, error) {
		return kv.Range(ctx, r)
	}, func(now units.Instant, res RangeResult, err error) {
		if v.session == session {
			v.page(now, i, res, err)
		}
	})
}

func (v *View) page(now units.Instant, i int, res RangeResult, err error) {
	l := v.list
	p := &l.parts[i]
	p.asking = false
	switch {
	case err == nil:
	case errors.Is(err, ErrCompacted) || errors.Is(err, ErrFutureRevision):
		// Compacted while reading, or a member that lags behind or was restored: a new revision is due.
		v.reload = v.reload || l.all
		v.relist(now, err)
		v.fail(now, err)
		return
	default:
		v.fail(now, err)
		p.retryAt = v.retryAt
		return
	}
	if l.revision == 0 {
		l.revision = res.Revision
		if l.revision < v.known {
			l.regressed, l.all = true, true
			v.log.Error().Int64("rev", v.rev).Int64("now", l.revision).Msg("found that etcd went back in time")
		}
	}
	end := p.span.end
	if p.done = !res.More || len(res.KVs) == 0; !p.done {
		end = res.KVs[len(res.KVs)-1].Key + "\x00"
	}
	v.diff(p, res.KVs, end)
	p.from = end
}

// diff notes what a page, which is all there is from p.from to end, changes in what is held.
func (v *View) diff(p *part, page []KeyValue, end string) {
	if p.span.end == "" {
		end = p.span.key + "\x00"
	}
	i := 0
	put := func(kv KeyValue) { p.changes = append(p.changes, Change{KeyValue: kv}) }
	for key, mod := range v.held.ascend(p.from, end) {
		for i < len(page) && page[i].Key < key {
			put(page[i])
			i++
		}
		if i < len(page) && page[i].Key == key {
			if v.list.all || page[i].ModRevision != mod {
				put(page[i])
			}
			i++
			continue
		}
		p.changes = append(p.changes, Change{Deleted: true, KeyValue: KeyValue{Key: key, ModRevision: v.list.revision}})
	}
	for _, kv := range page[i:] {
		put(kv)
	}
}

// finishList applies the read as one batch and begins to watch.
func (v *View) finishList(ctx context.Context, now units.Instant) units.Instant {
	l := v.list
	b := Batch{After: v.rev, Revision: l.revision, Relisted: true, Regressed: l.regressed}
	for _, p := range l.parts {
		b.Changes = append(b.Changes, p.changes...)
	}
	v.list = nil
	v.heard = l.began
	v.known = l.revision
	v.apply(b)
	v.watches = make([]*viewWatch, len(v.over))
	for i := range v.watches {
		v.watches[i] = &viewWatch{through: v.rev}
	}
	v.watch(ctx, now)
	return v.stepWatch(ctx, now)
}
