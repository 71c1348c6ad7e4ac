package registry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

// Batch is everything that happened to a view's keys after one revision and up to another. Applying it
// to a state that is whole at After makes it whole at Revision.
type Batch struct {
	After    int64 // 0 for the first
	Revision int64
	// Changes are in the order of their revisions, those of one revision in no order that matters. A
	// key may appear more than once.
	Changes []Change
	// Relisted says that the changes are the difference between what was held and a complete read. A
	// deletion in it has the revision of the read.
	Relisted bool
	// Regressed says that etcd answered with a revision before After: it was restored, or is another.
	// The changes then hold every key that exists, whatever was held of it, and deletions of the rest.
	// The view only reports it: whoever acts on the state must hold until it knows the cluster again.
	Regressed bool
}

// Sink is told of each batch, on the goroutine of Step, in order. It may keep the changes.
type Sink interface{ Apply(Batch) }

// ViewOptions sets up a View. Zero durations and sizes have the defaults named.
type ViewOptions struct {
	KV   KV
	Exec loop.Executor
	Mail *loop.Mailbox
	Sink Sink
	// Prefixes are what is viewed. One that begins with another is refused.
	Prefixes []string
	// Keys are single keys that are viewed besides.
	Keys []string
	// Cover, when set, is a prefix of all of Prefixes and Keys on which one watch is opened in place
	// of one each; what else changes there is dropped. It saves streams and waits: with several
	// watches, a change on one is seen only after the others have told that they are as far.
	Cover string
	// PageSize is how many keys one read asks for: 1,000.
	PageSize int
	// Progress is how often a watch is asked how far it is (5 s), and Silence how long it may answer
	// nothing before it is given up (15 s).
	Progress, Silence time.Duration
	// Rand jitters the back-off; nil is no jitter.
	Rand *rand.Rand
	Log  zerolog.Logger
}

// View keeps a sink at the state of a single revision.
//
//	            first, compacted, silent though etcd answers, Reload, revision went back
//	                 +---------------------------------------------------------+
//	                 v                                                         |
//	(start) --> listing --all pages of one revision--> watching --error, silence--> probing
//	                                                      ^                         |
//	                                                      +-- etcd was away; resume +
//
// It holds no values, only each key's mod revision, to tell what a new read changed. While etcd is away
// the sink's state stays as it is and its age grows.
type View struct {
	o      ViewOptions
	spans  []span
	over   []span // what is watched: spans, or the one of Cover
	log    zerolog.Logger
	held   sorted[int64]
	rev    int64
	heard  time.Duration // boot time when the state was last known to be current
	known  int64         // the highest revision that etcd was seen at
	wanted int64         // since the last complete read began, which is of any revision wanted before

	phase   viewPhase
	session int // what comes for another one is late and ignored
	retry   backOff
	retryAt time.Duration
	reload  bool
	err     error
	list    *listing
	watches []*viewWatch
	probe   struct{ asking, doubt, failed, resume bool }
	relists int
	resumes int
}

type viewPhase int

const (
	phaseIdle viewPhase = iota
	phaseListing
	phaseWatching
	phaseProbing
	phaseClosed
)

var phaseNames = [...]string{"idle", "listing", "watching", "probing", "closed"}

// String names the phase.
func (p viewPhase) String() string { return phaseNames[p] }

// span is a range of keys.
type span struct{ key, end string }

func (s span) holds(key string) bool {
	if s.end == "" {
		return key == s.key
	}
	return key >= s.key && key < s.end
}

// NewView returns a view that has read nothing yet. It starts with the first Step.
func NewView(o ViewOptions) (*View, error) {
	if o.PageSize == 0 {
		o.PageSize = 1000
	}
	if o.Progress == 0 {
		o.Progress = 5 * time.Second
	}
	if o.Silence == 0 {
		o.Silence = 15 * time.Second
	}
	v := &View{o: o, log: o.Log, retry: newBackOff(o.Rand)}
	for _, p := range o.Prefixes {
		v.spans = append(v.spans, span{p, PrefixEnd(p)})
	}
	for _, k := range o.Keys {
		v.spans = append(v.spans, span{key: k})
	}
	slices.SortFunc(v.spans, func(a, b span) int { return strings.Compare(a.key, b.key) })
	for i, s := range v.spans {
		if s.key == "" {
			return nil, fmt.Errorf("view %q: %w: it is empty", s.key, ErrKey)
		}
		if i > 0 && (v.spans[i-1].holds(s.key) || v.spans[i-1].key == s.key) {
			return nil, fmt.Errorf("view %q: %w: %q holds it already", s.key, ErrKey, v.spans[i-1].key)
		}
		if !strings.HasPrefix(s.key, o.Cover) {
			return nil, fmt.Errorf("view %q: %w: it is not under the cover %q", s.key, ErrKey, o.Cover)
		}
	}
	if len(v.spans) == 0 {
		return nil, fmt.Errorf("view: %w: nothing to view", ErrKey)
	}
	v.over = v.spans
	if o.Cover != "" {
		v.over = []span{{o.Cover, PrefixEnd(o.Cover)}}
	}
	return v, nil
}

// Step goes on with the read or watch under way. It is a component's: the shell applies the mailbox.
func (v *View) Step(ctx context.Context, now units.Instant) (units.Instant, error) {
	switch {
	case v.phase == phaseClosed:
		return units.Instant{}, nil
	case v.phase == phaseIdle || v.reload:
		v.relist(now, nil)
	}
	switch v.phase {
	case phaseListing:
		return v.stepList(ctx, now), nil
	case phaseProbing:
		return v.stepProbe(ctx, now), nil
	default:
		return v.stepWatch(ctx, now), nil
	}
}

// Revision returns the revision at which the sink's state is whole, 0 before the first complete read.
func (v *View) Revision() int64 { return v.rev }

// Want asks for state of at least this revision as soon as it can be had, for instance that of an own
// write to keys outside the view.
func (v *View) Want(revision int64) { v.wanted = max(v.wanted, revision) }

// Reload reads everything anew and delivers every key, as if each had changed. It is for whoever knows
// that etcd was restored: equal revisions then need not mean equal values.
func (v *View) Reload() { v.reload = v.phase != phaseIdle && v.phase != phaseClosed }

// Close ends the watches. Nothing is applied afterwards.
func (v *View) Close() {
	v.stop()
	v.phase = phaseClosed
}

// ViewState tells how a view is doing.
type ViewState struct {
	Revision int64
	Keys     int
	// Age is how long ago etcd was last heard of on every watch: what happened since may be unknown.
	Age time.Duration
	// Phase is listing, watching or probing; Err says why it is not watching.
	Phase string
	Err   error
	// Relists and Resumes count the complete reads after the first, and the watches taken up again.
	Relists, Resumes int
}

// State tells how the view is doing.
func (v *View) State(now units.Instant) ViewState {
	s := ViewState{
		Revision: v.rev, Keys: v.held.len, Phase: v.phase.String(), Err: v.err,
		Relists: v.relists, Resumes: v.resumes,
	}
	if v.rev > 0 {
		s.Age = max(0, now.Boot-v.heardAt())
	}
	return s
}

func (v *View) heardAt() time.Duration {
	heard := v.heard
	if v.phase == phaseWatching {
		heard = v.watches[0].fresh
		for _, w := range v.watches {
			heard = min(heard, w.fresh)
		}
	}
	return heard
}

// stop closes the watches and forgets the read under way.
func (v *View) stop() {
	v.heard = v.heardAt()
	v.session++
	for _, w := range v.watches {
		if w.watcher != nil {
			w.watcher.Close()
			w.watcher = nil
		}
	}
	v.list = nil
	v.probe.asking, v.probe.resume = false, false
}

// relist begins a complete read. Nothing of the old watches is used any more.
func (v *View) relist(now units.Instant, why error) {
	v.stop()
	v.watches = nil
	if v.phase != phaseIdle {
		v.relists++
		v.log.Info().Int64("rev", v.rev).AnErr("reason", why).Msg("began to read everything anew")
	}
	v.err, v.wanted = why, 0
	v.list = newListing(v.spans, now.Boot, v.reload)
	v.reload = false
	v.phase = phaseListing
}

// apply makes the held state whole at the batch's revision and tells the sink.
func (v *View) apply(b Batch) {
	for _, c := range b.Changes {
		if c.Deleted {
			v.held.delete(c.Key)
		} else {
			v.held.put(c.Key, c.ModRevision)
		}
	}
	v.rev = b.Revision
	v.o.Sink.Apply(b)
}

// fail waits before the next attempt.
func (v *View) fail(now units.Instant, err error) {
	v.err = err
	v.retryAt = now.Boot + v.retry.next()
	if !errors.Is(err, ErrUnavailable) {
		v.log.Warn().Int64("rev", v.rev).Str("step", v.phase.String()).Err(err).Msg("failed to read from etcd")
	}
}

// at returns the instant at a boot time, seen from now.
func at(now units.Instant, boot time.Duration) units.Instant { return now.Add(boot - now.Boot) }
