package placement

import "github.com/nsched/nsched/units"

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

// seat is what is asked of a node for one slot.
type seat struct {
	hash   uint64
	count  int   // of the app's slots
	home   int32 // where the slot was before; -1 if nowhere
	failed bool  // and failed there
	beside int32 // the node of the unit that will go, which is no neighbour; -1 for none
}

// cost returns how bad a node is for a seat; the lowest wins.
func (s *State) cost(c *crowd, algorithm units.Algorithm, seat seat, i int32) float64 {
	n := &s.nodes[i]
	cost := shares(n.free, n.total, c.spec.need)
	if algorithm == units.AlgorithmSpread {
		cost = 1 - cost
	}
	neighbours := c.on[i]
	if i == seat.beside {
		neighbours--
	}
	if neighbours > 0 {
		weight := crowdWeight * min(1, float64(crowdFree)/float64(max(1, seat.count)))
		cost += float64(weight * float64(neighbours))
	}
	if i == seat.home && seat.failed {
		cost += failedWeight
	} else if i == seat.home {
		cost -= homeWeight
	}
	return cost
}

// best returns the best of the nodes that have room, -1 if none has. Equal nodes are told apart by a
// hash of unit and node, so that no node is everybody's favourite.
func (s *State) best(c *crowd, among bitset, algorithm units.Algorithm, seat seat) int32 {
	winner, lowest, tie := int32(-1), 0.0, uint64(0)
	for i := range among.all() {
		if !s.nodes[i].open() || !s.lacks(c, i).ok() {
			continue
		}
		cost, hash := s.cost(c, algorithm, seat, i), mix(seat.hash, s.nodes[i].hash)
		switch {
		case winner < 0 || cost < lowest:
		case cost > lowest || hash > tie:
			continue
		case hash == tie && s.names[i] > s.names[winner]:
			continue
		}
		winner, lowest, tie = i, cost, hash
	}
	return winner
}
