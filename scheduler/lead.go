package scheduler

import (
	"context"
	"time"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/planted"
	"github.com/nsched/nsched/units/registry"
)

// lead does a leader's work, as far as there is a term, the view is as far as the term needs, and what
// was sent before has been answered.
func (s *Scheduler) lead(ctx context.Context, now units.Instant) (units.Instant, error) {
	term, ok := s.election.Term(now)
	if !ok || !s.trusts() {
		s.follow(now)
		return units.Instant{}, nil
	}
	if term.CreateRevision != s.committer.Term() || term.Key != s.term.Key {
		s.committer.Begin(now, term)
		s.term, s.leading, s.committed = term, false, 0
	}
	if s.committer.Fenced() {
		s.follow(now)
		return units.Instant{}, nil
	}
	if s.view.Revision() >= term.Since && !s.leading {
		s.leading, s.leadingSince, s.replan = true, now.Boot, true
		s.world.begin()
		s.time.Lead(now)
		s.losses, s.judged, s.thawAt = placement.Losses{}, false, 0
		s.clockAt = 0 // written before anything is planned: whether the view is of this etcd shows in the answer
		s.events.Add(now, units.Event{Type: units.EventTermBegan, Reason: units.Reason{Message: s.o.Self.Name + " leads"}})
		for id := range s.world.apps { // order-free: it fills a set
			s.stale[id] = true
		}
		s.o.Logger.Info().Int64("term", term.CreateRevision).Int64("rev", s.view.Revision()).Msg("scheduler leads")
	}
	var next units.Instant
	if s.leading {
		next = s.work(now)
	} else {
		s.view.Want(term.Since)
	}
	sent, err := s.committer.Step(ctx, now)
	return loop.Earliest(next, sent), err
}

// follow is what a scheduler does that does not lead: nothing.
func (s *Scheduler) follow(now units.Instant) {
	if s.leading {
		s.o.Logger.Info().Int64("term", s.term.CreateRevision).Msg("scheduler leads no more")
	}
	s.leading = false
	s.names.Rest()
	s.world.feed(s.state) // warm for its own term, and nothing piles up
	if s.committer.Term() != 0 && !s.committer.Fenced() {
		s.committer.End(now)
	}
}

// work decides and hands to the committer what follows from the view, once everything that this term
// has written is in it.
func (s *Scheduler) work(now units.Instant) units.Instant {
	queued, inFlight := s.committer.Busy()
	if queued+inFlight > 0 {
		return units.Instant{}
	}
	revision := s.view.Revision()
	if planted.On(planted.CapacityUnchecked) { // breaks: what was placed a moment ago takes no room yet
		s.committed = 0
	}
	if due := max(s.committed, s.committer.Floor()); revision < due || !s.committer.Ready(revision) {
		s.view.Want(due)
		return units.Instant{}
	}
	if s.answered(now); !now.Reached(s.holdAt) {
		return s.wish(now, s.holdAt)
	}
	groups := s.housekeep(now)
	var next units.Instant
	nowMs, timed := s.time.NowMs(now)
	if timed { // the first leader writes the time before it decides anything
		next = s.judge(now, nowMs)
		s.names.Lead(now, s.losses.Frozen || s.losses.Ask || !now.Reached(s.thawAt))
		groups = append(groups, s.recordLosses(nowMs)...)
	}
	if timed && len(groups) == 0 {
		// Losses are on record before anybody is evicted, so they go alone.
		var wake units.Instant
		groups, wake = s.plan(now, nowMs)
		next = loop.Earliest(next, wake)
		told, due := s.summaries(now)
		groups = append(groups, told...)
		groups = append(groups, s.names.Writes(now)...)
		next = loop.Earliest(next, due)
	}
	next = loop.Earliest(next, s.wish(now, s.clockAt))
	if len(groups) == 0 {
		return next
	}
	s.sent, s.handed = true, revision
	if err := s.committer.Commit(revision, groups...); err != nil {
		s.o.Logger.Error().Err(err).Msg("plan was not accepted")
		s.replan = true
		return now.Add(time.Second)
	}
	return next
}

// refusalsFree is how many passes in a row may be refused before the leader takes its time: somebody who
// was faster is in the view by then. What is refused for another reason (etcd is full, forbids it, or a
// comparison can never hold) would be sent as fast as etcd answers.
const (
	refusalsFree = 2
	refusedPause = time.Second
)

// answered counts what became of what was handed over last.
func (s *Scheduler) answered(now units.Instant) {
	switch {
	case !s.sent:
		return
	case !s.refused:
		s.refusals = 0
	default:
		if s.refusals++; s.refusals > refusalsFree {
			s.holdAt = now.Boot + refusedPause
		}
	}
	s.sent, s.refused = false, false
}

// plan decides what to place, stop and delete, when something has changed or time alone makes it.
func (s *Scheduler) plan(now units.Instant, nowMs int64) ([]registry.Group, units.Instant) {
	changed := s.world.feed(s.state)
	for _, id := range changed {
		s.stale[id] = true
	}
	if len(changed) == 0 && !s.replan && (s.wakeMs == 0 || nowMs < s.wakeMs) {
		return nil, s.wake(now, nowMs)
	}
	before := s.outcome
	s.outcome = s.state.Plan(nowMs, s.term.CreateRevision, s.o.Policy)
	s.planned++
	s.replan, s.wakeMs = false, s.outcome.WakeMs
	s.said = byApp(s.outcome)
	s.mention(before)
	s.mention(s.outcome)
	groups := s.groups(s.outcome.Actions)
	for _, a := range s.outcome.Actions {
		s.o.Logger.Info().Str("kind", string(a.Kind)).Str("unit", a.Unit.String()).Str("node", string(a.Node)).
			Str("reason", a.Reason.String()).Int64("term", s.term.CreateRevision).Msg("decided")
	}
	return groups, s.wake(now, nowMs)
}

// mention makes the summaries of the apps that a plan speaks of be looked at again.
func (s *Scheduler) mention(o placement.Outcome) {
	for _, u := range o.Unplaced {
		s.stale[u.App] = true
	}
	for _, h := range o.Held {
		s.stale[h.Unit.AppID()] = true
	}
}

// byApp sorts what a plan says by the app that it is about.
func byApp(o placement.Outcome) map[units.AppID]placement.Outcome {
	said := map[units.AppID]placement.Outcome{}
	for _, h := range o.Held {
		of := said[h.Unit.AppID()]
		of.Held = append(of.Held, h)
		said[h.Unit.AppID()] = of
	}
	for _, u := range o.Unplaced {
		of := said[u.App]
		of.Unplaced = append(of.Unplaced, u)
		said[u.App] = of
	}
	return said
}

// wakeMost is how far ahead a scheduler asks to be called: a hand may write a time that no duration reaches.
const wakeMost = time.Hour

// wake is when time alone makes another plan.
func (s *Scheduler) wake(now units.Instant, nowMs int64) units.Instant {
	if s.wakeMs == 0 {
		return units.Instant{}
	}
	left := min(max(0, s.wakeMs-nowMs), wakeMost.Milliseconds())
	return now.Add(time.Duration(left) * time.Millisecond)
}

// done is told what became of the groups.
func (s *Scheduler) done(now units.Instant, results []registry.Result) {
	for _, r := range results {
		if s.wentBack(r) {
			s.world.regressed = true
			s.o.Mail.Post(func(units.Instant) {}) // it is looked into with the next pass
		}
		switch r.Outcome {
		case registry.Committed:
			s.committed = max(s.committed, r.Revision)
			for _, e := range tagged(r.Tag) {
				s.events.Add(now, e)
			}
			continue
		case registry.Rejected:
			s.refused = true
			s.o.Logger.Error().Err(r.Err).Msg("etcd rejected a write")
		case registry.Conflict:
			// Somebody wrote what the plan was made on. It is in the view, or on its way there.
			s.refused = true
			s.committed = max(s.committed, r.Revision)
			if _, clock := r.Tag.(clockTag); clock {
				s.stranger = true
				s.o.Mail.Post(func(units.Instant) {}) // it is looked into with the next pass
			}
			s.o.Logger.Debug().Msg("a write lost against a newer one")
		}
		s.replan = true
	}
}

// Resign gives the leadership up, so that another takes over at once and not when the lease ends. It
// may be called from any goroutine and takes effect in a later Step; Resigned tells when it has.
func (s *Scheduler) Resign() {
	s.o.Mail.Post(func(units.Instant) { s.election.Resign() })
}
