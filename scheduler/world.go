package scheduler

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// world is the cluster as the view holds it, decoded, with what has changed since the last plan. It is
// the sink of the view.
type world struct {
	keys registry.Keys
	log  zerolog.Logger

	revision  int64
	regressed bool
	rereading bool // everything is being read anew for that
	cluster   held[units.Cluster]
	clock     held[units.Clock]
	// epochSince is the revision of the cluster that was first seen at the cluster time epochSeenMs.
	epochSince, epochSeenMs int64

	nodes    map[units.NodeName]*nodeFacts
	apps     map[units.AppID]*appFacts
	units    map[unitKey]*placement.Unit
	extras   map[unitKey]registry.Extra // of assignments that hold something unknown
	bad      map[string]string
	newlyBad []string // since the last pass

	claims  map[string]held[units.Claim]
	namedBy map[string]map[units.AppID]bool // the apps with a generation that wants the name
	unitsOn map[units.NodeName]int
	robbed  map[units.AppID]bool // apps of which something has gone without a word, as of the last feed; see slots.go

	losses     int // 1 and how often a node was lost: what was asked before the latest says nothing of it
	dirtyNodes map[units.NodeName]bool
	dirtyApps  map[units.AppID]bool
	dirtyUnits map[unitKey]bool
}

// held is a value with the revision of its key; 0 when there is none.
type held[T any] struct {
	value T
	extra registry.Extra
	rev   int64
	bad   bool // what is there now cannot be read; value is what was there before, if anything
}

type unitKey struct {
	node units.NodeName
	id   units.UnitID
}

func (k unitKey) compare(other unitKey) int {
	if c := k.id.Compare(other.id); c != 0 {
		return c
	}
	if k.node < other.node {
		return -1
	} else if k.node > other.node {
		return 1
	}
	return 0
}

func newWorld(keys registry.Keys, log zerolog.Logger) *world {
	return &world{
		keys: keys, log: log,
		nodes: map[units.NodeName]*nodeFacts{}, apps: map[units.AppID]*appFacts{},
		units: map[unitKey]*placement.Unit{}, extras: map[unitKey]registry.Extra{}, bad: map[string]string{},
		claims: map[string]held[units.Claim]{}, namedBy: map[string]map[units.AppID]bool{}, unitsOn: map[units.NodeName]int{}, robbed: map[units.AppID]bool{},
		losses: 1, dirtyNodes: map[units.NodeName]bool{}, dirtyApps: map[units.AppID]bool{}, dirtyUnits: map[unitKey]bool{},
	}
}

// viewed are the kinds of keys that a scheduler and its names look at. Events, audit records and
// closures' contents are read when they are wanted.
var viewed = []registry.Kind{
	registry.KindApp, registry.KindGeneration, registry.KindRollout, registry.KindSlots, registry.KindSummary,
	registry.KindUnit, registry.KindStatus, registry.KindNode, registry.KindAlive, registry.KindAgent,
	registry.KindOperator, registry.KindFence, registry.KindEndpoint, registry.KindName, registry.KindSkyDNS,
}

// Apply implements registry.Sink.
func (w *world) Apply(b registry.Batch) {
	w.revision = b.Revision
	if b.Regressed || w.rereading && b.Relisted {
		for _, n := range w.nodes { // order-free: each node for itself
			n.told = 0
		}
		defer w.forgetFailures()
		defer w.forgetTenures()
	}
	if b.Regressed {
		w.regressed = !w.rereading
	}
	w.rereading = w.rereading && !b.Relisted
	for _, c := range b.Changes {
		key, err := w.keys.Parse(c.Key)
		if err != nil && key.Kind != registry.KindUnknown {
			if c.Deleted {
				err = nil // whatever its name meant
			}
			w.note(c.Key, err)
			continue
		}
		w.note(c.Key, w.change(key, c))
	}
}

// forgetTenures drops what is remembered of tenures that are over: after a restore revisions begin anew from
// an older one, and cannot be compared with those of before.
func (w *world) forgetTenures() {
	for name, n := range w.nodes { // order-free: each node for itself
		if !n.alive {
			n.tenure = 0
			w.dirtyNodes[name] = true
		}
	}
}

// note remembers what is wrong with a key, or that nothing is.
func (w *world) note(key string, err error) {
	if err == nil {
		delete(w.bad, key)
		return
	}
	if _, known := w.bad[key]; !known {
		w.newlyBad = append(w.newlyBad, key)
	}
	w.bad[key] = err.Error()
	w.log.Warn().Err(err).Msg("a key cannot be read and changes nothing")
}

// change applies one change. An error says that the value cannot be read; what was known of it stays,
// as far as placement has a use for it.
func (w *world) change(key registry.Key, c registry.Change) error {
	switch key.Kind {
	case registry.KindCluster:
		return w.cluster.take(c)
	case registry.KindClock:
		return w.clock.take(c)
	case registry.KindNode, registry.KindAlive, registry.KindAgent, registry.KindOperator, registry.KindFence:
		w.dirtyNodes[key.Node] = true
		if key.Kind == registry.KindAlive && c.Deleted {
			w.losses++
		}
		return w.node(key.Node).change(key.Kind, c)
	case registry.KindApp, registry.KindGeneration, registry.KindRollout, registry.KindSlots, registry.KindSummary:
		if key.Kind != registry.KindSummary {
			w.dirtyApps[key.App] = true
		}
		a := w.app(key.App)
		err := a.change(key, c)
		if key.Kind == registry.KindGeneration && !c.Deleted {
			w.names(key.App, a.generations[key.Generation])
		}
		return err
	case registry.KindName:
		return w.claim(key.Name, c)
	case registry.KindUnit, registry.KindStatus:
		return w.unit(unitKey{key.Node, key.Unit}, key.Kind, c)
	}
	return nil
}

// take decodes a change into what is held. A value that cannot be read leaves it as it was.
func (h *held[T]) take(c registry.Change) error {
	if c.Deleted {
		*h = held[T]{}
		return nil
	}
	v, extra, err := registry.Decode[T](c.Key, c.Value)
	if err != nil {
		h.rev, h.bad = c.ModRevision, true // whoever writes it next compares what is there
		return err
	}
	*h = held[T]{value: v, extra: extra, rev: c.ModRevision}
	return nil
}

func (w *world) unit(k unitKey, kind registry.Kind, c registry.Change) error {
	u := w.units[k]
	if u == nil {
		u = &placement.Unit{Node: k.node, ID: k.id}
		w.units[k] = u
		w.unitsOn[k.node]++
		w.app(k.id.AppID()).addUnit(k)
	}
	w.dirtyUnits[k] = true
	w.dirtyApps[k.id.AppID()] = true
	if w.nodes[k.node] == nil {
		// Nothing else is left of its node: it was forgotten, and maybe before this scheduler began.
		w.node(k.node)
		w.dirtyNodes[k.node] = true
	}
	var err error
	if kind == registry.KindUnit {
		u.Assignment, u.CreateRev, u.ModRev, u.Problem = units.Assignment{}, 0, 0, units.Reason{}
		delete(w.extras, k)
		if c.Deleted {
			w.app(k.id.AppID()).unrecorded(k.id)
		} else {
			var extra registry.Extra
			u.CreateRev, u.ModRev = c.CreateRevision, c.ModRevision
			if u.Assignment, extra, err = registry.Decode[units.Assignment](c.Key, c.Value); err != nil {
				u.Problem = units.Reason{Code: units.ReasonUndecodable, Message: err.Error()}
			} else if !extra.IsZero() {
				w.extras[k] = extra
			}
			w.node(k.node).heard(u.Assignment.Tenure, c.ModRevision)
		}
	} else {
		u.Status, u.StatusRev = units.Status{}, 0
		if !c.Deleted {
			u.StatusRev = c.ModRevision
			if u.Status, _, err = registry.Decode[units.Status](c.Key, c.Value); err != nil {
				u.Status = units.Status{}
			}
			w.node(k.node).heard(u.Status.Tenure, c.ModRevision)
			if u.Status.State.Terminal() && u.Status.Reason.Code == units.ReasonPortBusy && u.Status.Assignment == u.CreateRev {
				w.portsBusy(u)
			}
		}
	}
	if u.CreateRev == 0 && u.StatusRev == 0 {
		delete(w.units, k)
		if w.unitsOn[k.node]--; w.unitsOn[k.node] == 0 {
			delete(w.unitsOn, k.node)
		}
		w.app(k.id.AppID()).removeUnit(k)
	}
	return err
}

// unitsOf returns the app's units in order.
func (w *world) unitsOf(id units.AppID) []placement.Unit {
	a := w.apps[id]
	list := make([]placement.Unit, 0, len(a.units))
	for _, k := range a.units {
		list = append(list, *w.units[k])
	}
	return list
}

// feed hands to placement what has changed since the last time, and returns the apps it was about.
func (w *world) feed(s *placement.State) []units.AppID {
	for _, k := range slices.SortedFunc(maps.Keys(w.dirtyUnits), unitKey.compare) {
		if u := w.units[k]; u != nil {
			s.PutUnit(*u)
		} else {
			s.RemoveUnit(k.node, k.id)
		}
	}
	changed := slices.SortedFunc(maps.Keys(w.dirtyApps), units.AppID.Compare)
	for _, id := range changed {
		if a := w.apps[id]; a != nil && a.empty() {
			s.RemoveApp(id)
			delete(w.apps, id)
			delete(w.robbed, id)
		} else if a != nil {
			w.refuse(id, a)
			s.PutApp(a.placement(id))
			if delete(w.robbed, id); len(a.gone) > 0 {
				w.robbed[id] = true
			}
		}
	}
	s.PutEpoch(w.epoch())
	clear(w.dirtyUnits)
	clear(w.dirtyApps)
	return changed
}

// errUnsupported: a stored document asks for what this version does not do.
var errUnsupported = errors.New("not supported yet")

// compile reads a stored document byte for byte, as the node that starts it will.
func compile(id units.AppID, s units.Submission) (units.App, *placement.Spec, error) {
	doc := units.ReadApp([]byte(s.Document))
	if err := doc.Err(); err != nil {
		if len(doc.Problems) == 0 {
			err = fmt.Errorf("%w: %w", errUnsupported, err)
		}
		return units.App{}, nil, err
	}
	if doc.App.ID() != id {
		return units.App{}, nil, fmt.Errorf("the document is of %s: %w", doc.App.ID(), units.ErrInvalid)
	}
	spec, err := placement.Compile(doc.App)
	return doc.App, spec, err
}
