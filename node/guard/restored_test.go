package guard

import (
	"testing"
	"time"

	"github.com/nsched/nsched/units"
)

// A guard was cut off while etcd was restored and a person accepted that, and the new history came past what
// its views held of the old one: they went on there and never learned of the new epoch. It took each new tenure
// for one of another epoch and gave it up as soon as it was claimed, fifty times a second.
func TestARestoreThatHappenedWhileTheGuardWasCutOffIsNoticed(t *testing.T) {
	for name, away := range map[string]time.Duration{
		"the new history comes past the old one after the claim":  2 * time.Minute,
		"the new history comes past the old one before the claim": 0,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.put(w.keys.Cluster(), units.Cluster{ID: "c1", Epoch: 1, Schema: 1})
			w.begin()
			snapshot := w.etcd.Snapshot()
			for range 20 { // the history that is lost
				w.put(w.keys.Fence("n1"), units.Fence{Tenure: 1_000_000})
			}
			w.run(time.Second)
			w.cut = true
			w.run(20 * time.Second)
			w.etcd.Restore(snapshot)
			w.put(w.keys.Cluster(), units.Cluster{ID: "c1", Epoch: 2, Schema: 1})
			w.run(away)
			if away > 0 {
				w.cut = false
				w.until("a new tenure begins", func() bool { return w.claimed > 1 })
			}
			for range 40 {
				w.put(w.keys.Prefix()+"names/else", "the new history comes past the old one")
			}
			w.cut = false
			w.until("a new tenure is fresh", func() bool { return w.claimed > 1 && w.fresh() })
			w.run(time.Minute)
			if w.claimed != 2 || !w.fresh() || w.alive() != w.state().Tenure {
				t.Fatalf("%d claims, alive is %d, %+v", w.claimed, w.alive(), w.state())
			}
			w.put(w.keys.Fence("n1"), units.Fence{Tenure: w.state().Tenure})
			w.until("a fence of the new history is heard", func() bool { return w.claimed == 3 && w.fresh() })
		})
	}
}

// A guard kept its tenure over an outage that was shorter than its lease, in which etcd was restored, a person
// accepted that, and the new history came past the old one. It never learned of the new epoch, and nothing that is
// bound was assigned to its node any more.
func TestARestoreWithinTheLeaseIsNoticed(t *testing.T) {
	w := newWorld(t)
	w.put(w.keys.Cluster(), units.Cluster{ID: "c1", Epoch: 1, Schema: 1})
	w.begin()
	u := w.start("app", time.Second)
	snapshot := w.etcd.Snapshot()
	for range 20 { // the history that is lost
		w.put(w.keys.Fence("n1"), units.Fence{Tenure: 1_000_000})
	}
	w.run(time.Second)
	w.cut = true
	w.run(4 * time.Second)
	w.etcd.Restore(snapshot)
	w.put(w.keys.Cluster(), units.Cluster{ID: "c1", Epoch: 2, Schema: 1})
	for range 40 {
		w.put(w.keys.Prefix()+"names/else", "the new history comes past the old one")
	}
	w.cut = false
	w.until("a new tenure is fresh", func() bool { return w.claimed > 1 && w.fresh() })
	if u.running {
		t.Error("what was bound to the old one runs")
	}
	w.run(time.Minute)
	if w.claimed != 2 || !w.fresh() || w.alive() != w.state().Tenure {
		t.Fatalf("%d claims, alive is %d, %+v", w.claimed, w.alive(), w.state())
	}
	w.put(w.keys.Fence("n1"), units.Fence{Tenure: w.state().Tenure})
	w.until("a fence of the new history is heard", func() bool { return w.claimed == 3 && w.fresh() })
}

// The client took the watches up again by itself, in a history that was past theirs already: they told of the
// epoch before for ever.
func TestAPlaceThatContradictsTheClaimIsReadAnew(t *testing.T) {
	w := newWorld(t)
	w.put(w.keys.Cluster(), units.Cluster{ID: "c1", Epoch: 1, Schema: 1})
	w.begin()
	snapshot := w.etcd.Snapshot()
	for range 20 {
		w.put(w.keys.Prefix()+"names/else", "the history that is lost")
	}
	w.run(time.Second)
	w.etcd.Restore(snapshot)
	w.put(w.keys.Cluster(), units.Cluster{ID: "c1", Epoch: 2, Schema: 1})
	for range 40 {
		w.put(w.keys.Prefix()+"names/else", "the new history comes past the old one")
	}
	w.run(time.Second)
	w.remove(w.keys.Alive("n1"))
	w.until("a new tenure is fresh", func() bool { return w.claimed > 1 && w.fresh() })
	w.run(time.Minute)
	if w.claimed != 2 || !w.fresh() || w.alive() != w.state().Tenure {
		t.Fatalf("%d claims, alive is %d, %+v", w.claimed, w.alive(), w.state())
	}
}

// A snapshot that was taken between a lease and its claim renews the lease, and knows of no tenure. Its revisions are
// lower than the tenure.
func TestATenureThatARestoredEtcdNeverKnewIsGivenUp(t *testing.T) {
	w := newWorld(t)
	w.put(w.keys.Cluster(), units.Cluster{ID: "c1", Epoch: 1, Schema: 1})
	w.startGuard()
	w.aboutToClaim()
	snapshot := w.etcd.Snapshot()
	for range 20 {
		w.put(w.keys.Prefix()+"names/else", "the history that is lost")
	}
	w.until("it is fresh", w.fresh)
	w.run(time.Second)
	w.cut = true
	w.run(3 * time.Second)
	w.etcd.Restore(snapshot)
	w.cut = false
	w.until("a tenure that this etcd knows is fresh", func() bool { return w.claimed == 2 && w.fresh() && w.alive() == w.state().Tenure })
}
