package scheduler

import (
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// clockEvery is how often the leader writes cluster time.
const clockEvery = 5 * time.Second

// housekeep are the groups that keep the cluster itself: its identity, made once, and its clock.
func (s *Scheduler) housekeep(now units.Instant) []registry.Group {
	var groups []registry.Group
	if s.world.cluster.rev == 0 {
		g, err := s.put(s.o.Keys.Cluster(), 0, units.Cluster{ID: s.o.ClusterID, Epoch: 1, Schema: units.AppSchema}, registry.Extra{})
		if err != nil {
			s.o.Logger.Error().Err(err).Msg("the cluster's identity could not be encoded")
			return nil
		}
		groups = append(groups, g)
	}
	if now.Reached(s.clockAt) {
		s.clockAt = now.Boot + clockEvery
		c := units.Clock{N: s.world.clock.value.N + 1, TimeMs: s.nowMs(now)}
		g, err := s.put(s.o.Keys.Clock(), s.world.clock.rev, c, s.world.clock.extra)
		if err != nil {
			s.o.Logger.Error().Err(err).Msg("cluster time could not be encoded")
			return groups
		}
		groups = append(groups, g)
	}
	return groups
}

// nowMs is cluster time at this instant, in milliseconds since 1970.
func (s *Scheduler) nowMs(now units.Instant) int64 {
	return max(s.world.clock.value.TimeMs, now.Wall.UnixMilli())
}
