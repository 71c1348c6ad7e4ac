package scheduler

import (
	"context"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// trust looks whether etcd is still the one that this scheduler knew. While it is not, the scheduler leads
// nothing: it keeps its place, so that none that knows less decides on what was restored.
func (s *Scheduler) trust(ctx context.Context, now units.Instant) (units.Instant, error) {
	before := s.continuity.Held()
	if regressed := s.election.Regressed(); regressed || s.world.regressed {
		s.world.regressed = false
		s.continuity.Doubt()
	}
	if s.view.Revision() != 0 && !s.world.rereading && s.legible() {
		s.continuity.Read(s.world.cluster.value, s.world.clock.value)
	}
	if turned := s.continuity.Turned(); turned || s.stranger {
		s.stranger = false
		s.view.Reload()
		s.election.Reload()
		s.world.rereading, s.handed = true, 0
		s.o.Mail.Post(func(units.Instant) {}) // the view begins with the next pass
	}
	switch held := s.continuity.Held(); {
	case before == "" && held != "":
		s.events.Add(now, units.Event{Type: units.EventRegression, Reason: units.Reason{Message: held}, Epoch: s.continuity.Seen().Epoch})
	case before != "" && held == "":
		s.time.Reset()
	}
	return s.continuity.Step(ctx, now)
}

// legible reports whether `cluster` and `cluster/clock` say anything. One that cannot be read says nothing, not
// even that it is not there: that would be an etcd that went back in time. Whoever has not read the clock does not
// lead either, for it would begin anew what only stands still. An identity that cannot be read is none where
// nothing is known of an earlier one.
func (s *Scheduler) legible() bool {
	unknown := s.continuity.Loaded() && s.continuity.Seen().ID == ""
	return !s.world.clock.bad && (!s.world.cluster.bad || unknown)
}

// wentBack reports whether the answer to what was planned on a view shows that etcd is behind that view: it was
// restored, and the view has not noticed. A write makes a revision of its own, and a refusal has one that is no
// older than what was seen before it was asked for.
func (s *Scheduler) wentBack(r registry.Result) bool {
	switch {
	case s.handed == 0 || s.world.rereading:
		return false
	case r.Outcome == registry.Committed:
		return r.Revision <= s.handed
	}
	return r.Outcome == registry.Conflict && r.Revision != 0 && r.Revision < s.handed
}

// trusts reports whether etcd is the one that this scheduler knew, and what is known of it is of its present
// history.
func (s *Scheduler) trusts() bool { return s.continuity.Trusted() && !s.world.rereading }

// epoch is the life of the registry since a restore was accepted. `cluster` is put for that alone.
func (w *world) epoch() placement.Epoch {
	if w.cluster.value.Epoch <= 1 {
		return placement.Epoch{}
	}
	return placement.Epoch{Since: w.cluster.rev, SeenMs: w.epochSeenMs}
}

// seeEpoch notes when this scheduler, leading or not, first saw the present epoch, and returns whether that is
// now.
func (w *world) seeEpoch(nowMs int64) bool {
	if w.cluster.rev == w.epochSince {
		return false
	}
	w.epochSince, w.epochSeenMs = w.cluster.rev, nowMs
	return true
}
