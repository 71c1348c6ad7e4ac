package sim

import (
	"context"
	"fmt"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// Cluster is a whole cluster with somebody who uses it and somebody who watches.
type Cluster struct {
	*World
	Watchman *Watchman
}

// Size says how large a cluster is.
type Size struct{ Nodes, Schedulers, Apps int }

// NewCluster starts a cluster.
func NewCluster(ctx context.Context, seed uint64, trace *Trace, size Size) *Cluster {
	w := New(ctx, seed, trace)
	for i := range size.Nodes {
		w.AddNode(nodeName(i)).StartAll()
	}
	for i := range size.Schedulers {
		w.AddScheduler(schedulerName(i)).Start()
	}
	w.NewOperator()
	c := &Cluster{World: w, Watchman: w.Guarded()}
	w.met = c.met
	return c
}

// Standard is the run that every seed makes.
func Standard(ctx context.Context, seed uint64, trace *Trace) (*Cluster, error) {
	return Play(ctx, Draw(seed), trace)
}

// notSettled is how a run is told of that did not come to rest.
const notSettled = "not settled"

// machineFaultRate is how often a call of systemd or Nix fails while faults strike.
const machineFaultRate = 0.02

// Play makes the run that a schedule describes. prepare is done to the cluster before anything happens. The
// error says what was broken, or not as it should be in the end.
func Play(ctx context.Context, s Schedule, trace *Trace, prepare ...func(*Cluster)) (*Cluster, error) {
	c := NewCluster(ctx, s.Seed, trace, Size{Nodes: s.Nodes, Schedulers: s.Schedulers})
	c.MaxEvents = maxEvents
	for _, do := range prepare {
		do(c)
	}
	c.MachineFaults = machineFaultRate
	c.After(s.Rest.D(), func() { c.MachineFaults = 0 })
	for _, a := range s.Acts {
		c.Operator.Do(a)
	}
	for _, f := range s.Faults {
		c.Strike(f)
	}
	if err := c.Run(s.End.D()); err != nil {
		return c, err
	}
	if err := c.Watchman.Settled(c.Operator); err != nil {
		return c, fmt.Errorf("seed %d: "+notSettled+" %v after the last fault: %w", s.Seed, (s.End - s.Rest).D(), err)
	}
	if c.Watchman.Placed == 0 || len(c.Watchman.machines.ran) == 0 || len(s.Faults) > 0 && c.Trace.Kinds["strike"] == 0 {
		return c, fmt.Errorf("seed %d: nothing ran: %d units placed, %d faults", s.Seed, c.Watchman.Placed, c.Trace.Kinds["strike"])
	}
	return c, nil
}

// maxEvents is some ten times of what a standard run has.
const maxEvents = 5_000_000

// leading is the scheduler whose key leads in etcd, or nil.
func (w *World) leading() *Process {
	first, ok := w.leaderKey()
	if !ok {
		return nil
	}
	return w.leaderOf(first)
}

// leaderOf is the scheduler that a leader's key names, or nil.
func (w *World) leaderOf(first registry.KeyValue) *Process {
	leader, _, err := registry.Decode[units.Leader](first.Key, first.Value)
	if err != nil {
		return nil
	}
	return w.process(leader.Name + "/scheduler")
}

// leaderKey is the key that leads in etcd.
func (w *World) leaderKey() (first registry.KeyValue, ok bool) {
	prefix := Keys.Under(registry.KindLeader)
	r, err := w.Etcd.Range(w.ctx, registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
	if err != nil {
		return first, false
	}
	for _, kv := range r.KVs {
		if !ok || kv.CreateRevision < first.CreateRevision {
			first, ok = kv, true
		}
	}
	return first, ok
}

// followTenures remembers the latest tenure of every node, for whoever vouches that it is lost.
func (w *World) followTenures() {
	prefix := Keys.Under(registry.KindAlive)
	w.Etcd.Watch(w.ctx, registry.Watch{Key: prefix, End: registry.PrefixEnd(prefix), Revision: 1}, func(r registry.WatchResponse) {
		for _, c := range r.Changes {
			if key, err := Keys.Parse(c.Key); err == nil && !c.Deleted {
				w.tenures[key.Node] = c.CreateRevision
			}
		}
	})
}
