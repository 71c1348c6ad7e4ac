package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

const (
	// EventTTL is how long an event can be read: at least this less EventBucket.
	EventTTL = 24 * time.Hour
	// EventBucket is the stretch of cluster time whose events hang on one lease.
	EventBucket = time.Hour

	eventsPerTxn = 100
	eventPause   = 500 * time.Millisecond // between two transactions
	eventLinger  = 200 * time.Millisecond // so that what happens together is written together
	eventQueue   = 2000
)

// EventsOptions sets up Events.
type EventsOptions struct {
	KV   KV
	Exec loop.Executor
	Keys Keys
	// Writer is who tells, such as "node.n1": no two processes at once, of a-z, A-Z, 0-9, '.', '_', '-'.
	Writer string
	// Time is the shell's own.
	Time *ClusterTime
	Log  zerolog.Logger
}

// Events writes what happened to events/<writer>/ for people to read. It is a component: its Step needs
// no mailbox of its own.
//
//	Add -> queue (bounded) -> batch, keys fixed -> one transaction -> gone
//	                            ^                     |
//	                            +--- no answer -------+   the same keys again: at worst written twice
//
// A key is events/<writer>/<hour>/<ms>-<boot>-<n>, so a writer's events sort by time and no two of one
// machine share a key. All events of an hour hang on one lease that nobody renews: they go together, a
// day later, and a writer that restarts over and over makes no more leases than one that does not.
//
// Writes are bounded: 100 events a transaction, 2 transactions a second. What the queue has no room for
// is dropped, the oldest first, and one event says how many. Nothing waits for any of this.
type Events struct {
	o       EventsOptions
	queue   []eventEntry
	dropped int
	first   time.Duration // boot time at which the oldest of queue came
	n       int64         // numbers the events of one instant apart
	last    int64         // cluster time of the event that got its key last
	sending []Op

	hour   int64 // of lease
	lease  LeaseID
	looked bool // whether an earlier life left a lease for the hour is known

	busy    bool
	dueAt   time.Duration
	retry   backOff
	failing bool
}

type eventEntry struct {
	event units.Event
	boot  time.Duration
	n     int64
}

// NewEvents returns an empty queue. The error wraps ErrKey when the writer's name makes no key.
func NewEvents(o EventsOptions) (*Events, error) {
	if key, err := o.Keys.Parse(o.Keys.Event(o.Writer, "0")); err != nil || key.Writer != o.Writer {
		return nil, fmt.Errorf("write events as %s: %w: a writer is made of letters, digits and . _ -", quote(o.Writer), ErrKey)
	}
	return &Events{o: o, retry: newBackOff(nil)}, nil
}

// Add takes an event that happened now. Its time is filled in when it is written, so it may come before
// the cluster's time is known.
func (l *Events) Add(now units.Instant, e units.Event) {
	if len(l.queue) == 0 {
		l.first = now.Boot
	}
	l.n++
	l.queue = append(l.queue, eventEntry{event: e.Shortened(), boot: now.Boot, n: l.n})
	if over := len(l.queue) - eventQueue; over > 0 {
		l.queue = l.queue[over:]
		l.dropped += over
	}
}

// Step writes the next batch when there is one and it may be written.
func (l *Events) Step(_ context.Context, now units.Instant) (units.Instant, error) {
	ms, known := l.o.Time.NowMs(now)
	if l.busy || !known || len(l.queue)+len(l.sending) == 0 {
		return units.Instant{}, nil
	}
	due := l.dueAt
	if len(l.sending) == 0 {
		due = max(due, l.first+eventLinger)
	}
	if !now.Reached(due) {
		return now.Add(due - now.Boot), nil
	}
	if hour := ms / EventBucket.Milliseconds(); hour != l.hour {
		l.hour, l.lease, l.looked = hour, 0, false
	}
	switch {
	case l.lease == 0 && !l.looked:
		l.look()
	case l.lease == 0:
		l.grant()
	default:
		if len(l.sending) == 0 {
			l.batch(now, ms)
		}
		l.send()
	}
	return units.Instant{}, nil
}

// batch takes the oldest events from the queue and fixes their keys.
func (l *Events) batch(now units.Instant, ms int64) {
	if l.dropped > 0 {
		l.n++
		l.queue = append([]eventEntry{{boot: now.Boot, n: l.n, event: units.Event{
			Type: units.EventsLost, Reason: units.Reason{Message: fmt.Sprintf("%d events before this one were not kept", l.dropped)},
		}}}, l.queue...)
		l.dropped = 0
	}
	n := min(eventsPerTxn, len(l.queue))
	for _, q := range l.queue[:n] {
		// Never before the event that was told before: each batch rounds anew.
		l.last = max(l.last, ms-(now.Boot-q.boot).Milliseconds())
		q.event.TimeMs = l.last
		value, err := Encode(q.event, Extra{})
		if err != nil {
			l.o.Log.Error().Err(err).Msg("event could not be encoded")
			continue
		}
		l.sending = append(l.sending, Op{Kind: OpPut, Key: l.key(q), Value: value})
	}
	l.queue = append([]eventEntry(nil), l.queue[n:]...)
	l.first = now.Boot - eventLinger // what is left has waited long enough
}

func (l *Events) key(q eventEntry) string {
	ms := q.event.TimeMs
	return l.o.Keys.Event(l.o.Writer, fmt.Sprintf("%s/%014d-%016x-%06d", hourSegment(ms/EventBucket.Milliseconds()), ms, int64(q.boot), q.n))
}

func hourSegment(hour int64) string { return fmt.Sprintf("%08d", hour) }

func (l *Events) send() {
	if len(l.sending) == 0 {
		return
	}
	ops := make([]Op, len(l.sending))
	for i, op := range l.sending {
		op.Lease = l.lease
		ops[i] = op
	}
	l.busy = true
	loop.Go(l.o.Exec, "event", l.o.Writer, func(ctx context.Context) (TxnResult, error) {
		return l.o.KV.Txn(ctx, Txn{Then: ops})
	}, func(now units.Instant, _ TxnResult, err error) {
		if l.done(now, err) {
			l.sending = nil
			l.dueAt = now.Boot + eventPause
			return
		}
		switch {
		case errors.Is(err, ErrLeaseNotFound):
			l.lease = 0
		case errors.Is(err, ErrRefused), errors.Is(err, ErrPermission):
			l.dropped += len(l.sending) // these bytes are never written
			l.sending = nil
		}
	})
}

// look finds the lease that an earlier life of the writer granted for the hour.
func (l *Events) look() {
	l.busy = true
	prefix := l.o.Keys.Event(l.o.Writer, hourSegment(l.hour)) + "/"
	loop.Go(l.o.Exec, "event-look", prefix, func(ctx context.Context) (RangeResult, error) {
		return l.o.KV.Range(ctx, Range{Key: prefix, End: PrefixEnd(prefix), Limit: 1})
	}, func(now units.Instant, r RangeResult, err error) {
		if l.done(now, err) {
			l.looked, l.lease = true, first(r).Lease
		}
	})
}

// grant makes the hour's lease. One of which the answer is lost ends by itself.
func (l *Events) grant() {
	l.busy = true
	loop.Go(l.o.Exec, "event-lease", l.o.Writer, func(ctx context.Context) (Lease, error) {
		return l.o.KV.Grant(ctx, EventTTL)
	}, func(now units.Instant, lease Lease, err error) {
		if l.done(now, err) {
			l.lease = lease.ID
		}
	})
}

// done ends a request and reports whether it succeeded. A failure is waited out, and told once.
func (l *Events) done(now units.Instant, err error) bool {
	l.busy = false
	if err == nil {
		l.failing = false
		l.retry.reset()
		return true
	}
	l.dueAt = now.Boot + l.retry.next()
	if !l.failing {
		l.failing = true
		l.o.Log.Warn().Err(err).Msg("events could not be written; they wait")
	}
	return false
}
