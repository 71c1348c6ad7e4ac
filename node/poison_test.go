package node

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// Whatever somebody puts beside a healthy unit's keys, that unit runs on, is reported and can be stopped.
func TestAPoisonedKeyHarmsOnlyItsOwnUnit(t *testing.T) {
	huge := bytes.Repeat([]byte("x"), 1<<20)
	victim := units.UnitID{Namespace: "default", App: "victim", Slot: "0", Generation: 1, Attempt: 1}
	for _, c := range []struct {
		name string
		// poison does it; bad is how many keys of the node's own the daemon complains of.
		poison func(*machine)
		bad    int
	}{
		{"an assignment that is no JSON", func(m *machine) { m.put(m.keys.Unit("n1", victim), []byte("stop, please")) }, 1},
		{"an empty assignment", func(m *machine) { m.put(m.keys.Unit("n1", victim), []byte{}) }, 1},
		{"an assignment of bytes", func(m *machine) { m.put(m.keys.Unit("n1", victim), []byte{0, 0xff, 0xfe}) }, 1},
		{"an assignment that wants something unknown", func(m *machine) {
			m.put(m.keys.Unit("n1", victim), []byte(`{"v":1,"desired":"explode","tenure":1}`))
		}, 1},
		{"an assignment of a later version", func(m *machine) {
			m.put(m.keys.Unit("n1", victim), []byte(`{"v":99,"desired":"stop"}`))
		}, 1},
		{"an oversized assignment", func(m *machine) { m.put(m.keys.Unit("n1", victim), huge) }, 1},
		{"a key that names no unit", func(m *machine) { m.put(m.keys.Under(registry.KindUnit, "n1")+"what?", []byte("{}")) }, 1},
		{"a key below a unit's", func(m *machine) { m.put(m.keys.Unit("n1", victim)+"/x", []byte("{}")) }, 1},
		{"an assignment by hand without a tenure or a generation", func(m *machine) {
			m.put(m.keys.Unit("n1", victim), []byte(`{"v":1,"desired":"run"}`))
		}, 0},
		{"a generation that is no JSON", func(m *machine) {
			m.assign("victim", keepApp, units.DesiredRun)
			m.put(m.keys.Generation(victim.AppID(), 1), []byte("no"))
		}, 0},
		{"a generation whose document breaks the rules", func(m *machine) {
			m.assign("victim", `{"name":"APP","path":"/etc/passwd"}`, units.DesiredRun)
		}, 0},
		{"a generation of another app", func(m *machine) {
			m.assign("victim", keepApp, units.DesiredRun)
			m.put(m.keys.Generation(victim.AppID(), 1), units.Submission{Document: `{"name":"other","path":"` + testPath + `","command":["x"]}`})
		}, 0},
		{"an oversized generation", func(m *machine) {
			m.assign("victim", keepApp, units.DesiredRun)
			m.put(m.keys.Generation(victim.AppID(), 1), huge)
		}, 0},
		{"a status by another hand", func(m *machine) { m.put(m.keys.Status("n1", victim), []byte("fine")) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			m.lease()
			healthy, single := m.assign("healthy", keepApp, units.DesiredRun), m.assign("single", singletonApp, units.DesiredRun)
			m.wantStatus(healthy, units.StateRunning, "")
			before := []string{m.status(healthy).Invocation, m.status(single).Invocation}
			c.poison(m)
			m.Advance(2 * time.Minute)
			m.restart() // it is met again by a daemon that begins
			m.wantStatus(healthy, units.StateRunning, "")
			m.wantStatus(single, units.StateRunning, "")
			m.wantRuns(victim, false)
			if after := []string{m.status(healthy).Invocation, m.status(single).Invocation}; !slices.Equal(before, after) {
				t.Errorf("invocations were %v and are %v", before, after)
			}
			if got := m.d.Overview().BadKeys; len(got) != c.bad {
				t.Errorf("complains of %v", got)
			}
			if held := m.d.Overview().Held; held != "" {
				t.Errorf("holds: %s", held)
			}
			late := m.assign("late", keepApp, units.DesiredRun)
			m.put(m.keys.Unit("n1", healthy), units.Assignment{Desired: units.DesiredStop, Tenure: m.place.Tenure})
			m.wantStatus(healthy, units.StateStopped, units.ReasonStopped)
			m.wantRuns(late, true)
		})
	}
}

// A hand's key below units/<node>/ whose name says nothing was told of for ever after it was deleted.
func TestABadKeyThatIsDeletedIsToldOfNoMore(t *testing.T) {
	m := newMachine(t)
	m.lease()
	victim := units.UnitID{Namespace: "default", App: "victim", Slot: "0", Generation: 1, Attempt: 1}
	for _, key := range []string{
		m.keys.Under(registry.KindUnit, "n1") + "what?", m.keys.Unit("n1", victim) + "/x", m.keys.Unit("n1", victim),
		m.keys.Cluster(), m.keys.Clock(),
	} {
		before := m.there(key)
		m.put(key, []byte("x"))
		m.Advance(time.Second)
		if said := m.d.Overview().BadKeys; len(said) != 1 || said[key] == "" {
			t.Errorf("%s: it complains of %v", key, said)
		}
		if before.Value == nil {
			m.delete(key)
		} else {
			m.put(key, before.Value)
		}
		m.Advance(time.Second)
		if said := m.d.Overview().BadKeys; len(said) != 0 {
			t.Errorf("%s: it still complains of %v", key, said)
		}
	}
}

// An identity or a clock that cannot be read is not one that went back: what runs runs on and stops when
// it is told to, nothing new starts, and all is well once the key is.
func TestACorruptIdentityIsNoRegression(t *testing.T) {
	identity := units.Cluster{ID: "c", Epoch: 1, Schema: 1}
	for name, c := range map[string]struct{ key, poison string }{
		"an identity that is no JSON":  {"cluster", "mine"},
		"an identity without an id":    {"cluster", `{"v":1,"epoch":1}`},
		"an identity without an epoch": {"cluster", `{"v":1,"id":"c"}`},
		"a clock that is no number":    {"cluster/clock", `{"v":1,"n":"soon"}`},
		"a clock that says no number":  {"cluster/clock", `{"v":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.lease()
			healthy, single := m.assign("healthy", keepApp, units.DesiredRun), m.assign("single", singletonApp, units.DesiredRun)
			m.wantStatus(healthy, units.StateRunning, "")
			m.put(m.keys.Clock(), units.Clock{N: 1, TimeMs: 1})
			m.Advance(time.Second)
			m.put(m.keys.Prefix()+c.key, []byte(c.poison))
			m.Advance(time.Minute)
			m.restart()
			m.wantStatus(single, units.StateRunning, "")
			late := m.assign("late", keepApp, units.DesiredRun)
			m.put(m.keys.Unit("n1", healthy), units.Assignment{Desired: units.DesiredStop, Tenure: m.place.Tenure})
			m.wantStatus(healthy, units.StateStopped, units.ReasonStopped)
			m.wantStatus(late, units.StateAssigned, units.ReasonOffline)
			if o := m.d.Overview(); o.Held != "" || len(o.BadKeys) != 1 {
				t.Errorf("holds %q, complains of %v", o.Held, o.BadKeys)
			}
			m.put(m.keys.Cluster(), identity)
			m.put(m.keys.Clock(), units.Clock{N: 2, TimeMs: 2})
			m.wantStatus(late, units.StateRunning, "")
			m.wantRuns(single, true)
		})
	}
}
