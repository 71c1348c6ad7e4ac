package placement

import (
	"slices"

	"github.com/nsched/nsched/units"
)

// State is a snapshot in the form that planning wants, kept up to date by small changes. Plans of a
// State that was changed step by step and of one made anew are the same. Not safe for concurrent use.
type State struct {
	// Rows of one index belong to one node. They are never removed: a node that is forgotten keeps
	// its row, with nothing known about it.
	nodes      []node
	names      []units.NodeName
	whys       []units.Reason
	pasts      []past
	ports      []portSet
	nodeByName map[units.NodeName]int32

	classes    []class
	classByKey map[string]int32
	// version rises when a node comes, or goes from one class to another, so that what was derived from
	// classes can be reused.
	version uint64

	apps   map[units.AppID]*app
	sorted []*app // by ID; nil when it has to be made again

	epoch Epoch
}

// PutEpoch says in which life of the registry the rest of the state is.
func (s *State) PutEpoch(e Epoch) { s.epoch = e }

// NewState returns a State that holds a snapshot.
func NewState(s Snapshot) *State {
	state := &State{
		nodeByName: make(map[units.NodeName]int32, len(s.Nodes)),
		classByKey: make(map[string]int32),
		apps:       make(map[units.AppID]*app, len(s.Apps)),
		epoch:      s.Epoch,
	}
	for _, n := range s.Nodes {
		state.PutNode(n)
	}
	for _, a := range s.Apps {
		state.PutApp(a)
	}
	for _, u := range s.Units {
		state.PutUnit(u)
	}
	return state
}

func (s *State) inOrder() []*app {
	if s.sorted == nil {
		s.sorted = make([]*app, 0, len(s.apps))
		for _, a := range s.apps { // order-free: it is sorted below
			s.sorted = append(s.sorted, a)
		}
		slices.SortFunc(s.sorted, func(a, b *app) int { return a.id.Compare(b.id) })
	}
	return s.sorted
}
