package guard

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

// How often a reaper looks. The word is some bytes in memory and is read often, since a tenure may be given
// up at any time; what is bound is listed when the word says that something may have to end, and
// every listEvery besides.
const (
	reapEvery  = 200 * time.Millisecond
	listEvery  = 2 * time.Second
	killAgain  = 100 * time.Millisecond
	checkAgain = time.Second
)

// ReaperOptions makes a reaper. Every field but Logger is required.
type ReaperOptions struct {
	BootID  string
	Machine Machine // its Stop is never called
	Hearer  Hearer
	Logger  zerolog.Logger

	Mail     *loop.Mailbox
	Executor loop.Executor
}

// Reaper kills what is bound to a tenure that is not fresh, whatever has become of the guard, the service
// manager and etcd. A unit is due
//
//	of the word's tenure and boot:  its time to stop after the word's FreshUntil
//	of another tenure or boot:      at once
//	of a tenure unknown:            at the word's FreshUntil
//	while no word was ever left:    FenceAfter and its time to stop after the reaper began
//
// The latest word that could be read counts while none can be. What is bound is always listed before the
// word is read: a unit of a new tenure is noted after its guard has left the word about it.
type Reaper struct {
	o     ReaperOptions
	began time.Duration
	word  Word
	heard bool // there was a word
	deaf  bool // the latest attempt to read it failed

	condemned []*condemned // every unit that is bound, in order
	listing   bool
	listed    time.Duration // boot time of the latest list
}

// condemned is a bound unit, whether it is due or not.
type condemned struct {
	units.Bound
	busy   bool // a call about it is under way
	nextAt time.Duration
	gone   bool // it was due, and found empty
	told   bool // it was due, and the log tells of it
}

// NewReaper returns a reaper that has done nothing yet.
func NewReaper(o ReaperOptions) *Reaper { return &Reaper{o: o, listed: -listEvery} }

// Step makes one pass; see package loop.
func (r *Reaper) Step(_ context.Context, now units.Instant) (units.Instant, error) {
	r.o.Mail.Apply(now)
	if r.began == 0 {
		r.began = now.Boot
	}
	before := r.word
	r.hear() // after the lists among the events: see Reaper
	if !r.listing && (r.word.Tenure != before.Tenure || r.word.BootID != before.BootID || now.Reached(r.listAt())) {
		r.list()
	}
	next := now.Add(reapEvery)
	for _, c := range r.condemned {
		next = loop.Earliest(next, r.reap(c, now))
	}
	return next, nil
}

// listAt is when what is bound is to be listed again.
func (r *Reaper) listAt() time.Duration {
	if due := r.staleAt(); due > r.listed {
		return min(due, r.listed+listEvery)
	}
	if slices.ContainsFunc(r.condemned, func(c *condemned) bool { return !c.gone }) {
		return r.listed + reapEvery
	}
	return r.listed + checkAgain
}

// staleAt is when what is bound to the word's tenure has no business to run on.
func (r *Reaper) staleAt() time.Duration {
	if !r.heard {
		return r.began + FenceAfter
	}
	return r.word.FreshUntil
}

// hear reads the word. One that cannot be read changes nothing.
func (r *Reaper) hear() {
	w, err := r.o.Hearer.Hear()
	switch {
	case err == nil:
		r.word, r.heard, r.deaf = w, true, false
	case errors.Is(err, ErrNoWord) && !r.heard:
	case !r.deaf:
		r.deaf = true
		r.o.Logger.Warn().Err(err).Int64("tenure", r.word.Tenure).Msg("reaper could not hear the guard's word and goes by the latest one")
	}
}

// list notes what is bound. A list that fails leaves what was known.
func (r *Reaper) list() {
	r.listing = true
	call(r.o.Executor, "list-bound", "", r.o.Machine.Bound, func(now units.Instant, list []units.Bound, err error) {
		r.listing, r.listed = false, now.Boot
		if err != nil {
			r.o.Logger.Error().Err(err).Msg("reaper could not list what is bound and goes by what it knew")
			return
		}
		next := make([]*condemned, 0, len(list))
		for _, b := range list {
			i, found := slices.BinarySearchFunc(r.condemned, b.Unit, func(c *condemned, id units.UnitID) int { return c.Unit.Compare(id) })
			if found && r.condemned[i].Bound == b {
				next = append(next, r.condemned[i])
				continue
			}
			next = append(next, &condemned{Bound: b})
		}
		slices.SortFunc(next, func(a, b *condemned) int { return a.Unit.Compare(b.Unit) })
		r.condemned = next
	})
}

// dueAt is when a unit must be dead. It is asked only of units that were listed before the word was read.
func (r *Reaper) dueAt(b units.Bound) time.Duration {
	switch {
	case !r.heard:
		return r.staleAt() + b.StopTimeout
	case r.word.BootID != r.o.BootID, b.Tenure != 0 && b.Tenure != r.word.Tenure:
		return 0
	}
	return r.word.FreshUntil + b.StopTimeout
}

// reap kills the unit if it is due, until it is empty, and returns when it wants to be called again.
func (r *Reaper) reap(c *condemned, now units.Instant) units.Instant {
	due := r.dueAt(c.Bound)
	if !now.Reached(due) {
		c.gone, c.told, c.nextAt = false, false, 0
		return now.Add(due - now.Boot)
	}
	if c.busy {
		return units.Instant{}
	}
	if !now.Reached(c.nextAt) {
		return now.Add(c.nextAt - now.Boot)
	}
	c.busy = true
	r.check(c)
	return units.Instant{}
}

// check looks for the processes of a unit that is due, and kills them. One that systemd starts again asks the
// guard and is told no, but it is looked at for as long as it is noted.
func (r *Reaper) check(c *condemned) {
	call(r.o.Executor, "look-bound", c.Unit.String(), func(ctx context.Context) (bool, error) {
		return r.o.Machine.Empty(ctx, c.Unit)
	}, func(now units.Instant, empty bool, err error) {
		if err != nil {
			r.o.Logger.Error().Err(err).Str("unit", c.Unit.String()).Msg("reaper could not look for a unit's processes and kills what there is")
		}
		if c.gone = empty && err == nil; c.gone {
			c.busy, c.nextAt = false, now.Boot+checkAgain
			return
		}
		if !now.Reached(r.dueAt(c.Bound)) { // the tenure became fresh meanwhile
			c.busy = false
			return
		}
		r.kill(c)
	})
}

func (r *Reaper) kill(c *condemned) {
	if !c.told {
		c.told = true
		r.o.Logger.Warn().Str("unit", c.Unit.String()).Int64("tenure", c.Tenure).Msg("reaper kills what is bound to a tenure that is not fresh")
	}
	call(r.o.Executor, "kill-bound", c.Unit.String(), does(r.o.Machine.Kill, c.Unit), func(now units.Instant, _ struct{}, err error) {
		c.busy, c.nextAt = false, now.Boot+killAgain
		if err != nil {
			r.o.Logger.Error().Err(err).Str("unit", c.Unit.String()).Msg("reaper could not kill a unit")
		}
	})
}
