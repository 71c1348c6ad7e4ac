package guard

import (
	"fmt"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// sighting is the latest that the guard saw of its own place: alive/<node> and the cluster's key.
type sighting struct {
	any      bool  // it was seen since the tenure began or was adopted
	revision int64 // that it was seen at
	regress  bool  // etcd went back: revisions say nothing about the tenure any more
	alive    int64 // create revision of alive/<node>; 0: it is not there
	doubted  bool  // it is of another history, perhaps: what is read anew is waited for
	known    bool  // whether the cluster's key was there and could be read
	cluster  units.Cluster
}

// placeSink is where the view of the guard's own place is applied.
type placeSink struct{ g *Guard }

// Apply implements registry.Sink. A cluster's key that is gone or unreadable says nothing.
func (s placeSink) Apply(b registry.Batch) {
	g := s.g
	g.seen.doubted = g.seen.doubted && !b.Relisted
	g.seen.any, g.seen.revision = !g.seen.doubted, b.Revision
	g.seen.regress = g.seen.regress || b.Regressed
	for _, c := range b.Changes {
		switch {
		case c.Key == g.o.Keys.Alive(g.o.Node):
			g.seen.alive = 0
			if !c.Deleted {
				g.seen.alive = c.CreateRevision
			}
		case !c.Deleted:
			v, _, err := registry.Decode[units.Cluster](c.Key, c.Value)
			if err != nil {
				g.o.Logger.Warn().Err(err).Msg("the cluster's key could not be read and says nothing")
				continue
			}
			g.seen.known, g.seen.cluster = true, v
		}
	}
}

// contradicts reports whether what was seen of the place cannot be what the claim of the present tenure has
// just found: a view that went on behind what it held, in a restored etcd, never learns what was changed there
// before. It would end this tenure and every later one.
func (s *sighting) contradicts(tenure int64, born units.Cluster) bool {
	return s.revision >= tenure && s.alive != tenure || s.known && !sameCluster(s.cluster, born)
}

// sameCluster reports whether a tenure that began in one goes on in the other.
func sameCluster(a, b units.Cluster) bool { return a.ID == b.ID && a.Epoch == b.Epoch }

// reread reads the fence and the place anew, and takes nothing for the place until then.
func (g *Guard) reread() {
	g.seen.doubted = true
	g.reload()
}

// reload reads the fence and the place anew.
func (g *Guard) reload() {
	g.fence.Reload()
	g.place.Reload()
}

// displaced says why the tenure is not what etcd says any more, if so. What was seen before the tenure
// began says nothing about it.
//
// A new id or epoch is another cluster, or one that was restored: everything that was decided about this
// tenure may have been undone. Without alive/<node> the others take this node for lost, whatever its
// lease.
func (g *Guard) displaced() (units.Reason, bool) {
	s := &g.seen
	// A tenure that was adopted began before anything was seen: a revision below it says that etcd went back.
	if !s.any || s.revision < g.tenure && !s.regress && !g.adopted {
		return units.Reason{}, false
	}
	if s.alive != g.tenure {
		return units.Reason{Code: reasonTaken, Message: fmt.Sprintf("%s is not this guard's any more", g.o.Keys.Alive(g.o.Node))}, true
	}
	if !s.known {
		return units.Reason{}, false
	}
	if g.born.ID == "" {
		// The tenure is older than the cluster's first scheduler.
		g.born = s.cluster
		g.save()
	}
	if !sameCluster(s.cluster, g.born) {
		return units.Reason{Code: reasonCluster, Message: fmt.Sprintf("the cluster is %s, epoch %d; the tenure began in %s, epoch %d",
			s.cluster.ID, s.cluster.Epoch, g.born.ID, g.born.Epoch)}, true
	}
	return units.Reason{}, false
}
