package sim

import (
	"maps"
	"slices"

	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/units"
)

// simPast is where a machine's disk keeps the attempts that ended on it.
type simPast struct{ n *NodeHost }

// Load implements node.Records.
func (s simPast) Load() ([]node.Record, []error) {
	records := make([]node.Record, 0, len(s.n.past))
	for _, id := range slices.SortedFunc(maps.Keys(s.n.past), units.UnitID.Compare) {
		records = append(records, s.n.past[id])
	}
	return records, nil
}

// Save implements node.Records.
func (s simPast) Save(r node.Record) error {
	if s.n.diskFull {
		return errMachine
	}
	if s.n.past == nil {
		s.n.past = map[units.UnitID]node.Record{}
	}
	s.n.past[r.ID] = r
	return nil
}

// Remove implements node.Records.
func (s simPast) Remove(id units.UnitID) error {
	delete(s.n.past, id)
	return nil
}
