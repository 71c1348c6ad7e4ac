package scheduler

import (
	"context"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

// Names is the part of the leader that keeps names pointing at what lives: the DNS syncer. It sees
// every change that the view brings, decides only between Lead and Rest, and writes to etcd through the
// leader's committer alone.
type Names interface {
	registry.Sink
	loop.Stepper
	// Lead says that this scheduler leads with a view that is as far as its term needs, and whether
	// evictions are frozen. Rest says that it does not, or cannot be sure.
	Lead(now units.Instant, frozen bool)
	Rest()
	// Writes are the groups that bring the names in etcd up to the view.
	Writes(now units.Instant) []registry.Group
	// Report is what it tells of itself, as JSON has it.
	Report() any
}

// noNames is a cluster whose names somebody else keeps.
type noNames struct{}

func (noNames) Apply(registry.Batch)                  {}
func (noNames) Lead(units.Instant, bool)              {}
func (noNames) Rest()                                 {}
func (noNames) Writes(units.Instant) []registry.Group { return nil }
func (noNames) Report() any                           { return nil }
func (noNames) Step(context.Context, units.Instant) (units.Instant, error) {
	return units.Instant{}, nil
}

// sinks hands each batch to all, in order.
type sinks []registry.Sink

// Apply implements registry.Sink.
func (all sinks) Apply(b registry.Batch) {
	for _, s := range all {
		s.Apply(b)
	}
}
