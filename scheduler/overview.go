package scheduler

import (
	"fmt"
	"time"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// Overview is what a scheduler tells of itself to its API. It is a value, made anew by every Step.
type Overview struct {
	Name     string       `json:"name"`
	Campaign string       `json:"campaign"` // the state of its election
	Leading  bool         `json:"leading"`
	Resigned bool         `json:"resigned,omitempty"` // its key is gone, and it campaigns no more
	Term     int64        `json:"term,omitempty"`
	Leader   units.Leader `json:"leader,omitzero"` // whoever leads, as seen from here
	Revision int64        `json:"revision"`
	// ViewAge is how long ago etcd was last heard of, in seconds.
	ViewAge    float64           `json:"viewAgeSeconds"`
	Nodes      int               `json:"nodes"`
	NodesReady int               `json:"nodesReady"`
	NodesLost  int               `json:"nodesLost"`
	Frozen     bool              `json:"evictionsFrozen"`
	Apps       int               `json:"apps"`
	Units      int               `json:"units"`
	Unplaced   int               `json:"unplaced"`
	Plans      int64             `json:"plans"`
	Problems   []string          `json:"problems,omitempty"` // why it is not ready
	BadKeys    map[string]string `json:"badKeys,omitempty"`
	Seen       registry.Seen     `json:"seen"` // how far etcd was ever seen, and why it is not believed
}

// recentView is how old etcd's last word may be for a scheduler to be ready.
const recentView = 15 * time.Second

// Overview returns what the last Step left. Any goroutine may call it.
func (s *Scheduler) Overview() Overview { return *s.told.Load() }

func (s *Scheduler) tell(now units.Instant) {
	view := s.view.State(now)
	o := Overview{
		Name: s.o.Self.Name, Campaign: string(s.election.State(now)), Leading: s.leading, Resigned: s.election.Done(),
		Revision: view.Revision, ViewAge: view.Age.Seconds(), Nodes: s.losses.Total, NodesLost: s.losses.Lost,
		Frozen: s.losses.Frozen, Apps: len(s.world.apps), Units: len(s.world.units), Plans: s.planned,
		Unplaced: len(s.outcome.Unplaced), Seen: s.continuity.Seen(),
	}
	if s.leading {
		o.Term = s.term.CreateRevision
	}
	if leader, ok := s.election.Observe(); ok {
		o.Leader = leader.Leader
	}
	for _, v := range s.losses.Verdicts {
		if v.Standing == placement.Ready {
			o.NodesReady++
		}
	}
	if len(s.world.bad) > 0 {
		o.BadKeys = make(map[string]string, len(s.world.bad))
		for key, why := range s.world.bad { // order-free: it fills another map
			o.BadKeys[key] = why
		}
	}
	switch {
	case view.Revision == 0:
		o.Problems = append(o.Problems, "the cluster has not been read yet")
	case view.Age > recentView:
		o.Problems = append(o.Problems, "etcd does not answer")
	}
	if held := s.continuity.Held(); held != "" {
		o.Problems = append(o.Problems, "nothing is decided: "+held)
	}
	if view.Revision != 0 && !s.continuity.Trusted() && !s.legible() {
		o.Problems = append(o.Problems, "nothing is decided: the cluster's identity or its clock cannot be read")
	}
	if drift, alarm := s.time.Adrift(); s.leading && alarm {
		o.Problems = append(o.Problems, fmt.Sprintf("cluster time and this machine's clock are %v apart; correct the clock", drift))
	}
	if err := s.election.Err(); err != nil {
		o.Problems = append(o.Problems, "the campaign does not go on: "+err.Error())
	}
	s.told.Store(&o)
}
