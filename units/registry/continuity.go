package registry

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/planted"
)

// Seen is what is kept on a machine's disk of the cluster: how far it was ever seen, and whether what was
// read later was refused.
type Seen struct {
	Highest
	// Held is why nothing is believed since; "" is nothing.
	Held string `json:"held,omitempty"`
}

// Next is Seen after a complete read of `cluster` and `cluster/clock`. What is held stays so until the
// epoch is raised: a clock that has caught up with the old one proves nothing.
func (s Seen) Next(cluster units.Cluster, clock units.Clock) Seen {
	if s.Held != "" && cluster.Epoch <= s.Epoch {
		return s
	}
	next, err := s.Admit(cluster, clock)
	if err != nil {
		return Seen{Highest: next, Held: err.Error()}
	}
	return Seen{Highest: next}
}

// SeenStore keeps a Seen over a reboot.
type SeenStore interface {
	// Load returns what was saved last; the zero value when nothing ever was.
	Load() (Seen, error)
	// Save replaces it; when it returns, it survives a loss of power.
	Save(Seen) error
}

const seenAgain = 5 * time.Second

// ContinuityOptions sets up a Continuity.
type ContinuityOptions struct {
	// Store may be nil: then nothing outlives the process.
	Store SeenStore
	Exec  loop.Executor
	Log   zerolog.Logger
}

// Continuity tells whether the registry is still the one that this machine knew. It is a component: its
// Step needs no mailbox of its own.
//
//	loading --disk--> waiting --complete read--> trusting --it went back--> held
//	                                                ^                        |
//	                                                +---- epoch raised ------+
//
// While it loads, waits or is held, nothing may be started, stopped or placed on the registry's word.
// What is seen is saved as soon as the disk has time, not before anybody acts on it: a process that dies
// within those milliseconds knows the clock as it was 5 s before.
type Continuity struct {
	o       ContinuityOptions
	seen    Seen
	saved   Seen
	loaded  bool
	read    bool // a complete read was offered since the start
	busy    bool
	turned  bool  // see Turned
	missed  int64 // the epoch of a clock that was later than the cluster's beside it
	dueAt   time.Duration
	err     error // why the disk could not be read or written
	cluster units.Cluster
	clock   units.Clock
}

// NewContinuity returns a Continuity that trusts nothing yet.
func NewContinuity(o ContinuityOptions) *Continuity {
	return &Continuity{o: o, loaded: o.Store == nil}
}

// Read offers a complete read of `cluster` and `cluster/clock`; a key that does not exist is the zero
// value. Offering the same again changes nothing. After Turned none is offered until everything has been
// read anew.
func (c *Continuity) Read(cluster units.Cluster, clock units.Clock) {
	c.read, c.cluster, c.clock = true, cluster, clock
	c.judge()
}

// Doubt tells that etcd answered with an older revision than it had before. It is held like an older clock
// is, and no read takes it back.
func (c *Continuity) Doubt() {
	if c.seen.Held == "" {
		c.hold(ErrRegressed.Error() + "; `nsched cluster ack-restore` accepts it")
	}
}

func (c *Continuity) judge() {
	if !c.loaded || !c.read {
		return
	}
	if c.clock.Epoch > c.cluster.Epoch && c.cluster.ID != "" && c.missed != c.clock.Epoch {
		// A restore was accepted, and the watch that goes on in the new history came past that: neither this
		// cluster nor anything else that is held is to be judged before it has been read anew.
		c.missed, c.turned = c.clock.Epoch, true
		return
	}
	before := c.seen
	c.seen = c.seen.Next(c.cluster, c.clock)
	if before.Epoch != 0 && c.seen.Epoch != before.Epoch {
		// The clock beside a new epoch may still be that of the history before: whoever has not noticed a
		// restore sees the epoch as a change of what it held. How far this one's clock is, the next read tells.
		c.turned, c.seen.N = true, 0
	}
	switch {
	case before.Held == "" && c.seen.Held != "":
		c.hold(c.seen.Held)
	case before.Held != "" && c.seen.Held == "":
		c.o.Log.Info().Int64("epoch", c.seen.Epoch).Msg("the registry is accepted again")
	}
}

func (c *Continuity) hold(why string) {
	c.seen.Held = why
	c.turned = true
	c.o.Log.Error().Str("reason", why).Msg("the registry is not believed; everything stays as it is")
}

// Loaded reports whether what was seen before is known: Seen is it then.
func (c *Continuity) Loaded() bool { return c.loaded }

// Trusted reports whether the registry may be acted on.
func (c *Continuity) Trusted() bool {
	if planted.On(planted.RestoreTrusted) { // breaks: what an old snapshot says is done, and what it lacks is forgotten
		return c.read
	}
	return c.loaded && c.read && c.seen.Held == ""
}

// Seen returns how far the registry was ever seen, and why it is not believed. It is the zero value until
// that has been loaded.
func (c *Continuity) Seen() Seen { return c.seen }

// Turned reports, once, that etcd may have begun another history since it was last asked: it went back, or
// somebody has accepted that it did. A view that was not there at the time goes on where it was, in the new
// history, and never learns what that one lacks: every view is to read everything anew. That one of them then
// finds its revision gone back is no news.
func (c *Continuity) Turned() bool {
	turned := c.turned
	c.turned = false
	return turned
}

// Held says why the registry is not believed any more; "" when it is, or when nothing is known yet.
func (c *Continuity) Held() string {
	if planted.On(planted.RestoreTrusted) {
		return ""
	}
	if !c.loaded && c.err != nil {
		return "what was seen of the cluster cannot be read: " + c.err.Error()
	}
	return c.seen.Held
}

// Step loads and saves.
func (c *Continuity) Step(_ context.Context, now units.Instant) (units.Instant, error) {
	if c.o.Store == nil || c.busy || c.loaded && c.seen == c.saved {
		return units.Instant{}, nil
	}
	if !now.Reached(c.dueAt) {
		return now.Add(c.dueAt - now.Boot), nil
	}
	c.busy = true
	if !c.loaded {
		c.load()
	} else {
		c.save()
	}
	return units.Instant{}, nil
}

func (c *Continuity) load() {
	loop.Go(c.o.Exec, "seen-load", "", func(context.Context) (Seen, error) {
		return c.o.Store.Load()
	}, func(now units.Instant, seen Seen, err error) {
		if c.fail(now, err) {
			return
		}
		doubted := c.seen.Held // while it was being loaded
		c.loaded, c.seen, c.saved = true, seen, seen
		if seen.Held == "" {
			c.seen.Held = doubted
		}
		c.judge()
	})
}

func (c *Continuity) save() {
	seen := c.seen
	loop.Go(c.o.Exec, "seen-save", "", func(context.Context) (struct{}, error) {
		return struct{}{}, c.o.Store.Save(seen)
	}, func(now units.Instant, _ struct{}, err error) {
		if !c.fail(now, err) {
			c.saved = seen
		}
	})
}

func (c *Continuity) fail(now units.Instant, err error) bool {
	c.busy, c.err = false, err
	if err == nil {
		return false
	}
	c.dueAt = now.Boot + seenAgain
	c.o.Log.Error().Err(err).Msg("what was seen of the cluster could not be loaded or saved")
	return true
}
