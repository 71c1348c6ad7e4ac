package chaos

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// Event is one change in etcd, as a watch from outside saw it.
type Event struct {
	registry.Change
	Of   registry.Key // what the change's key says
	Seen time.Time    // when the first member told it
}

// told are the kinds whose every change is kept.
var told = []registry.Kind{
	registry.KindUnit, registry.KindLeader, registry.KindAlive, registry.KindApp, registry.KindCluster,
	registry.KindSkyDNS, registry.KindFence, registry.KindStatus,
}

// History is what happened in etcd, from a watch of each member: each tells everything in order, so what
// one of them has told is whole up to there, whichever member is stopped, cut off or gone.
type History struct {
	keys registry.Keys
	stop []func()

	mu     sync.Mutex
	rev    int64
	begun  int64 // the revision of what was read and not watched
	kv     map[string]registry.KeyValue
	events []Event
	gaps   []string // what nobody told
	moved  chan struct{}
}

// NewHistory begins to watch from the newest revision on; what is there is read before.
func NewHistory(ctx context.Context, c *cluster.Cluster) (*History, error) {
	h := &History{keys: c.Keys, kv: map[string]registry.KeyValue{}, moved: make(chan struct{})}
	prefix, end := c.Keys.Prefix(), registry.PrefixEnd(c.Keys.Prefix())
	r, err := c.Registry.Range(ctx, registry.Range{Key: prefix, End: end})
	if err != nil {
		return nil, err
	}
	h.rev, h.begun = r.Revision, r.Revision
	for _, kv := range r.KVs {
		h.note(registry.Change{KeyValue: kv}, time.Now())
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	h.stop = append(h.stop, cancel)
	for _, m := range c.Members {
		h.follow(life, m, registry.Watch{Key: prefix, End: end, Revision: r.Revision + 1})
	}
	return h, nil
}

// follow watches one member, and goes on from where the history is when that watch has ended: a member
// that was away for longer than its history reaches has told nothing meanwhile, but others have.
func (h *History) follow(ctx context.Context, m *cluster.Member, w registry.Watch) {
	done := make(chan struct{})
	go func() { // ends with Close
		defer close(done)
		for ctx.Err() == nil {
			ended := make(chan error, 1)
			watch := m.Registry.Watch(ctx, w, func(r registry.WatchResponse) {
				if r.Err != nil {
					select {
					case ended <- r.Err:
					default:
					}
					return
				}
				h.take(r.Changes)
			})
			select {
			case <-ctx.Done():
			case err := <-ended:
				h.mu.Lock()
				w.Revision = h.rev + 1
				h.gaps = append(h.gaps, m.Name+": "+err.Error())
				h.mu.Unlock()
				select {
				case <-ctx.Done():
				case <-time.After(time.Second):
				}
			}
			watch.Close()
		}
	}()
	h.stop = append(h.stop, func() { <-done })
}

// take adds what is new. All changes of a revision come at once.
func (h *History) take(changes []registry.Change) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.rev
	for _, c := range changes {
		if c.ModRevision <= before {
			continue // another member has told it
		}
		h.rev = max(h.rev, c.ModRevision)
		h.note(c, now)
	}
	if h.rev > before {
		close(h.moved)
		h.moved = make(chan struct{})
	}
}

// note keeps one change. The caller holds the lock, or is alone.
func (h *History) note(c registry.Change, now time.Time) {
	if c.Deleted {
		delete(h.kv, c.Key)
	} else {
		h.kv[c.Key] = c.KeyValue
	}
	key, err := h.keys.Parse(c.Key)
	if err == nil && slices.Contains(told, key.Kind) {
		h.events = append(h.events, Event{Change: c, Of: key, Seen: now})
	}
}

// Events returns what happened so far, in the order of revisions.
func (h *History) Events() []Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.events)
}

// Close ends the watches.
func (h *History) Close() {
	for _, f := range h.stop {
		f()
	}
}

// each calls f with every key of a kind that can be read, in no order.
func each[T any](h *History, kind registry.Kind, f func(registry.Key, registry.KeyValue, T)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, kv := range h.kv {
		k, err := h.keys.Parse(key)
		if err != nil || k.Kind != kind {
			continue
		}
		v, _, err := registry.Decode[T](key, kv.Value)
		if err == nil {
			f(k, kv, v)
		}
	}
}

// Placed is an assignment as it is now.
type Placed struct {
	Node   units.NodeName
	Create int64
	units.Assignment
}

// Assignments returns what is assigned now, by unit.
func (h *History) Assignments() map[units.UnitID]Placed {
	out := map[units.UnitID]Placed{}
	each(h, registry.KindUnit, func(k registry.Key, kv registry.KeyValue, a units.Assignment) {
		if old, ok := out[k.Unit]; !ok || old.Create < kv.CreateRevision {
			out[k.Unit] = Placed{k.Node, kv.CreateRevision, a}
		}
	})
	return out
}

// Leader returns the name of the scheduler that leads, and its term; empty is none.
func (h *History) Leader() (string, int64) {
	name, term := "", int64(0)
	each(h, registry.KindLeader, func(_ registry.Key, kv registry.KeyValue, l units.Leader) {
		if term == 0 || kv.CreateRevision < term {
			name, term = l.Name, kv.CreateRevision
		}
	})
	return name, term
}
