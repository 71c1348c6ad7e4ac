package scheduler

import (
	"fmt"
	"maps"
	"slices"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/planted"
	"github.com/nsched/nsched/units/registry"
)

// deleteCompares is how many comparisons one deletion of an assignment may need: its own key, its status,
// and that its node is still forgotten.
const deleteCompares = 4

// maxHoldings is how many nodes' leases a decision may rely on at most. It takes as many lost nodes, each with
// a unit of one slot, to need more; those beyond are not compared.
const maxHoldings = 100

// groups turns a plan into what is committed: each group is written whole or not at all, and only while
// what the plan was made on still holds.
func (s *Scheduler) groups(actions []placement.Action) []registry.Group {
	var groups []registry.Group
	joined := map[int]int{} // the plan's group to the index in groups
	chunks := map[string]*chunkWrite{}
	s.restore(chunks)
	for _, a := range actions {
		if a.Kind == placement.KindDelete {
			s.deletion(chunks, a)
			continue
		}
		g, err := s.group(a)
		if err != nil {
			s.o.Logger.Error().Err(err).Str("unit", a.Unit.String()).Msg("action could not be encoded")
			continue
		}
		if at, ok := joined[a.Group]; ok && a.Group != 0 {
			join(&groups[at], g)
			continue
		}
		if a.Group != 0 {
			joined[a.Group] = len(groups)
		}
		groups = append(groups, g)
	}
	for _, key := range slices.Sorted(maps.Keys(chunks)) {
		if len(chunks[key].g.Then) == 0 && !chunks[key].restored {
			continue
		}
		g, err := chunks[key].group(key)
		if err != nil {
			s.o.Logger.Error().Err(err).Msg("slots could not be encoded")
			continue
		}
		groups = append(groups, g)
	}
	return groups
}

// group is one action as comparisons and writes.
func (s *Scheduler) group(a placement.Action) (registry.Group, error) {
	if a.Kind == placement.KindRollout {
		held := s.world.app(a.App).rollouts[a.Generation]
		return s.put(s.o.Keys.Rollout(a.App, a.Generation), held.rev, a.Rollout, held.extra)
	}
	g, err := s.put(s.o.Keys.Unit(a.Node, a.Unit), a.ModRev, a.Assignment, s.world.extras[unitKey{a.Node, a.Unit}])
	if err != nil {
		return g, err
	}
	g.Tag = decisionEvents(a)
	for _, h := range a.While {
		if len(g.If) == maxHoldings || planted.On(planted.EvictUnseen) { // planted breaks: a node that has just come back is robbed
			break
		}
		if n := s.world.nodes[h.Node]; n != nil && n.stray != 0 {
			h.Tenure = n.stray
		}
		g.If = append(g.If, registry.Compare{Key: s.o.Keys.Alive(h.Node), Target: registry.CreateRevision, Number: h.Tenure})
	}
	switch a.Kind {
	case placement.KindPlace:
		// The node still has the tenure that the assignment names, and what it offered.
		g.If = append(g.If, registry.Compare{Key: s.o.Keys.Alive(a.Node), Target: registry.CreateRevision, Number: a.Assignment.Tenure})
		g.If = append(g.If, s.asRegistered(a.Node)...)
		if s.world.apps[a.Unit.AppID()].bound(a.Unit.Generation) {
			// Nor has anybody accepted a restored registry meanwhile, which makes every tenure an old one.
			g.If = append(g.If, registry.Compare{Key: s.o.Keys.Cluster(), Target: registry.ModRevision, Number: s.world.cluster.rev})
		}
	case placement.KindEvict:
		g.If = append(g.If, s.asRegistered(a.Node)...)
	}
	return g, nil
}

// asRegistered compares that a node's registration is as it was read.
func (s *Scheduler) asRegistered(name units.NodeName) []registry.Compare {
	n := s.world.nodes[name]
	if n == nil || !n.exists || planted.On(planted.CapacityUnchecked) {
		return nil
	}
	return []registry.Compare{{Key: s.o.Keys.Node(name), Target: registry.ModRevision, Number: n.record.rev}}
}

// put writes a value over exactly what was read.
func (s *Scheduler) put(key string, rev int64, value any, extra registry.Extra) (registry.Group, error) {
	raw, err := registry.Encode(value, extra)
	if err != nil {
		return registry.Group{}, fmt.Errorf("encode %s: %w", key, err)
	}
	return registry.Group{
		If:   []registry.Compare{{Key: key, Target: registry.ModRevision, Number: rev}},
		Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: raw}},
	}, nil
}

// chunkWrite gathers the deletions of assignments whose slots are recorded in one key.
type chunkWrite struct {
	held  held[units.Slots]
	slots units.Slots
	g     registry.Group
	nodes []string // keys of forgotten nodes that are compared
	// restored: it is written though nothing is deleted, for what a hand took from it.
	restored bool
}

// chunk is what is gathered of one.
func (s *Scheduler) chunk(chunks map[string]*chunkWrite, app units.AppID, chunk string) *chunkWrite {
	key := s.o.Keys.Slots(app, chunk)
	w := chunks[key]
	if w == nil {
		held := s.world.app(app).slots[chunk]
		w = &chunkWrite{held: held, slots: units.Slots{Slots: maps.Clone(s.world.app(app).records(chunk))}}
		if w.slots.Slots == nil {
			w.slots.Slots = map[units.Slot]units.SlotRecord{}
		}
		chunks[key] = w
	}
	return w
}

// deletion adds one to its chunk. What does not fit waits for the next plan.
func (s *Scheduler) deletion(chunks map[string]*chunkWrite, a placement.Action) {
	w := s.chunk(chunks, a.Unit.AppID(), units.Chunk(a.Unit.Slot))
	if w.held.bad || len(w.g.If)+deleteCompares+1 > registry.MaxCompares {
		return
	}
	unit := s.o.Keys.Unit(a.Node, a.Unit)
	w.slots.Slots[a.Unit.Slot] = a.Record
	w.g.If = append(w.g.If,
		registry.Compare{Key: unit, Target: registry.ModRevision, Number: a.ModRev},
		registry.Compare{Key: s.o.Keys.Status(a.Node, a.Unit), Target: registry.ModRevision, Number: a.StatusRev})
	if a.Reason.Code == placement.ReasonNodeForgotten {
		for _, key := range []string{s.o.Keys.Node(a.Node), s.o.Keys.Alive(a.Node)} {
			c := registry.Compare{Key: key, Target: registry.CreateRevision}
			if !slices.Contains(w.nodes, key) {
				w.nodes, w.g.If = append(w.nodes, key), append(w.g.If, c)
			}
		}
	}
	w.g.Then = append(w.g.Then, registry.Op{Kind: registry.OpDelete, Key: unit})
}

// group is the chunk's transaction: the assignments go and their slots are recorded, both or neither.
func (w *chunkWrite) group(key string) (registry.Group, error) {
	raw, err := registry.Encode(w.slots, w.held.extra)
	if err != nil {
		return registry.Group{}, fmt.Errorf("encode %s: %w", key, err)
	}
	w.g.If = append(w.g.If, registry.Compare{Key: key, Target: registry.ModRevision, Number: w.held.rev})
	w.g.Then = append(w.g.Then, registry.Op{Kind: registry.OpPut, Key: key, Value: raw})
	return w.g, nil
}
