package scheduler

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

// Options makes a scheduler. Zero durations and policies have defaults; Rand and Logger may be left out.
type Options struct {
	Self units.Leader
	// ClusterID names the cluster when this scheduler is the first ever to lead it.
	ClusterID string
	Keys      registry.Keys
	KV        registry.KV

	// Names makes the part that keeps the names, which hands its slow work to the executor given; nil is
	// none.
	Names func(x loop.Executor) (Names, error)

	Policy placement.Policy
	Leases placement.Leases
	// LeaderTTL is that of the leader's lease: 5 s.
	LeaderTTL time.Duration
	Rand      *rand.Rand // jitters back-offs
	// Seen keeps over a reboot how far the cluster was seen; nil keeps nothing.
	Seen   registry.SeenStore
	Logger zerolog.Logger

	Mail     *loop.Mailbox
	Executor loop.Executor
}

// Scheduler is the shell. All fields but told belong to Step's goroutine.
type Scheduler struct {
	o          Options
	election   *registry.Election
	view       *registry.View
	world      *world
	names      Names
	committer  *registry.Committer
	time       registry.ClusterTime
	events     *registry.Events
	continuity *registry.Continuity

	term         registry.Term
	leading      bool // with a view that is as far as the term needs
	leadingSince time.Duration

	state     *placement.State
	outcome   placement.Outcome
	said      map[units.AppID]placement.Outcome // what the outcome says of each app
	losses    placement.Losses
	judged    bool          // in this term
	judgeAt   time.Duration // boot time; 0 is never
	thawAt    time.Duration // boot time until which evictions are held after they were frozen
	replan    bool
	wakeMs    int64 // cluster time at which time alone makes another plan; 0 is never
	asks      int
	askQueue  []units.NodeName
	askedAt   time.Duration        // boot time of the last answer to the latest questions
	askAt     time.Duration        // boot time of the next question after one that failed
	sent      bool                 // groups were handed over since the last pass
	refused   bool                 // and one of them was not written for its own sake
	refusals  int                  // passes in a row of which that is true
	holdAt    time.Duration        // boot time before which nothing is handed over
	stale     map[units.AppID]bool // apps whose summary may be out of date
	handed    int64                // the revision of the view on which what was handed over last was planned
	committed int64                // the revision that the view must have reached before the next plan
	clockAt   time.Duration
	stranger  bool  // the clock in etcd is not the one that the view has
	planned   int64 // plans made, for people

	previewing chan struct{} // holds one while a preview is being made
	told       atomic.Pointer[Overview]
}

// New returns a scheduler that has done nothing yet.
func New(o Options) (*Scheduler, error) {
	if o.Policy == (placement.Policy{}) {
		o.Policy = placement.DefaultPolicy()
	}
	if o.Leases == (placement.Leases{}) {
		o.Leases = placement.DefaultLeases()
	}
	s := &Scheduler{o: o, world: newWorld(o.Keys, o.Logger), stale: map[units.AppID]bool{}, previewing: make(chan struct{}, 1)}
	s.state = placement.NewState(placement.Snapshot{})
	prefixes := make([]string, 0, len(viewed))
	for _, kind := range viewed {
		prefixes = append(prefixes, o.Keys.Under(kind))
	}
	s.names = noNames{}
	var err error
	if o.Names != nil {
		if s.names, err = o.Names(o.Executor); err != nil {
			return nil, fmt.Errorf("keep names: %w", err)
		}
	}
	s.view, err = registry.NewView(registry.ViewOptions{
		KV: o.KV, Exec: o.Executor, Mail: o.Mail, Sink: sinks{s.world, s.names}, Rand: o.Rand, Log: o.Logger,
		Prefixes: prefixes, Keys: []string{o.Keys.Cluster(), o.Keys.Clock()}, Cover: o.Keys.Prefix(),
	})
	if err != nil {
		return nil, fmt.Errorf("view the cluster: %w", err)
	}
	s.election, err = registry.NewElection(registry.ElectionOptions{
		KV: o.KV, Exec: o.Executor, Mail: o.Mail, Keys: o.Keys, Self: o.Self, TTL: o.LeaderTTL, Rand: o.Rand, Log: o.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("campaign: %w", err)
	}
	s.committer = registry.NewCommitter(registry.CommitterOptions{
		KV: o.KV, Exec: o.Executor, Done: s.done, Rand: o.Rand, Log: o.Logger,
	})
	s.events, err = registry.NewEvents(registry.EventsOptions{
		KV: o.KV, Exec: o.Executor, Keys: o.Keys, Writer: "scheduler." + o.Self.Name, Time: &s.time, Log: o.Logger,
	})
	if err != nil {
		return nil, err
	}
	s.continuity = registry.NewContinuity(registry.ContinuityOptions{Store: o.Seen, Exec: o.Executor, Log: o.Logger})
	s.tell(units.Instant{})
	return s, nil
}

// wish is the instant at a boot time, seen from now; the zero Instant for 0.
func (s *Scheduler) wish(now units.Instant, boot time.Duration) units.Instant {
	if boot == 0 {
		return units.Instant{}
	}
	return now.Add(max(0, boot-now.Boot))
}

// Step makes one pass; see package loop.
func (s *Scheduler) Step(ctx context.Context, now units.Instant) (units.Instant, error) {
	s.o.Mail.Apply(now)
	next, err := s.view.Step(ctx, now)
	if err != nil {
		return units.Instant{}, fmt.Errorf("view the cluster: %w", err)
	}
	trusted, err := s.trust(ctx, now)
	if err != nil {
		return units.Instant{}, fmt.Errorf("compare the cluster with the one that was seen: %w", err)
	}
	next = loop.Earliest(next, trusted)
	if s.world.clock.value.N != 0 {
		s.time.Observe(now, s.world.clock.value)
	}
	if nowMs, timed := s.time.NowMs(now); timed && s.world.seeEpoch(nowMs) {
		s.replan = true
	}
	campaign, err := s.election.Step(ctx, now)
	if err != nil {
		return units.Instant{}, fmt.Errorf("campaign: %w", err)
	}
	next = loop.Earliest(next, campaign)
	led, err := s.lead(ctx, now)
	if err != nil {
		return units.Instant{}, fmt.Errorf("lead: %w", err)
	}
	next = loop.Earliest(next, led)
	s.badKeyEvents(now)
	told, err := s.events.Step(ctx, now)
	if err != nil {
		return units.Instant{}, fmt.Errorf("tell what happened: %w", err)
	}
	next = loop.Earliest(next, told)
	s.tell(now)
	return next, nil
}

// Close ends the watch of the cluster. Nothing is given up: a lease that was not resigned ends by itself.
func (s *Scheduler) Close() {
	s.view.Close()
}
