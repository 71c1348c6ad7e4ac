package registry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/planted"
)

// Group is what must be written together or not at all: at most MaxCompares comparisons, of single keys, and
// MaxOps puts and deletions of such. Groups share transactions, and none fails for another's sake.
type Group struct {
	Tag  any // handed back in the result
	If   []Compare
	Then []Op
}

// Outcome is what became of a group.
type Outcome int

// The outcomes. Only Committed wrote anything for sure, and only Unknown may have.
const (
	// Committed: written, at Result.Revision.
	Committed Outcome = iota
	// Conflict: one of the group's own comparisons failed, Result.Failed.
	Conflict
	// NotWritten: nothing was written for a reason that is not the group's: it was still queued when
	// doubt arose or the term ended, or came too late for the fence. Plan anew.
	NotWritten
	// Fenced: nothing was written; the term is over.
	Fenced
	// Unknown: it may have been written. Whether it was shows in state of at least Floor.
	Unknown
	// Rejected: etcd refuses the group for good, or as long as it is out of space; Result.Err says why.
	Rejected
)

var outcomeNames = [...]string{"committed", "conflict", "not written", "fenced", "unknown", "rejected"}

// String names the outcome.
func (o Outcome) String() string { return outcomeNames[o] }

// Result is the outcome of one group.
type Result struct {
	Tag      any
	Outcome  Outcome
	Revision int64    // of Committed; of Conflict the one at which it failed
	Failed   *Compare // of Conflict; nil when it cannot be told
	Err      error    // of Unknown and Rejected
}

// CommitterOptions sets up a Committer.
type CommitterOptions struct {
	KV   KV
	Exec loop.Executor
	// Done is told of results, on the goroutine of Step. Each group accepted gets exactly one, unless
	// the process ends before.
	Done func(now units.Instant, results []Result)
	// InFlight is how many transactions may be under way: 1 to 4, 0 being 2.
	InFlight int
	// MaxOps and MaxBytes bound a transaction: MaxOps (127) and 1 MiB of keys and values, so that it
	// stays below etcd's 1.5 MiB.
	MaxOps, MaxBytes int
	Rand             *rand.Rand // jitters the back-off; nil is no jitter
	Log              zerolog.Logger
}

// Committer writes for a leader behind the fence. It is a component: its Step needs no mailbox of its own.
//
// After an outcome that is unknown it sends nothing until it has put the leader's key again with a known
// result, and accepts nothing that was not planned on state read since.
//
// Groups that touch the same keys are never under way together and keep their order; others may be
// written in any order.
type Committer struct {
	o        CommitterOptions
	log      zerolog.Logger
	fence    fence
	retry    backOff
	retryAt  time.Duration
	queue    []*pending
	inFlight int
	writing  map[string]int // keys of transactions under way, by how many groups
	reading  map[string]int
}

// pending is a group on its way.
type pending struct {
	Group
	bytes int
	alone bool // it shares no transaction any more
}

// NewCommitter returns a committer without a term.
func NewCommitter(o CommitterOptions) *Committer {
	if o.InFlight == 0 {
		o.InFlight = 2
	}
	o.InFlight = min(max(o.InFlight, 1), 4)
	if o.MaxOps == 0 {
		o.MaxOps = MaxOps
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 20
	}
	return &Committer{
		o: o, log: o.Log, retry: newBackOff(o.Rand), writing: map[string]int{}, reading: map[string]int{},
	}
}

// Begin takes up a term, which only this committer ever writes under. What is queued under an earlier one
// is not written; what is under way under it gets its result. Beginning the current term again changes
// nothing.
func (c *Committer) Begin(now units.Instant, t Term) {
	same := t.same(c.fence.term)
	c.fence = raise(c.fence, t)
	if !same {
		c.drop(now, NotWritten)
	}
}

// End gives up the term, if there is one: leadership is uncertain or lost. It may begin again.
func (c *Committer) End(now units.Instant) {
	if c.fence.phase != fenceFenced {
		c.fence.phase = fenceNone
	}
	c.drop(now, NotWritten)
}

// Term returns the create revision of the term that is written under, 0 for none.
func (c *Committer) Term() int64 {
	if c.fence.phase == fenceNone || c.fence.phase == fenceFenced {
		return 0
	}
	return c.fence.term.CreateRevision
}

// Ready reports whether groups are accepted that were planned on state of the revision.
func (c *Committer) Ready(view int64) bool {
	return c.fence.phase == fenceOpen && view >= c.fence.floor
}

// Floor returns the oldest revision of state on which may be planned. It rises with each Proclaim.
func (c *Committer) Floor() int64 { return c.fence.floor }

// Fenced reports whether the term turned out to be over. Only Begin ends that.
func (c *Committer) Fenced() bool { return c.fence.phase == fenceFenced }

// Busy returns how many groups are queued and how many transactions are under way.
func (c *Committer) Busy() (queued, inFlight int) { return len(c.queue), c.inFlight }

// Commit accepts groups that were planned on state of the revision view: all, or none with an error. It
// is ErrNoTerm where there is no term or it is over, ErrStaleView where a newer view is due first, and
// ErrRefused for a group that no transaction can hold.
func (c *Committer) Commit(view int64, groups ...Group) error {
	switch {
	case c.fence.phase == fenceNone || c.fence.phase == fenceFenced:
		return fmt.Errorf("commit: %w", ErrNoTerm)
	case !c.Ready(view):
		return fmt.Errorf("commit on revision %d: %w: %d is due (%s)", view, ErrStaleView, c.fence.floor, c.fence.phase)
	}
	accepted := make([]*pending, 0, len(groups))
	for _, g := range groups {
		p, err := c.check(g)
		if err != nil {
			return err
		}
		accepted = append(accepted, p)
	}
	c.queue = append(c.queue, accepted...)
	return nil
}

func (c *Committer) check(g Group) (*pending, error) {
	p := &pending{Group: g}
	if len(g.If)+fenceCompares > c.o.MaxOps || len(g.Then) > c.o.MaxOps || len(g.Then) == 0 {
		return nil, fmt.Errorf("commit %v: %w: %d comparisons and %d operations, at most %d are possible",
			g.Tag, ErrRefused, len(g.If), len(g.Then), c.o.MaxOps-fenceCompares)
	}
	for _, cmp := range g.If {
		if cmp.End != "" {
			return nil, fmt.Errorf("commit %v: %w: %s: compare single keys", g.Tag, ErrRefused, quote(cmp.Key))
		}
		p.bytes += len(cmp.Key) + len(cmp.Bytes)
	}
	seen := make(map[string]bool, len(g.Then))
	for _, op := range g.Then {
		if op.Kind == OpRange || op.End != "" || op.Key == c.fence.term.Key || seen[op.Key] {
			return nil, fmt.Errorf("commit %v: %w: %s: put or delete single keys, each once, and not the leader's",
				g.Tag, ErrRefused, quote(op.Key))
		}
		seen[op.Key] = true
		p.bytes += len(op.Key) + len(op.Value)
	}
	return p, nil
}

// Step sends what can be sent, or regains the right to.
func (c *Committer) Step(_ context.Context, now units.Instant) (units.Instant, error) {
	switch {
	case c.fence.phase == fenceProclaiming && !c.fence.asking:
		if !now.Reached(c.retryAt) {
			return at(now, c.retryAt), nil
		}
		c.proclaim()
	case c.fence.phase == fenceOpen && len(c.queue) > 0 && !now.Reached(c.retryAt):
		return at(now, c.retryAt), nil
	case c.fence.phase == fenceOpen:
		for c.inFlight < c.o.InFlight && len(c.queue) > 0 {
			t := c.pack()
			if len(t.groups) == 0 {
				break
			}
			c.send(t)
		}
	}
	return units.Instant{}, nil
}

// doubt stops all writing until the term is proclaimed anew.
func (c *Committer) doubt(now units.Instant, why error) {
	if c.fence.phase != fenceOpen {
		return
	}
	if planted.On(planted.NoProclaim) { // breaks: the write that is in doubt may still land between later ones
		return
	}
	c.log.Warn().Int64("term", c.fence.term.CreateRevision).Err(why).Msg("stopped writing until the term is proclaimed anew")
	c.fence.phase = fenceProclaiming
	c.retryAt = now.Boot
	c.drop(now, NotWritten)
}

// fenced ends the term.
func (c *Committer) fenced(now units.Instant, why string) {
	if c.fence.phase == fenceFenced {
		return
	}
	c.log.Warn().Int64("term", c.fence.term.CreateRevision).Str("reason", why).Msg("stopped writing: the term is over")
	c.fence.phase = fenceFenced
	c.drop(now, Fenced)
}

// drop answers what is queued.
func (c *Committer) drop(now units.Instant, o Outcome) {
	if len(c.queue) == 0 {
		return
	}
	results := make([]Result, len(c.queue))
	for i, p := range c.queue {
		results[i] = Result{Tag: p.Tag, Outcome: o}
	}
	c.queue = nil
	c.o.Done(now, results)
}

// refused reports whether an error says for certain that nothing was written.
func refused(err error) bool {
	return errors.Is(err, ErrRefused) || errors.Is(err, ErrPermission) || errors.Is(err, ErrLeaseNotFound)
}
