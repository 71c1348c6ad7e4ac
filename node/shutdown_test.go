package node

import (
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

func (m *machine) endpoint(id units.UnitID) bool {
	m.t.Helper()
	r, err := m.memory.Range(m.t.Context(), registry.Range{Key: m.keys.Endpoint("n1", id)})
	if err != nil {
		m.t.Fatal(err)
	}
	return len(r.KVs) > 0
}

// shutDown has systemd stop everything, as it does before it stops the daemon.
func (m *machine) shutDown(all ...units.UnitID) {
	m.t.Helper()
	m.down = true
	for _, id := range all {
		if err := m.systemd.Stop(m.t.Context(), id); err != nil {
			m.t.Fatal(err)
		}
	}
}

func TestAMachineThatGoesDownSaysSoAndStartsWhatItKeepsWithTheNextBoot(t *testing.T) {
	m := newMachine(t)
	m.lease()
	kept, bound := m.assign("kept", keepApp, units.DesiredRun), m.assign("bound", singletonApp, units.DesiredRun)
	m.wantStatus(kept, units.StateRunning, "")
	m.wantRuns(bound, true)
	if !m.endpoint(kept) || !m.endpoint(bound) {
		t.Fatal("nothing is published")
	}
	if m.d.Left() {
		t.Fatal("the daemon has left before it was told to")
	}
	m.shutDown(kept, bound)
	m.Advance(time.Second)
	m.d.Leave()
	m.Advance(time.Second)
	if !m.d.Left() {
		t.Error("the daemon still has something to tell")
	}
	if s := m.status(kept); s.State != units.StateStarting || s.Reason.Code != units.ReasonNodeShutdown || s.PID != 0 {
		t.Errorf("the kept unit is told as %+v", s)
	}
	if s := m.status(bound); s.State != units.StateStopped || s.Reason.Code != units.ReasonNodeShutdown {
		t.Errorf("the bound unit is told as %+v", s)
	}
	if m.endpoint(kept) || m.endpoint(bound) {
		t.Error("an endpoint is left")
	}
	m.away = true
	m.bootUp()
	m.Advance(time.Minute)
	m.wantRuns(kept, true)
	m.wantRuns(bound, false)
}

func TestADaemonThatIsMerelyRestartedSaysNothing(t *testing.T) {
	m := newMachine(t)
	m.lease()
	id := m.assign("bound", singletonApp, units.DesiredRun)
	m.wantStatus(id, units.StateRunning, "")
	before := m.status(id)
	leave(t.Context(), m.d, m.d.o.Services)
	m.Advance(time.Second)
	m.restart()
	m.wantStatus(id, units.StateRunning, "")
	m.wantRuns(id, true)
	if after := m.status(id); after.Invocation != before.Invocation {
		t.Errorf("the unit is another: %+v, was %+v", after, before)
	}
}

func TestAShutdownThatIsGivenUpLetsWhatIsKeptStartAgain(t *testing.T) {
	m := newMachine(t)
	m.lease()
	kept := m.assign("kept", keepApp, units.DesiredRun)
	m.wantStatus(kept, units.StateRunning, "")
	m.shutDown(kept)
	m.wantStatus(kept, units.StateStarting, units.ReasonNodeShutdown)
	m.down = false
	m.wantStatus(kept, units.StateRunning, "")
}
