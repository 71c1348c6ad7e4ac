package scheduler

import (
	"context"
	"maps"
	"slices"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

// Preview is what would happen if a document were submitted now.
type Preview struct {
	// Revision is the registry's at which it was made, for submit --check-revision.
	Revision   int64            `json:"revision"`
	Generation units.Generation `json:"generation"`
	Count      int              `json:"count"`
	// Unchanged says that a submit would write nothing.
	Unchanged bool             `json:"unchanged"`
	Changes   []units.Change   `json:"changes,omitempty"`
	Place     []PreviewUnit    `json:"place,omitempty"`
	Stop      []PreviewUnit    `json:"stop,omitempty"`
	Unplaced  []PreviewProblem `json:"unplaced,omitempty"`
}

// PreviewUnit is a unit that would be placed or stopped.
type PreviewUnit struct {
	Unit   units.UnitID   `json:"unit"`
	Node   units.NodeName `json:"node"`
	Reason units.Reason   `json:"reason,omitzero"`
}

// PreviewProblem is a slot that would not be filled.
type PreviewProblem struct {
	Slot   units.Slot             `json:"slot,omitempty"`
	Reason units.Reason           `json:"reason"`
	Nodes  []placement.NodeReason `json:"nodes,omitempty"`
}

// Preview makes a plan for a document without writing anything. It waits for the leader's next Step; a
// scheduler that does not lead, or has not read the cluster yet, answers ErrNotLeading.
func (s *Scheduler) Preview(ctx context.Context, document []byte) (Preview, error) {
	doc := units.ReadApp(document)
	if err := doc.Err(); err != nil {
		return Preview{}, err
	}
	spec, err := placement.Compile(doc.App)
	if err != nil {
		return Preview{}, err
	}
	// One at a time: a snapshot of a large cluster is a copy of it all, and whoever asks is not known.
	select {
	case <-ctx.Done():
		return Preview{}, ctx.Err()
	case s.previewing <- struct{}{}:
		defer func() { <-s.previewing }()
	}
	d, err := asked(ctx, s, func(now units.Instant) draft { return s.draft(doc.App, spec, now) })
	if err == nil {
		// On the asker's time: the leader goes on meanwhile.
		d.take(doc.App.ID(), placement.Plan(d.snapshot, s.o.Policy))
	}
	return d.Preview, err
}

// NamesReport is what the keeper of names tells of itself. It waits for the leader's next Step.
func (s *Scheduler) NamesReport(ctx context.Context) (any, error) {
	return asked(ctx, s, func(units.Instant) any { return s.names.Report() })
}

// asked has a leader answer a question in its next Step.
func asked[T any](ctx context.Context, s *Scheduler, question func(units.Instant) T) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	reply := func(v T, err error) { answers <- answer{v, err} } // it has room: nobody waits
	s.o.Mail.Post(func(now units.Instant) {
		if ctx.Err() != nil {
			return // nobody waits any more
		}
		if !s.leading {
			var none T
			reply(none, ErrNotLeading)
			return
		}
		reply(question(now), nil)
	})
	select {
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	case a := <-answers:
		return a.value, a.err
	}
}

// draft is a preview without its plan.
type draft struct {
	Preview
	snapshot placement.Snapshot
}

func (s *Scheduler) draft(app units.App, spec *placement.Spec, now units.Instant) draft {
	id := app.ID()
	nowMs, _ := s.time.NowMs(now)
	snapshot := s.world.snapshot(nowMs, s.term.CreateRevision)
	p := Preview{Revision: s.world.revision, Generation: 1, Count: app.CountOr(units.CountDefault)}
	at := slices.IndexFunc(snapshot.Apps, func(a placement.App) bool { return a.ID == id })
	if at < 0 {
		at = len(snapshot.Apps)
		snapshot.Apps = append(snapshot.Apps, placement.App{ID: id})
		p.Changes = units.Diff(units.App{}, app)
	} else if held := s.world.apps[id]; !held.exists {
		p.Generation, p.Changes = nextGeneration(held), units.Diff(units.App{}, app)
	} else {
		current := held.intent.value
		p.Generation, p.Count = nextGeneration(held), app.CountOr(current.Count)
		if g := held.generations[current.Generation]; g != nil && g.spec != nil {
			p.Changes = units.Diff(g.app, app)
			if units.Same(g.app, app) {
				p.Generation = current.Generation
				p.Unchanged = p.Count == current.Count && !current.Stopped
			}
		}
	}
	target := &snapshot.Apps[at]
	target.NoIntent = false
	target.Intent.Generation, target.Intent.Count, target.Intent.Stopped = p.Generation, p.Count, false
	if !slices.ContainsFunc(target.Generations, func(g placement.Generation) bool { return g.Number == p.Generation }) {
		target.Generations = append(target.Generations, placement.Generation{Number: p.Generation, Spec: spec})
	}
	return draft{p, snapshot}
}

// take keeps of a plan what concerns the app.
func (p *Preview) take(id units.AppID, o placement.Outcome) {
	for _, a := range o.Actions {
		u := PreviewUnit{Unit: a.Unit, Node: a.Node, Reason: a.Reason}
		switch {
		case a.Unit.AppID() != id:
		case a.Kind == placement.KindPlace:
			p.Place = append(p.Place, u)
		case a.Kind == placement.KindStop, a.Kind == placement.KindEvict:
			p.Stop = append(p.Stop, u)
		}
	}
	for _, u := range o.Unplaced {
		if u.App == id {
			p.Unplaced = append(p.Unplaced, PreviewProblem{Slot: u.Slot, Reason: u.Reason, Nodes: u.Nodes})
		}
	}
}

// nextGeneration is the number that the next document gets.
func nextGeneration(a *appFacts) units.Generation {
	last := a.intent.value.Generation
	for number := range a.generations { // order-free: a maximum
		last = max(last, number)
	}
	return last + 1
}

// snapshot is the whole world as placement takes it.
func (w *world) snapshot(nowMs, term int64) placement.Snapshot {
	s := placement.Snapshot{NowMs: nowMs, Term: term, Epoch: w.epoch()}
	for _, name := range slices.Sorted(maps.Keys(w.nodes)) {
		s.Nodes = append(s.Nodes, w.nodes[name].placement(name))
	}
	for _, id := range slices.SortedFunc(maps.Keys(w.apps), units.AppID.Compare) {
		s.Apps = append(s.Apps, w.apps[id].placement(id))
	}
	s.Units = make([]placement.Unit, 0, len(w.units))
	for _, u := range w.units { // order-free: a plan does not depend on it
		s.Units = append(s.Units, *u)
	}
	return s
}
