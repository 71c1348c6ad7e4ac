package node

import (
	"errors"
	"testing"
	"time"

	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
)

// ended has an app run, and end for good: its assignment is deleted.
func (m *machine) ended(id units.UnitID) {
	m.t.Helper()
	m.wantStatus(id, units.StateRunning, "")
	m.put(m.keys.Unit("n1", id), units.Assignment{Desired: units.DesiredStop, Tenure: m.place.Tenure})
	m.wantStatus(id, units.StateStopped, units.ReasonStopped)
	m.delete(m.keys.Unit("n1", id))
	m.Advance(time.Minute)
	if len(m.disk) > 0 || m.status(id).State != "" {
		m.t.Fatalf("it is still known: %+v", m.disk)
	}
}

// A unit was stopped, told of and forgotten; then etcd was restored from a snapshot in which it was to run,
// and the restore was accepted. It ran a second time.
func TestAnAttemptThatEndedIsNotStartedByARestoredEtcd(t *testing.T) {
	for name, between := range map[string]func(*machine){
		"its daemon lives":            func(*machine) {},
		"its daemon was restarted":    (*machine).restart,
		"its machine started again":   (*machine).bootUp,
		"and it is told so in time":   func(m *machine) { m.Advance(time.Hour) },
		"its daemon restarts at last": func(*machine) {},
	} {
		for app, document := range map[string]string{"kept": keepApp, "single": singletonApp} {
			t.Run(name+"/"+app, func(t *testing.T) {
				m := newMachine(t)
				m.lease()
				id := m.assign(app, document, units.DesiredRun)
				m.wantStatus(id, units.StateRunning, "")
				m.put(m.keys.Clock(), units.Clock{N: 2, TimeMs: 2})
				snapshot := m.memory.Snapshot()
				m.put(m.keys.Clock(), units.Clock{N: 9, TimeMs: 9})
				m.ended(id)
				m.memory.Restore(snapshot)
				between(m)
				m.Advance(time.Minute)
				m.wantRuns(id, false)
				m.put(m.keys.Cluster(), units.Cluster{ID: "c", Epoch: 2, Schema: 1}) // it is accepted
				m.Advance(time.Minute)
				if name == "its daemon restarts at last" {
					m.restart()
				}
				m.wantStatus(id, units.StateStopped, units.ReasonStopped)
				m.wantRuns(id, false)
			})
		}
	}
}

func TestAnAttemptNumberThatIsUsedAnewStarts(t *testing.T) {
	for name, change := range map[string]func(*machine){
		"in the same cluster": func(*machine) {},
		"in another cluster with the same revisions": func(m *machine) {
			for id, r := range m.past {
				r.Cluster, r.Revision = "another", m.memory.Revision()+2
				m.past[id] = r
			}
			m.restart()
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.lease()
			id := m.assign("kept", keepApp, units.DesiredRun)
			m.ended(id)
			if len(m.past) != 1 || m.past[id].Document != "" {
				t.Fatalf("remembered is %+v", m.past)
			}
			change(m)
			m.assign("kept", keepApp, units.DesiredRun)
			m.wantStatus(id, units.StateRunning, "")
			m.wantRuns(id, true)
		})
	}
}

// What a unit is remembered for is how the attempt before ended, not the one that is assigned while that is cleared
// away.
func TestAnAttemptThatIsAssignedWhileTheOneBeforeIsClearedAwayStarts(t *testing.T) {
	m := newMachine(t)
	m.lease()
	id := m.assign("one", singletonApp, units.DesiredRun)
	m.wantStatus(id, units.StateRunning, "")
	m.systemd.Die(id, systemd.Program{})
	m.systemd.Advance(m.Now)
	m.Advance(time.Minute)
	if s := m.status(id); !s.State.Terminal() {
		t.Fatalf("it is %+v", s)
	}
	m.delete(m.keys.Unit("n1", id))
	m.settleBut("reset")
	m.assign("one", singletonApp, units.DesiredRun)
	m.settleBut("reset")
	m.wantStatus(id, units.StateRunning, "")
	m.wantRuns(id, true)
}

func TestANodeRemembersTheLastAttemptsThatEnded(t *testing.T) {
	m := newMachine(t)
	m.Advance(time.Minute)
	unit := func(n int) *unit {
		id := units.UnitID{Namespace: "default", App: "a", Slot: "0", Generation: 1, Attempt: units.Attempt(n)}
		return &unit{rec: Record{Version: recordVersion, ID: id, Revision: int64(n), Ended: &converge.Ending{State: units.StateStopped}}}
	}
	for n := 1; n <= pastKept+2; n++ {
		if err := m.d.bury(unit(n))(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.d.bury(unit(1))(t.Context()); err != nil { // one that is older than all that are kept
		t.Fatal(err)
	}
	for what, kept := range map[string]map[units.UnitID]Record{"the daemon": m.d.past, "the disk": m.past} {
		_, second := kept[unit(2).rec.ID]
		_, third := kept[unit(3).rec.ID]
		if len(kept) != pastKept || second || !third {
			t.Errorf("%s remembers %d, the second: %v, the third: %v", what, len(kept), second, third)
		}
	}
}

// full is a disk that takes nothing more.
type full struct{ Records }

func (full) Save(Record) error { return errors.New("no space left on device") }

func TestTheOldestIsNotGivenUpForWhatTheDiskDoesNotTake(t *testing.T) {
	m := newMachine(t)
	m.Advance(time.Minute)
	bury := func(n int) error {
		id := units.UnitID{Namespace: "default", App: "a", Slot: "0", Generation: 1, Attempt: units.Attempt(n)}
		return m.d.bury(&unit{rec: Record{Version: recordVersion, ID: id, Revision: int64(n), Ended: &converge.Ending{State: units.StateStopped}}})(t.Context())
	}
	for n := 1; n <= pastKept; n++ {
		if err := bury(n); err != nil {
			t.Fatal(err)
		}
	}
	m.d.o.Past = full{m.d.o.Past}
	if err := bury(pastKept + 1); err == nil || len(m.past) != pastKept {
		t.Errorf("said %v; the disk remembers %d", err, len(m.past))
	}
}
