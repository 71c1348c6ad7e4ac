package placement

import (
	"math"

	"github.com/nsched/nsched/units"
)

// What a node's cost is made of. Room counts 0 to 1; the rest is measured against that.
const (
	// crowdWeight is charged for each unit of the app that is there, for small apps; larger ones pay
	// less, so that up to crowdFree replicas never share a node while others fit.
	crowdWeight = 1.0
	crowdFree   = 3
	// failedWeight is charged where this generation failed last: more than room and a neighbour.
	failedWeight = 3.0
	// homeWeight is taken off where the slot was before: what it needs may still be there.
	homeWeight = 0.1
)

// seat is what is particular about one slot of an app.
type seat struct {
	hash   uint64
	home   int32 // where the slot was before; -1 if nowhere
	failed bool  // and failed there
	beside int32 // the node of the unit that will go, which is no neighbour; -1 for none
}

// ranking is what every node costs one more unit of a generation, +Inf where it has no room. Slots of one
// app differ in their seats alone, so it is made once and only the nodes that were given something since
// are looked at again.
type ranking struct {
	crowd     *crowd // nil: not valid
	g         *generation
	algorithm units.Algorithm
	weight    float64 // of one neighbour
	costs     []float64
}

// rank makes the ranking of a generation for an app with so many slots.
func (s *State) rank(r *ranking, c *crowd, g *generation, algorithm units.Algorithm, count int) {
	if r.crowd == c && r.g == g {
		return
	}
	*r = ranking{
		crowd: c, g: g, algorithm: algorithm, costs: r.costs[:0],
		weight: crowdWeight * min(1, float64(crowdFree)/float64(max(1, count))),
	}
	fit := s.eligible(g)
	for i := range int32(len(s.nodes)) {
		cost := math.Inf(1)
		if fit.has(i) {
			cost = s.cost(r, i, 0)
		}
		r.costs = append(r.costs, cost)
	}
}

// refresh looks at a node again.
func (s *State) refresh(r *ranking, i int32) {
	if r.crowd != nil && !math.IsInf(r.costs[i], 1) {
		r.costs[i] = s.cost(r, i, 0)
	}
}

// cost returns how bad an eligible node is, if some of the neighbours that are there do not count.
func (s *State) cost(r *ranking, i, absent int32) float64 {
	n := &s.nodes[i]
	if !s.takes(i, r.crowd.spec) || !s.lacks(r.crowd, i).ok() {
		return math.Inf(1)
	}
	cost := shares(n.free, n.total, r.crowd.spec.need)
	if r.algorithm == units.AlgorithmSpread {
		cost = 1 - cost
	}
	return cost + float64(r.weight*float64(max(0, r.crowd.on[i]-absent)))
}

// best returns the node that costs a seat least, -1 if none has room. Equal nodes are told apart by a hash
// of unit and node, so that no node is everybody's favourite.
func (s *State) best(r *ranking, at seat) int32 {
	defer s.favour(r, at)()
	winner, lowest, tie := int32(-1), math.Inf(1), uint64(0)
	for k, cost := range r.costs {
		if cost > lowest || math.IsInf(cost, 1) {
			continue
		}
		i := int32(k)
		hash := mix(at.hash, s.nodes[i].hash)
		if cost == lowest && (hash > tie || hash == tie && s.names[i] > s.names[winner]) {
			continue
		}
		winner, lowest, tie = i, cost, hash
	}
	return winner
}

// favour puts into the ranking what holds for one seat alone, and returns what takes it out again.
func (s *State) favour(r *ranking, at seat) (undo func()) {
	home, beside := math.Inf(1), math.Inf(1)
	if at.beside >= 0 && !math.IsInf(r.costs[at.beside], 1) {
		beside = r.costs[at.beside]
		r.costs[at.beside] = s.cost(r, at.beside, 1)
	}
	if at.home >= 0 {
		home = r.costs[at.home]
		if at.failed {
			r.costs[at.home] += failedWeight
		} else {
			r.costs[at.home] -= homeWeight
		}
	}
	return func() {
		if at.home >= 0 {
			r.costs[at.home] = home
		}
		if !math.IsInf(beside, 1) {
			r.costs[at.beside] = beside
		}
	}
}
