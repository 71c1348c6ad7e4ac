package scheduler

import (
	"maps"
	"slices"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// keptGenerations is how many generations of an app are kept for history and revert, besides those that
// something still names. retiredAtOnce bounds how many go in one pass.
const (
	keptGenerations = 10
	retiredAtOnce   = 20
)

// retire are the groups that delete the generations which are too old, each with the record of its rollout. A
// person who names one of them at the same moment wins: the intent is compared.
func (s *Scheduler) retire(id units.AppID, a *appFacts) []registry.Group {
	if len(a.generations) <= keptGenerations || !a.exists || !a.problem.IsZero() {
		return nil
	}
	named := a.named()
	var groups []registry.Group
	old := slices.Sorted(maps.Keys(a.generations))
	for _, number := range old[:len(old)-keptGenerations] {
		if named[number] || len(groups) == retiredAtOnce {
			continue
		}
		generation, rollout := s.o.Keys.Generation(id, number), s.o.Keys.Rollout(id, number)
		g := registry.Group{
			If: []registry.Compare{
				{Key: s.o.Keys.App(id), Target: registry.ModRevision, Number: a.intent.rev},
				{Key: generation, Target: registry.ModRevision, Number: a.generations[number].rev},
				{Key: rollout, Target: registry.ModRevision, Number: a.rollouts[number].rev},
			},
			Then: []registry.Op{{Kind: registry.OpDelete, Key: generation}},
		}
		if a.rollouts[number].rev != 0 {
			g.Then = append(g.Then, registry.Op{Kind: registry.OpDelete, Key: rollout})
		}
		groups = append(groups, g)
	}
	return groups
}

// named are the generations that are in use: those that the intent, an assignment or a status, or a rollout
// under way speaks of. A rollout that cannot be read may be under way.
func (a *appFacts) named() map[units.Generation]bool {
	intent := a.intent.value
	named := map[units.Generation]bool{intent.Generation: true, intent.Promoted: true, intent.Confirmed: true}
	for _, k := range a.units {
		named[k.id.Generation] = true
	}
	for number, r := range a.rollouts { // order-free: it fills a set
		if r.bad || r.value.Phase == units.PhaseRolling {
			named[number], named[r.value.Serving] = true, true
		}
	}
	return named
}
