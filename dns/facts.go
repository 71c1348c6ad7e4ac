package dns

import (
	"net/netip"

	"github.com/nsched/nsched/dns/coredns"
	"github.com/nsched/nsched/dns/diff"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// Kinds are the kinds of keys that the view must hold whose sink a Syncer is. The key of the cluster is
// the one besides.
func Kinds() []registry.Kind {
	return []registry.Kind{
		registry.KindEndpoint, registry.KindUnit, registry.KindNode, registry.KindAlive, registry.KindApp,
		registry.KindGeneration, registry.KindName, registry.KindSkyDNS, registry.KindStatus, registry.KindFence,
	}
}

// facts is what the DNS depends on, as the view holds it.
type facts struct {
	keys    registry.Keys
	version int // rises with every change of what the DNS should say
	written int // and this with every change of what is written for CoreDNS

	cluster   string
	endpoints map[place]units.Endpoint
	assigned  map[place]bool // that is not told to stop
	nodes     map[units.NodeName][]netip.Addr
	alive     map[units.NodeName]bool
	up        map[place]units.State    // running or healthy, as the node said last
	tenures   map[units.NodeName]int64 // the latest of each node
	ended     map[units.NodeName]int64 // the latest tenure of each that is on record as over
	apps      map[units.AppID]intent
	specs     map[generation]*spec
	claims    map[string]units.AppID
	skydns    map[string]coredns.Held
	unread    map[string]registry.Key // keys whose value cannot be read
}

type place struct {
	node units.NodeName
	unit units.UnitID
}

type generation struct {
	app    units.AppID
	number units.Generation
}

type intent struct {
	units.Intent
	since int64 // create revision
}

type spec struct {
	diff.Spec
	system, checked bool
}

func newFacts(keys registry.Keys) *facts {
	return &facts{
		keys: keys, endpoints: map[place]units.Endpoint{}, assigned: map[place]bool{},
		nodes: map[units.NodeName][]netip.Addr{}, alive: map[units.NodeName]bool{},
		up: map[place]units.State{}, tenures: map[units.NodeName]int64{}, ended: map[units.NodeName]int64{},
		apps: map[units.AppID]intent{}, specs: map[generation]*spec{}, claims: map[string]units.AppID{},
		skydns: map[string]coredns.Held{}, unread: map[string]registry.Key{},
	}
}

// apply takes in a batch.
func (f *facts) apply(b registry.Batch) {
	for _, c := range b.Changes {
		key, err := f.keys.Parse(c.Key)
		if err != nil {
			continue // it is nobody's that we know
		}
		matters, err := f.change(key, c)
		if !matters {
			continue
		}
		if key.Kind == registry.KindSkyDNS {
			f.written++
			continue
		}
		f.version++
		if err != nil {
			f.unread[c.Key] = key
		} else {
			delete(f.unread, c.Key)
		}
	}
}

// change takes in one change. A value that cannot be read leaves what was known.
func (f *facts) change(key registry.Key, c registry.Change) (matters bool, err error) {
	at := place{key.Node, key.Unit}
	switch key.Kind {
	case registry.KindCluster:
		err = take(c, func(v units.Cluster) { f.cluster = v.ID }, func() { f.cluster = "" })
	case registry.KindEndpoint:
		err = take(c, func(v units.Endpoint) { f.endpoints[at] = v }, func() { delete(f.endpoints, at) })
	case registry.KindUnit:
		was := f.assigned[at]
		// What cannot be read may well be a unit that is meant to run.
		f.assigned[at] = true
		_ = take(c, func(v units.Assignment) {
			f.assigned[at] = v.Desired != units.DesiredStop
		}, func() { delete(f.assigned, at) })
		return was != f.assigned[at], nil
	case registry.KindStatus:
		return f.status(at, c), nil
	case registry.KindNode:
		err = take(c, func(v units.Node) { f.nodes[key.Node] = diff.Addresses(v.Addresses) }, func() { delete(f.nodes, key.Node) })
	case registry.KindAlive:
		if c.Deleted {
			delete(f.alive, key.Node)
			break
		}
		f.alive[key.Node], f.tenures[key.Node] = true, c.CreateRevision
	case registry.KindFence:
		was := f.lost(key.Node)
		_ = take(c, func(v units.Fence) { f.ended[key.Node] = v.Tenure }, func() { delete(f.ended, key.Node) })
		return was != f.lost(key.Node), nil
	case registry.KindApp:
		err = take(c, func(v units.Intent) { f.apps[key.App] = intent{v, c.CreateRevision} }, func() { delete(f.apps, key.App) })
	case registry.KindGeneration:
		err = f.document(generation{key.App, key.Generation}, c)
	case registry.KindName:
		err = take(c, func(v units.Claim) { f.claims[key.Name] = v.App }, func() { delete(f.claims, key.Name) })
	case registry.KindSkyDNS:
		if c.Deleted {
			delete(f.skydns, key.Path)
		} else {
			f.skydns[key.Path] = coredns.Held{Path: key.Path, Value: c.Value, ModRevision: c.ModRevision}
		}
	default:
		return false, nil
	}
	return true, err
}

// status takes in a node's word about a unit. One that cannot be read says nothing new.
func (f *facts) status(at place, c registry.Change) (matters bool) {
	was := f.up[at]
	_ = take(c, func(v units.Status) {
		if v.State == units.StateHealthy || v.State == units.StateRunning {
			f.up[at] = v.State
		} else {
			delete(f.up, at)
		}
	}, func() { delete(f.up, at) })
	return was != f.up[at]
}

// muted reports whether a unit without an endpoint was last said to be of use, and nobody has found its
// node lost.
func (f *facts) muted(at place) bool {
	if f.lost(at.node) {
		return false
	}
	s := f.specs[generation{at.unit.AppID(), at.unit.Generation}]
	return f.up[at] == units.StateHealthy || f.up[at] == units.StateRunning && s != nil && !s.checked
}

// lost reports whether it is on record that the node's latest tenure is over, and no later one began.
func (f *facts) lost(n units.NodeName) bool {
	return !f.alive[n] && f.ended[n] != 0 && f.ended[n] >= f.tenures[n]
}

// take decodes a change.
func take[T any](c registry.Change, put func(T), remove func()) error {
	if c.Deleted {
		remove()
		return nil
	}
	v, _, err := registry.Decode[T](c.Key, c.Value)
	if err == nil {
		put(v)
	}
	return err
}

// document reads what a generation says about the DNS. Documents never change, so one that was read is
// not read again.
func (f *facts) document(g generation, c registry.Change) error {
	if c.Deleted {
		delete(f.specs, g)
		return nil
	}
	if f.specs[g] != nil {
		return nil
	}
	s, _, err := registry.Decode[units.Submission](c.Key, c.Value)
	if err != nil {
		return err
	}
	app, err := units.ParseApp([]byte(s.Document))
	if err != nil {
		return err
	}
	f.specs[g] = &spec{Spec: diff.Spec{Records: app.DNS, Ports: app.Ports}, system: app.Type == units.TypeSystem, checked: app.HealthChecks.Any()}
	return nil
}

// fleet is the facts as package diff takes them.
func (f *facts) fleet() diff.Fleet {
	fleet := diff.Fleet{
		Ended: map[units.AppID]bool{}, Claims: f.claims, Since: map[units.AppID]int64{},
		Unclear: diff.Unclear{Apps: map[units.AppID]bool{}, Names: map[string]bool{}},
		Empty:   len(f.apps) == 0 && len(f.endpoints) == 0,
		Live:    make([]diff.Live, 0, len(f.endpoints)),
	}
	for at, e := range f.endpoints { // order-free: package diff sorts what comes of it
		l := diff.Live{Unit: at.unit, Node: at.node, Endpoint: e}
		if s := f.specs[generation{at.unit.AppID(), at.unit.Generation}]; s != nil {
			l.Spec = &s.Spec
		}
		fleet.Live = append(fleet.Live, l)
	}
	for at, runs := range f.assigned { // order-free: package diff makes a set of them
		if _, live := f.endpoints[at]; !live && runs {
			fleet.Silent = append(fleet.Silent, diff.Silent{
				Unit: at.unit, Addresses: f.nodes[at.node], Muted: f.muted(at),
			})
		}
	}
	for _, node := range sortedKeys(f.nodes) {
		if !f.alive[node] {
			fleet.Lost = append(fleet.Lost, f.nodes[node]...)
		}
	}
	for _, app := range sortedApps(f.apps) {
		i := f.apps[app]
		fleet.Since[app] = i.since
		s := f.specs[generation{app, i.Generation}]
		fleet.Ended[app] = i.Stopped || i.Count == 0 && s != nil && !s.system
	}
	for _, text := range sortedKeys(f.unread) {
		switch key := f.unread[text]; key.Kind {
		case registry.KindEndpoint:
			fleet.Unclear.Apps[key.Unit.AppID()] = true
		case registry.KindName:
			fleet.Unclear.Names[key.Name] = true
		case registry.KindNode:
			fleet.Unclear.Nodes = true
		}
	}
	return fleet
}
