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
)

// ElectionOptions sets up an Election. Zero durations have the defaults named.
type ElectionOptions struct {
	KV   KV
	Exec loop.Executor
	Mail *loop.Mailbox
	Keys Keys
	// Self is what the leader's key says.
	Self units.Leader
	// TTL is that of the lease: 5 s. Margin is how long before its end leadership is no longer
	// believed (TTL/10), Renew how often it is renewed (TTL/5).
	TTL, Margin, Renew time.Duration
	Rand               *rand.Rand // jitters the back-off; nil is no jitter
	Log                zerolog.Logger
}

// ElectionState is where a candidate stands.
type ElectionState string

// The states of an election.
const (
	StateFollower  ElectionState = "follower"  // has no key yet
	StateCandidate ElectionState = "candidate" // waits for those who came before
	StateLeader    ElectionState = "leader"
	StateUncertain ElectionState = "uncertain" // led, and has not heard of its lease for too long to be sure
	StateLost      ElectionState = "lost"      // led, and its key is gone; campaigns anew
	StateResigned  ElectionState = "resigned"  // leads no more and does not campaign
)

// Election campaigns for leadership in the layout of etcd's concurrency package: a key leader/<lease>
// for each candidate, of which the one created first leads.
//
//	follower --grant, create--> candidate --those before are gone--> leader <--> uncertain
//	    ^                           |                                  |             |
//	    +---------------------------+------- lease or key gone --------+-- (lost) ---+
//
// Leadership is believed until the TTL, less a margin, has passed since the latest acknowledged renewal
// was sent. That is a courtesy: what keeps a stale leader from writing is the fence.
//
// Every life of a lease has a key of its own, so that a request that lands late cannot touch another
// term. A process that pauses anywhere finds its state uncertain when it goes on.
type Election struct {
	o        ElectionOptions
	log      zerolog.Logger
	view     *View
	runs     sorted[KeyValue] // the candidates' keys
	observed struct {         // the leader's key as it was decoded last
		key    string
		rev    int64
		leader units.Leader
	}
	value    []byte
	retry    backOff
	retryAt  time.Duration
	session  int // lives of the lease; what comes for another one is late and ignored
	err      error
	granting bool

	lease     Lease
	believed  time.Duration // boot time until which the lease is believed in
	renewed   time.Duration // boot time of the latest renewal sent
	renewing  int
	creating  bool
	own       KeyValue // the own key, once it is known to exist
	since     int64    // leading from this revision on; 0 is not yet
	lost      bool
	resigning bool
	revoking  bool
	resigned  bool
	// rereading: Reload was asked for. regressed: see there.
	rereading, regressed bool
	answered             int64 // the latest revision of a campaign's answer since Reload was asked for
	reloads              int
}

// renewals is how many renewals may be under way: one that hangs must not be the end of the lease.
const renewals = 3

// NewElection returns a campaign that begins with the first Step.
func NewElection(o ElectionOptions) (*Election, error) {
	if o.TTL == 0 {
		o.TTL = 5 * time.Second
	}
	if o.Margin == 0 {
		o.Margin = o.TTL / 10
	}
	if o.Renew == 0 {
		o.Renew = o.TTL / 5
	}
	value, err := Encode(o.Self, Extra{})
	if err != nil {
		return nil, err
	}
	e := &Election{o: o, log: o.Log, value: value, retry: newBackOff(o.Rand)}
	e.view, err = NewView(ViewOptions{
		KV: o.KV, Exec: o.Exec, Mail: o.Mail, Sink: (*electionSink)(e), Prefixes: []string{o.Keys.Under(KindLeader)},
		Progress: o.TTL / 2, Silence: 3 * o.TTL / 2, Rand: o.Rand, Log: o.Log,
	})
	return e, err
}

// electionSink keeps the candidates' keys.
type electionSink Election

// Apply implements Sink. Keys that no live candidate can hold do not count: malformed ones, and those
// that hang on no lease or another one.
func (s *electionSink) Apply(b Batch) {
	for _, c := range b.Changes {
		id, err := s.o.Keys.Parse(c.Key)
		if c.Deleted || err != nil || id.Lease != c.Lease {
			s.runs.delete(c.Key)
			continue
		}
		s.runs.put(c.Key, c.KeyValue)
	}
	e := (*Election)(s)
	if b.Regressed {
		e.regressed = e.regressed || !e.rereading
		e.lose(fmt.Errorf("watch the election: %w", ErrRegressed), true)
	}
	e.rereading = e.rereading && !b.Relisted
	e.judge()
}

// Step goes on with the campaign. It is a component's: the shell applies the mailbox.
func (e *Election) Step(ctx context.Context, now units.Instant) (units.Instant, error) {
	if e.resigned {
		return units.Instant{}, nil
	}
	wish, err := e.view.Step(ctx, now)
	if err != nil {
		return wish, err
	}
	switch {
	case e.resigning:
		return e.stepResign(now), nil
	case !now.Reached(e.retryAt):
		wish = loop.Earliest(wish, at(now, e.retryAt))
	case e.lease.ID == 0 && !e.granting:
		e.grant(now)
	case e.lease.ID != 0 && e.own.Key == "" && !e.creating:
		e.create()
	}
	if e.lease.ID == 0 {
		return wish, nil
	}
	if now.Reached(e.renewed+e.o.Renew) && e.renewing < renewals {
		e.renew(now)
	}
	if e.renewing < renewals {
		wish = loop.Earliest(wish, at(now, e.renewed+e.o.Renew))
	}
	if !now.Reached(e.believed) {
		wish = loop.Earliest(wish, at(now, e.believed)) // the shell learns that it leads no more
	}
	return wish, nil
}

// State tells where the candidate stands at this instant.
func (e *Election) State(now units.Instant) ElectionState {
	switch {
	case e.resigning || e.resigned:
		return StateResigned
	case e.own.Key == "" && e.lost:
		return StateLost
	case e.own.Key == "":
		return StateFollower
	case e.since == 0:
		return StateCandidate
	case now.Reached(e.believed):
		return StateUncertain
	}
	return StateLeader
}

// Term returns the term, and whether it may be acted on at this instant: the state is StateLeader.
func (e *Election) Term(now units.Instant) (Term, bool) {
	if e.State(now) != StateLeader {
		return Term{}, false
	}
	return Term{
		Key: e.own.Key, CreateRevision: e.own.CreateRevision, ModRevision: e.own.ModRevision, Lease: e.own.Lease,
		Since: e.since, Value: e.value,
	}, true
}

// Err returns why the campaign does not go on, nil while it does.
func (e *Election) Err() error { return e.err }

// Observed is the leader as the election's watch saw it last.
type Observed struct {
	Leader units.Leader // zero where its key cannot be read
	Term   int64        // the create revision of its key
	Self   bool
}

// Observe returns the current leader, and whether there is one. It may be out of date by what a watch
// lags, and more while etcd is away.
func (e *Election) Observe() (Observed, bool) {
	first, ok := e.first()
	if !ok {
		return Observed{}, false
	}
	if first.Key != e.observed.key || first.ModRevision != e.observed.rev {
		leader, _, err := Decode[units.Leader](first.Key, first.Value)
		if err != nil {
			leader = units.Leader{}
		}
		e.observed.key, e.observed.rev, e.observed.leader = first.Key, first.ModRevision, leader
	}
	return Observed{Leader: e.observed.leader, Term: first.CreateRevision, Self: first.Key == e.own.Key}, true
}

// Reload reads the candidates' keys anew, for whoever knows that etcd was restored: a key that the restore
// took away, and that nobody was told of, would be waited for by everyone for ever.
func (e *Election) Reload() {
	e.rereading, e.regressed = true, false
	e.answered = 0
	e.reloads++ // an answer that is still under way may be of the history before
	e.view.Reload()
}

// Regressed reports, once, that etcd has gone back in time, which what a Reload reads is no news of. The election
// often learns it long before a silent view does.
func (e *Election) Regressed() bool {
	regressed := e.regressed
	e.regressed = false
	return regressed
}

// first returns the key of the candidate that leads.
func (e *Election) first() (first KeyValue, ok bool) {
	for _, kv := range e.runs.ascend("", "") {
		if !ok || kv.CreateRevision < first.CreateRevision {
			first, ok = kv, true
		}
	}
	return first, ok
}

// judge compares the own key with the others', at the view's revision.
func (e *Election) judge() {
	revision := e.view.Revision()
	if e.own.Key == "" || revision < e.own.CreateRevision {
		return
	}
	kv, ok := e.runs.lookup(e.own.Key)
	if !ok || kv.CreateRevision != e.own.CreateRevision {
		e.lose(errors.New("the own key is gone"), true)
		return
	}
	// The keys before ours can only vanish, since new ones are created later: once first, first for
	// as long as the key lives. Only a restored etcd may bring one back.
	switch first, _ := e.first(); {
	case first.Key == e.own.Key && e.since == 0:
		e.win(revision)
	case first.Key != e.own.Key && e.since != 0:
		e.since = 0
		e.log.Warn().Int64("term", e.own.CreateRevision).Int64("older", first.CreateRevision).Msg("leads no more: an older candidate's key is back")
	}
}

func (e *Election) win(revision int64) {
	e.since = revision
	e.log.Info().Int64("term", e.own.CreateRevision).Int64("rev", revision).Msg("became the leader")
}

// lose ends this life of the lease. revoke says that the lease may still live.
func (e *Election) lose(why error, revoke bool) {
	if e.lease.ID == 0 {
		return
	}
	if e.since != 0 {
		e.lost = true
		e.log.Warn().Int64("term", e.own.CreateRevision).Err(why).Msg("lost the leadership")
	}
	if id, kv := e.lease.ID, e.o.KV; revoke {
		loop.Go(e.o.Exec, "revoke", leaseText(id), func(ctx context.Context) (struct{}, error) {
			return struct{}{}, kv.Revoke(ctx, id)
		}, func(units.Instant, struct{}, error) {})
	}
	e.session++
	e.err = why
	e.lease, e.own, e.since = Lease{}, KeyValue{}, 0
	e.creating, e.renewing = false, 0
}
