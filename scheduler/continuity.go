package scheduler

import (
	"context"

	"github.com/nsched/nsched/units"
)

// trust looks whether etcd is still the one that this scheduler knew. While it is not, the scheduler leads
// nothing: it keeps its place, so that none that knows less decides on what was restored.
func (s *Scheduler) trust(ctx context.Context, now units.Instant) (units.Instant, error) {
	before := s.continuity.Held()
	if s.world.regressed {
		s.world.regressed = false
		s.continuity.Doubt()
	}
	if s.view.Revision() != 0 {
		s.continuity.Read(s.world.cluster.value, s.world.clock.value)
	}
	switch held := s.continuity.Held(); {
	case before == "" && held != "":
		s.events.Add(now, units.Event{Type: units.EventRegression, Reason: units.Reason{Message: held}, Epoch: s.continuity.Seen().Epoch})
	case before != "" && held == "":
		s.time.Reset()
	}
	return s.continuity.Step(ctx, now)
}
