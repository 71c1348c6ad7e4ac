package sim

import (
	"slices"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// eventsOf returns the types of the events that a writer told, in order.
func eventsOf(t *testing.T, w *World, writer string) (types []string) {
	t.Helper()
	prefix := Keys.Under(registry.KindEvent, writer)
	r, err := w.Etcd.Range(t.Context(), registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range r.KVs {
		e, _, err := registry.Decode[units.Event](kv.Key, kv.Value)
		if err != nil || kv.Lease == 0 {
			t.Fatalf("%s on lease %x: %v", kv.Key, kv.Lease, err)
		}
		types = append(types, e.Type)
	}
	return types
}

func TestANodeTellsWhatHappensToItsUnits(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	hand(t, w, Keys.Clock(), units.Clock{N: 1, TimeMs: epoch.UnixMilli()})
	run := func(until time.Duration) {
		t.Helper()
		if err := w.Run(until); err != nil {
			t.Fatal(err)
		}
	}
	run(5 * time.Second)
	assign(t, w, n, 0, units.DesiredRun)
	run(10 * time.Second)
	started := eventsOf(t, w, "node.n1")
	if want := []string{units.UnitEvent(units.StateHealthy), units.EventEndpointPublished}; !slices.Equal(lastOf(started, 2), want) {
		t.Fatalf("%v", started)
	}
	hand(t, w, Keys.Clock(), units.Clock{N: 2, TimeMs: epoch.UnixMilli() + 10_000})
	n.Daemon.Kill()
	n.Daemon.Start()
	run(20 * time.Second)
	if again := eventsOf(t, w, "node.n1"); !slices.Equal(again, started) {
		t.Fatalf("a restart told\n%v after\n%v", again, started)
	}
	hand(t, w, Keys.Clock(), units.Clock{N: 3, TimeMs: epoch.UnixMilli() + 20_000})
	assign(t, w, n, 0, units.DesiredStop)
	run(30 * time.Second)
	if got := eventsOf(t, w, "node.n1"); !slices.Contains(got, units.EventEndpointWithdrawn) || !slices.Equal(lastOf(got, 1), []string{units.UnitEvent(units.StateStopped)}) {
		t.Fatalf("%v", got)
	}
}

func lastOf(list []string, n int) []string { return list[max(0, len(list)-n):] }

func TestAnOrphanIsToldOnce(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	hand(t, w, Keys.Clock(), units.Clock{N: 1, TimeMs: epoch.UnixMilli()})
	if err := w.Run(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	assign(t, w, w.Nodes()[0], 0, units.DesiredRun)
	if err := w.Run(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Etcd.Txn(t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpDelete, Key: Keys.Unit("n1", helloUnit(0))}}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Run(2 * time.Minute); err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, what := range eventsOf(t, w, "node.n1") {
		if what == units.EventUnitOrphaned {
			told++
		}
	}
	if told != 1 {
		t.Fatalf("told %d times: %v", told, eventsOf(t, w, "node.n1"))
	}
}

func TestTheLeaderTellsWhatItDecidedAndWhoIsLost(t *testing.T) {
	c := NewCluster(t.Context(), 1, NewTrace(nil), Size{Nodes: 3, Schedulers: 2})
	c.After(5*time.Second, func() { c.Operator.Submit(App(6), 3, 100) }) // its replacement is to stay
	c.After(20*time.Second, func() { c.Nodes()[0].PowerOff() })
	c.After(60*time.Second, func() { c.Nodes()[0].PowerOn() })
	c.After(80*time.Second, func() { hand(t, c.World, Keys.App(App(1)), map[string]any{"count": "many"}) })
	c.After(90*time.Second, func() { c.Operator.Stop(App(6)) })
	if err := c.Run(2 * time.Minute); err != nil {
		t.Fatal(err)
	}
	told := map[string]int{}
	for _, s := range c.Schedulers() {
		for _, what := range eventsOf(t, c.World, "scheduler."+s.Host().Name) {
			told[what]++
		}
	}
	for what, least := range map[string]int{
		units.EventTermBegan: 1, units.EventUnitPlaced: 4, units.EventUnitEvicted: 1, units.EventUnitDismissed: 3,
		units.EventNodeLost: 1, units.EventNodeReady: 1, units.EventBadKey: 1,
	} {
		if told[what] < least {
			t.Errorf("%s was told %d times, want %d", what, told[what], least)
		}
	}
	if told[units.EventBadKey] != 1 || told[units.EventTermBegan] != 1 {
		t.Errorf("%v", told)
	}
}
