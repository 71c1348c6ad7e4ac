package placement

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nsched/nsched/units"
)

// Spec is what placement reads of one generation, prepared once and shared: it is immutable.
type Spec struct {
	id       units.AppID
	kind     units.AppType
	priority int
	schema   int
	need     room
	ports    []ask
	dynamic  [protocols]int32 // ports out of the dynamic range, fixed ones that lie in it included

	systems     []string // Nix systems it has a path for; empty: any
	pool        string
	constraints []constraint
	ownName     bool // a constraint looks at node.name
	distinct    []distinct
	shares      bool // one of them is about more than one node
	algorithm   units.Algorithm

	checked   bool // has health checks
	stopFirst bool
	single    bool // a singleton
	bound     bool // its units end with their node's tenure
	// keepOriginal: of a unit on a lost node and the one that replaced it the first stays, if it comes back.
	keepOriginal bool
	// lostAfter is how long a lost node has to return before its units are replaced, and replaceDelay how
	// long after the end of the lease a unit may still be stopping.
	lostAfter, replaceDelay time.Duration
	maxParallel             int
	reschedule              units.Reschedule
}

// Compile prepares an app that units.ParseApp returned. An error names the field that placement cannot
// read; it wraps units.ErrInvalid.
func Compile(app units.App) (*Spec, error) {
	if app.Type != units.TypeService && app.Type != units.TypeSystem {
		return nil, fmt.Errorf("place app %s: type %s: %w", app.ID(), app.Type, units.ErrInvalid)
	}
	s := &Spec{
		id: app.ID(), kind: app.Type, priority: app.Priority, schema: app.Schema,
		need:    roomOf(app.Resources.Capacity(), wantLimit),
		systems: slices.Sorted(maps.Keys(app.Paths)),
		pool:    app.Pool, algorithm: app.Algorithm,
		checked:   app.HealthChecks.Any(),
		stopFirst: app.Singleton || app.Update.Order == units.OrderStopFirst,
		single:    app.Singleton, bound: app.Bound(),
		keepOriginal: !app.Bound() && app.Disconnect.Reconcile != units.KeepReplacement,
		lostAfter:    app.Disconnect.LostAfter, replaceDelay: app.ReplaceDelay(),
		maxParallel: max(1, app.Update.MaxParallel),
		reschedule:  app.Reschedule,
	}
	if app.Path != "" {
		s.systems = nil
	}
	s.askFor(app.Ports)
	for i, c := range app.Constraints {
		if err := s.constrain(c); err != nil {
			return nil, fmt.Errorf("place app %s: constraints[%d]: %w: %w", app.ID(), i, err, units.ErrInvalid)
		}
	}
	return s, nil
}

// askFor takes fixed ports first, so that no dynamic one is chosen in their place.
func (s *Spec) askFor(ports []units.Port) {
	for _, p := range ports {
		a := ask{name: p.Name, protocol: protocolOf(p.Protocol), port: p.Port}
		if p.Port == 0 || dynamicPort(p.Port) {
			s.dynamic[a.protocol]++
		}
		s.ports = append(s.ports, a)
	}
	slices.SortFunc(s.ports, func(a, b ask) int {
		return cmp.Or(cmp.Compare(min(b.port, 1), min(a.port, 1)), cmp.Compare(a.name, b.name))
	})
}

// ID returns the app that the spec is of.
func (s *Spec) ID() units.AppID { return s.id }

// Ready reports whether a unit in this state does its work: it is healthy where there are checks, and
// runs where there are none.
func (s *Spec) Ready(state units.State) bool {
	return state == units.StateHealthy || state == units.StateRunning && !s.checked
}
