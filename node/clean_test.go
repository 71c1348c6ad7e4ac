package node

import (
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// All pages are swept, and a node writes no more for it than for its reports.
func TestEveryStaleStatusIsRemovedAFewASecond(t *testing.T) {
	m := newMachine(t)
	m.lease()
	id := m.assign("kept", keepApp, units.DesiredRun)
	m.wantStatus(id, units.StateRunning, "")
	const stale = cleanPage + 50
	for i := range stale {
		gone := units.UnitID{Namespace: "default", App: "gone", Slot: "0", Generation: 1, Attempt: units.Attempt(i + 1)}
		m.put(m.keys.Status("n1", gone), units.Status{State: units.StateStopped})
	}
	left := func() int {
		prefix := m.keys.Under(registry.KindStatus, "n1")
		r, err := m.memory.Range(t.Context(), registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
		if err != nil {
			t.Fatal(err)
		}
		return len(r.KVs)
	}
	for before := left(); before == left(); {
		m.Advance(time.Second)
		if m.Now.Boot > 2*time.Hour {
			t.Fatal("the sweep never began")
		}
	}
	for range 10 {
		before := left()
		m.Advance(time.Second)
		if n := before - left(); n > int(time.Second/writeEvery) {
			t.Fatalf("%d were removed in a second", n)
		}
	}
	m.Advance(2 * stale * writeEvery)
	m.Advance(cleanEvery)
	if n := left(); n != 1 {
		t.Errorf("%d are left", n)
	}
	m.wantStatus(id, units.StateRunning, "")
}
