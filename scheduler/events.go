package scheduler

import (
	"slices"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// decisionEvents are what an action tells once it is written; they wait in its group's tag.
func decisionEvents(a placement.Action) []units.Event {
	e := units.Event{Unit: a.Unit.String(), Node: a.Node, Reason: a.Reason}
	switch a.Kind {
	case placement.KindPlace:
		e.Type = units.EventUnitPlaced
	case placement.KindStop:
		e.Type = units.EventUnitDismissed
	case placement.KindEvict:
		e.Type = units.EventUnitEvicted
	default:
		return nil
	}
	return []units.Event{e}
}

// tagged returns the events that wait in a group's tag.
func tagged(tag any) []units.Event {
	events, _ := tag.([]units.Event)
	return events
}

// join puts an action's group to the one that is written with it.
func join(to *registry.Group, g registry.Group) {
	for _, c := range g.If {
		same := func(d registry.Compare) bool { return d.Key == c.Key && d.Target == c.Target && d.Number == c.Number }
		if !slices.ContainsFunc(to.If, same) {
			to.If = append(to.If, c)
		}
	}
	to.Then = append(to.Then, g.Then...)
	to.Tag = append(tagged(to.Tag), tagged(g.Tag)...)
}

// lossEvents tells what this leader believes of the nodes since now. What it believed first is no news:
// the leader before it has told.
func (s *Scheduler) lossEvents(now units.Instant, before, after placement.Losses) {
	known := make(map[units.NodeName]placement.Standing, len(before.Verdicts))
	for _, v := range before.Verdicts {
		known[v.Node] = v.Standing
	}
	for _, v := range after.Verdicts {
		if known[v.Node] == v.Standing {
			continue
		}
		e := units.Event{Type: units.EventNodeUncertain, Node: v.Node, Reason: v.Why}
		switch v.Standing {
		case placement.Ready:
			e.Type = units.EventNodeReady
		case placement.LostNode:
			e.Type = units.EventNodeLost
		}
		s.events.Add(now, e)
	}
	switch {
	case after.Frozen && !before.Frozen:
		s.events.Add(now, units.Event{Type: units.EventEvictionFreeze})
	case before.Frozen && !after.Frozen:
		s.events.Add(now, units.Event{Type: units.EventEvictionThaw})
	}
}

// badKeyEvents tells of the keys that turned out unreadable since the last pass. A follower keeps silent.
func (s *Scheduler) badKeyEvents(now units.Instant) {
	if s.leading {
		for _, key := range s.world.newlyBad {
			s.events.Add(now, units.Event{Type: units.EventBadKey, Reason: units.Reason{
				Code: units.ReasonUndecodable, Message: key + ": " + s.world.bad[key],
			}})
		}
	}
	s.world.newlyBad = nil
}
