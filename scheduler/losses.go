package scheduler

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

// maxAsks is how many leases are asked about at once.
const maxAsks = 64

// begin makes what this leader has seen of the nodes that of a new term: nothing.
func (w *world) begin() {
	for _, n := range w.nodes { // order-free: each node for itself
		n.seen, n.downSince, n.asked, n.asking = n.alive, 0, false, false
	}
	for name := range w.nodes { // order-free: it fills a set
		w.dirtyNodes[name] = true
	}
}

// judge decides what to believe of every node, when something about one has changed or time alone
// changes it, and hands to placement what is new.
func (s *Scheduler) judge(now units.Instant) units.Instant {
	if len(s.world.dirtyNodes) == 0 && !(s.judgeAt != 0 && now.Reached(s.judgeAt)) {
		return s.wish(now, s.judgeAt)
	}
	names := slices.Sorted(maps.Keys(s.world.nodes))
	sightings := make([]placement.Sighting, 0, len(names))
	for _, name := range names {
		n := s.world.nodes[name]
		switch {
		case !n.alive || n.agent:
			n.downSince = 0
		case n.downSince == 0:
			n.downSince = now.Boot
		}
		if n.exists {
			sightings = append(sightings, n.sighting(name, now))
		}
	}
	leases := s.o.Leases
	leases.TermAge = now.Boot - s.leadingSince
	before := s.losses
	s.losses = placement.Lost(sightings, leases)
	if s.judged {
		s.lossEvents(now, before, s.losses)
	}
	s.judged = true
	s.judgeAt = 0
	if s.losses.Again > 0 {
		s.judgeAt = now.Boot + s.losses.Again
	}
	for _, v := range s.losses.Verdicts {
		n := s.world.nodes[v.Node]
		if n.verdict != v {
			n.verdict = v
			s.world.dirtyNodes[v.Node] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.world.dirtyNodes)) {
		n := s.world.nodes[name]
		s.state.PutNode(n.placement(name))
		if !n.exists && !n.alive && n.fence.rev == 0 && n.operator.rev == 0 {
			delete(s.world.nodes, name)
		}
	}
	s.replan = s.replan || len(s.world.dirtyNodes) > 0
	clear(s.world.dirtyNodes)
	if s.losses.Ask {
		s.ask()
	}
	return s.wish(now, s.judgeAt)
}

// ask learns how much of their lease the nodes have left that are still there: those that were lost in
// the same blow have less left than a living node ever has.
func (s *Scheduler) ask() {
	for _, name := range slices.Sorted(maps.Keys(s.world.nodes)) {
		n := s.world.nodes[name]
		if !n.alive || n.asked || n.asking || s.asks >= maxAsks {
			continue
		}
		n.asking = true
		s.asks++
		lease, tenure := n.lease, n.tenure
		loop.Go(s.o.Executor, "ttl", string(name), func(ctx context.Context) (registry.Lease, error) {
			return s.o.KV.TimeToLive(ctx, lease)
		}, func(_ units.Instant, l registry.Lease, err error) {
			s.asks--
			n.asking = false
			s.world.dirtyNodes[name] = true
			if n.tenure != tenure {
				return
			}
			switch {
			case err == nil:
				n.asked, n.remaining = true, l.Remaining
			case errors.Is(err, registry.ErrLeaseNotFound):
				n.asked, n.remaining = true, -time.Second
			}
		})
	}
}

// recordLosses are the groups that put on record which tenures are over: before anything is evicted, so
// that no later term waits for those nodes again, and to tell a guard to give its tenure up.
func (s *Scheduler) recordLosses() []registry.Group {
	var groups []registry.Group
	for _, v := range s.losses.Verdicts {
		n := s.world.nodes[v.Node]
		if n == nil || !v.Record && !v.Fence || n.fence.value.Tenure >= n.tenure {
			continue
		}
		value, err := registry.Encode(units.Fence{Tenure: n.tenure, Reason: v.Why.Message}, n.fence.extra)
		if err != nil {
			s.o.Logger.Error().Err(err).Str("node", string(v.Node)).Msg("fence could not be encoded")
			continue
		}
		alive := int64(0)
		if v.Fence {
			alive = n.tenure
		}
		key := s.o.Keys.Fence(v.Node)
		groups = append(groups, registry.Group{
			If: []registry.Compare{
				{Key: s.o.Keys.Alive(v.Node), Target: registry.CreateRevision, Number: alive},
				{Key: key, Target: registry.ModRevision, Number: n.fence.rev},
			},
			Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: value}},
		})
		s.o.Logger.Warn().Str("node", string(v.Node)).Int64("tenure", n.tenure).Str("reason", v.Why.String()).Msg("tenure is over")
	}
	return groups
}
