package sim

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/nsched/nsched/scheduler"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// runningNow returns every unit that runs, and where.
func runningNow(w *World) map[units.UnitID]string {
	at := map[units.UnitID]string{}
	for _, n := range w.Nodes() {
		for _, id := range n.Running() {
			at[id] = n.Name
		}
	}
	return at
}

// etcd is restored from a snapshot that knows neither what was stopped since nor what was started, while
// processes die and come back. What is bound to no tenure runs on, what was stopped stays so, and nobody decides anything
// until an operator has looked.
func TestARestoredEtcdStopsNothingAndRestartsNothing(t *testing.T) {
	for seed := uint64(1); seed <= 12; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			c := NewCluster(t.Context(), seed, NewTrace(nil), Size{Nodes: 4, Schedulers: 2})
			run := func(until time.Duration) {
				t.Helper()
				if err := c.Run(until); err != nil {
					t.Fatal(err)
				}
			}
			c.After(5*time.Second, func() {
				c.Operator.Submit(App(0), 3, 100)
				c.Operator.Submit(App(3), 2, 100)
				c.Operator.Submit(App(4), 2, 100)
			})
			run(25 * time.Second)
			snapshot := c.Etcd.Snapshot()
			c.Operator.Stop(App(0))
			c.Operator.Scale(App(3), 4)
			c.Operator.Submit(App(4), 3, 200)
			c.Operator.Submit(App(6), 2, 100)
			run(100 * time.Second)
			if err := c.Watchman.Settled(c.Operator); err != nil {
				t.Fatal(err)
			}
			before := runningNow(c.World)

			away := time.Duration(seed%3) * 20 * time.Second // 0: a proxy's clients never notice
			if away > 0 {
				c.Net.EtcdStop()
				run(100*time.Second + away)
			}
			c.Etcd.Restore(snapshot)
			if away > 0 {
				c.Net.EtcdStart()
			}
			c.Always("nothing changes", func(w *World) error {
				if now := runningNow(w); !maps.Equal(now, before) {
					return fmt.Errorf("runs %v, ran %v", now, before)
				}
				return nil
			})
			for i, p := range c.Processes() {
				if i%2 == int(seed%2) {
					c.After(c.Uniform(0, time.Minute), func() { p.Kill(); p.Start() })
				}
			}
			run(7 * time.Minute)
			for _, p := range c.Schedulers() {
				if o := p.Shell().(*scheduler.Scheduler).Overview(); o.Leading || len(o.Problems) == 0 {
					t.Errorf("%s leads: %v, problems %q", p.Name, o.Leading, o.Problems)
				}
			}
			for _, n := range c.Nodes() {
				if why := n.nodeSeen.kept.Held; why == "" {
					t.Errorf("%s believes what was restored", n.Name)
				}
			}
		})
	}
}

// raise is what an operator does who accepts the registry as it is now.
func raise(t *testing.T, w *World) {
	t.Helper()
	key := Keys.Cluster()
	r, err := w.Etcd.Range(t.Context(), rangeOf(key))
	if err != nil || len(r.KVs) != 1 {
		t.Fatalf("%v %v", r.KVs, err)
	}
	c, _, err := registry.Decode[units.Cluster](key, r.KVs[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	c.Epoch++
	hand(t, w, key, c)
}

func TestAClusterGoesOnWhenTheRestoreIsAccepted(t *testing.T) {
	c := NewCluster(t.Context(), 1, NewTrace(nil), Size{Nodes: 3, Schedulers: 2})
	c.After(5*time.Second, func() { c.Operator.Submit(App(0), 2, 100) })
	if err := c.Run(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	snapshot := c.Etcd.Snapshot()
	// What is started from now on, the snapshot does not know: orphans once it is accepted, and they stayed,
	// since their assignments had gone while nothing was believed.
	c.Operator.Scale(App(0), 3)
	if err := c.Run(60 * time.Second); err != nil {
		t.Fatal(err)
	}
	c.Etcd.Restore(snapshot)
	if err := c.Run(2 * time.Minute); err != nil {
		t.Fatal(err)
	}
	raise(t, c.World)
	c.Operator.Scale(App(0), 4)
	if err := c.Run(4 * time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := c.Watchman.Settled(c.Operator); err != nil {
		t.Fatal(err)
	}
}

// A daemon and a scheduler sleep through a restore, its acceptance, and as many writes as take the new
// history past the old one's revision. Their watches go on as if nothing had been. The daemon kept a unit
// that only the old history knew, and its root; the scheduler would have waited for it.
func TestWhoeverSleptThroughARestoreReadsEverythingAnew(t *testing.T) {
	for seed := uint64(1); seed <= 4; seed++ {
		c := NewCluster(t.Context(), seed, NewTrace(nil), Size{Nodes: 3, Schedulers: 2})
		run := func(until time.Duration) {
			t.Helper()
			if err := c.Run(until); err != nil {
				t.Fatal(err)
			}
		}
		c.After(5*time.Second, func() { c.Operator.Submit(App(0), 3, 100) })
		run(30 * time.Second)
		snapshot := c.Etcd.Snapshot()
		for _, n := range c.Nodes() {
			n.Daemon.Pause()
		}
		c.leading().Pause()
		run(31 * time.Second)
		c.Operator.Submit(App(4), 5, 100)
		run(50 * time.Second)
		high := c.Etcd.Revision()
		c.Etcd.Restore(snapshot)
		raise(t, c.World)
		c.Operator.forget(memory{want: map[units.AppID]units.Intent{App(0): {Generation: 1, Count: 3}}, nodes: map[units.NodeName]units.Operator{}})
		run(2 * time.Minute)
		for c.Etcd.Revision() <= high {
			hand(t, c.World, Keys.App(App(0)), units.Intent{Generation: 1, Count: 3})
		}
		for _, p := range c.Processes() {
			p.Resume()
		}
		run(6 * time.Minute)
		if err := c.Watchman.Settled(c.Operator); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}
