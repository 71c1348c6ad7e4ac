package scheduler

import (
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

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
		s.clockAt = now.Boot + registry.ClockPeriod
		clock := s.time.Next(now)
		clock.Epoch = s.world.cluster.value.Epoch
		g, err := s.put(s.o.Keys.Clock(), s.world.clock.rev, clock, s.world.clock.extra)
		if err != nil {
			s.o.Logger.Error().Err(err).Msg("cluster time could not be encoded")
			return groups
		}
		g.Tag = clockTag{}
		groups = append(groups, g)
	}
	return groups
}

// clockTag marks the write of the clock, which nobody but the leader writes. When it is refused, the view is not
// of this etcd, or somebody's hand was there: nothing more is written before everything has been read anew.
type clockTag struct{}
