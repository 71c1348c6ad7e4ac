package scheduler

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/planted"
	"github.com/nsched/nsched/units/registry"
)

// maxAsks is how many leases are asked about at once.
const maxAsks = 64

// askAgain is how long to wait when a question was not answered.
const askAgain = time.Second

// begin makes what this leader has seen of the nodes that of a new term: nothing.
func (w *world) begin() {
	for _, n := range w.nodes { // order-free: each node for itself
		n.seen, n.downSince, n.goneSince, n.asked = n.alive, 0, 0, 0
	}
	for name := range w.nodes { // order-free: it fills a set
		w.dirtyNodes[name] = true
	}
	if planted.On(planted.AttemptsReset) { // breaks: an attempt is told the end of another that had its number
		w.amnesia(func(r units.SlotRecord) units.SlotRecord { r.Attempt = 0; return r })
	}
	if planted.On(planted.BackoffLost) { // breaks: what crashes is started at once, as often as leaders change
		w.amnesia(func(r units.SlotRecord) units.SlotRecord { r.Failures, r.NotBeforeMs = 0, 0; return r })
	}
}

// amnesia is what a planted mistake makes of what is on record about slots.
func (w *world) amnesia(forget func(units.SlotRecord) units.SlotRecord) {
	for id, a := range w.apps { // order-free: each app for itself
		for chunk, held := range a.slots { // order-free: each chunk for itself
			slots := map[units.Slot]units.SlotRecord{}
			for slot, record := range held.value.Slots { // order-free: it fills a map
				slots[slot] = forget(record)
			}
			held.value.Slots = slots
			a.slots[chunk] = held
		}
		w.dirtyApps[id] = true
	}
}

// judge decides what to believe of every node, when something about one has changed or time alone
// changes it, and hands to placement what is new.
func (s *Scheduler) judge(now units.Instant, nowMs int64) units.Instant {
	if len(s.world.dirtyNodes) == 0 && !(s.judgeAt != 0 && now.Reached(s.judgeAt)) {
		return s.wish(now, s.judgeAt)
	}
	names := slices.Sorted(maps.Keys(s.world.nodes))
	s.world.copies(names)
	const forever = int64(math.MaxInt64)
	due := forever // when a port is not avoided any more
	sightings := make([]placement.Sighting, 0, len(names))
	for _, name := range names {
		n := s.world.nodes[name]
		switch {
		case !n.alive || n.agent:
			n.downSince = 0
		case n.downSince == 0:
			n.downSince = now.Boot
		}
		if !n.alive && n.goneMs == 0 {
			n.goneMs = nowMs
		}
		if !n.alive && n.goneSince == 0 {
			n.goneSince = now.Boot
		}
		if next, changed := n.avoid(nowMs); next != 0 || changed {
			s.world.dirtyNodes[name] = s.world.dirtyNodes[name] || changed
			due = min(due, cmp.Or(next, due))
		}
		if n.exists {
			sightings = append(sightings, n.sighting(name, s.round(now), now))
		}
	}
	leases := s.o.Leases
	leases.TermAge = now.Boot - s.leadingSince
	if s.losses.Frozen {
		s.thawAt = now.Boot + leases.TTL
	}
	leases.Thaw = max(0, s.thawAt-now.Boot)
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
	if due != forever {
		s.soon(now.Boot + time.Duration(due-nowMs)*time.Millisecond)
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
		if n == nil {
			continue // forgotten while it was being asked about
		}
		s.state.PutNode(n.placement(name))
		if !n.exists && !n.alive && n.fence.rev == 0 && n.operator.rev == 0 {
			delete(s.world.nodes, name)
			if s.world.unitsOn[name] == 0 {
				s.state.RemoveNode(name)
			}
		}
	}
	s.replan = s.replan || len(s.world.dirtyNodes) > 0
	clear(s.world.dirtyNodes)
	s.ask(now)
	return s.wish(now, s.judgeAt)
}

// tired reports whether an answer counted the node as lost. It may have been late once, so it is asked
// again until it has renewed its lease or lost it.
func (n *nodeFacts) tired(l placement.Leases) bool { return n.remaining < l.TTL-2*l.Keepalive }

// ask learns how much of their lease the nodes have left that are still there: those that were lost in
// the same blow have less left than a living node ever has. What was answered before the latest loss
// says nothing of it.
func (s *Scheduler) ask(now units.Instant) {
	if s.asks > 0 || !s.losses.Ask && !s.losses.Frozen {
		return // judged anew when the last answer has come
	}
	if !now.Reached(s.askAt) {
		s.soon(s.askAt)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.world.nodes)) {
		n := s.world.nodes[name]
		switch {
		case !n.alive || n.asking:
		case s.round(now) == 0, n.asked != s.world.losses, n.tired(s.o.Leases) && now.Reached(n.askedAt+s.o.Leases.Keepalive):
			s.askQueue = append(s.askQueue, name)
		case n.tired(s.o.Leases):
			s.soon(n.askedAt + s.o.Leases.Keepalive)
		}
	}
	s.askNext()
}

// round is the loss after which etcd was asked, 0 if that is too long ago to say anything: a node that
// was well when its neighbour vanished may have died while a new leader waited.
func (s *Scheduler) round(now units.Instant) int {
	if now.Boot > s.askedAt+2*s.o.Leases.Keepalive {
		return 0
	}
	return s.world.losses
}

// soon makes the nodes judged again at a boot time.
func (s *Scheduler) soon(boot time.Duration) {
	if s.judgeAt == 0 || boot < s.judgeAt {
		s.judgeAt = boot
	}
}

func (s *Scheduler) askNext() {
	for len(s.askQueue) > 0 && s.asks < maxAsks {
		name := s.askQueue[0]
		s.askQueue = s.askQueue[1:]
		n := s.world.nodes[name]
		if n == nil || !n.alive || n.asking {
			continue
		}
		n.asking = true
		s.asks++
		lease, tenure, losses := n.lease, n.tenure, s.world.losses
		loop.Go(s.o.Executor, "ttl", string(name), func(ctx context.Context) (registry.Lease, error) {
			return s.o.KV.TimeToLive(ctx, lease)
		}, func(now units.Instant, l registry.Lease, err error) {
			s.asks--
			n.asking = false
			switch {
			case n.tenure != tenure || !n.alive:
			case err == nil:
				n.asked, n.askedAt, n.remaining = losses, now.Boot, l.Remaining
			case errors.Is(err, registry.ErrLeaseNotFound):
				n.asked, n.askedAt, n.remaining = losses, now.Boot, -time.Second
			default:
				s.askAt = now.Boot + askAgain
			}
			s.askNext()
			if s.asks == 0 {
				s.askedAt = now.Boot
				s.soon(now.Boot)
			}
		})
	}
}

// copies finds the registrations whose key another node registered before: of a machine that was cloned
// nobody can tell which is meant, so the later one takes nothing.
func (w *world) copies(names []units.NodeName) {
	first := make(map[string]units.NodeName, len(names))
	for _, name := range names {
		n := w.nodes[name]
		key := n.record.value.Key
		if !n.exists || key == "" {
			continue
		}
		if other, taken := first[key]; !taken || n.created < w.nodes[other].created {
			first[key] = name
		}
	}
	for _, name := range names {
		n := w.nodes[name]
		n.copyOf = ""
		if owner := first[n.record.value.Key]; n.exists && owner != name {
			n.copyOf = owner
		}
	}
}

// recordLosses are the groups that put on record which tenures are over: before anything is evicted, so
// that no later term waits for those nodes again, and to tell a guard to give its tenure up.
func (s *Scheduler) recordLosses(nowMs int64) []registry.Group {
	var groups []registry.Group
	for _, v := range s.losses.Verdicts {
		n := s.world.nodes[v.Node]
		if n == nil || !v.Record && !v.Fence {
			continue
		}
		word := units.Fence{Tenure: n.lastTenure(), Reason: v.Why.Message}
		if v.Record {
			word.LostAtMs = nowMs
		}
		if said := n.recorded(); said.Tenure >= word.Tenure && (v.Fence || said.LostAtMs != 0) {
			continue
		}
		value, err := registry.Encode(word, n.fence.extra)
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
