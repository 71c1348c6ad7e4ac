package node

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop/looptest"
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

// settleBut does all that is due but one kind of work, which stays under way.
func (m *machine) settleBut(kind string) {
	m.t.Helper()
	for range 20 {
		m.Step()
		for _, task := range m.Exec.Waiting() {
			if task.Kind != kind {
				task.Run(looptest.Applied)
			}
		}
		m.Now = m.Now.Add(20 * time.Millisecond)
		m.systemd.Advance(m.Now)
	}
	if m.Exec.Find(kind, "") == nil {
		m.t.Fatalf("no %s is under way", kind)
	}
}

// What a daemon does not tell before the machine is gone is told of with the next boot, and until then the others
// believe that the unit runs.
func TestADaemonLeavesWhenItHasLookedOnceMoreAndAllIsTold(t *testing.T) {
	left := func(m *machine, want bool, when string) {
		t.Helper()
		if m.d.Left() != want {
			t.Errorf("%s: it has left: %v", when, !want)
		}
	}
	for _, kind := range []string{"list", "save", "report"} {
		t.Run("while a "+kind+" is under way it stays", func(t *testing.T) {
			m := newMachine(t)
			m.lease()
			id := m.assign("bound", singletonApp, units.DesiredRun)
			m.wantStatus(id, units.StateRunning, "")
			m.shutDown(id)
			m.d.Leave()
			m.settleBut(kind)
			left(m, false, kind)
			m.Advance(time.Second)
			left(m, true, "all is told")
			if s := m.status(id); s.State != units.StateStopped || s.Reason.Code != units.ReasonNodeShutdown {
				t.Errorf("told as %+v", s)
			}
		})
	}
	t.Run("while a unit is up it stays", func(t *testing.T) {
		m := newMachine(t)
		m.lease()
		id := m.assign("bound", singletonApp, units.DesiredRun)
		m.wantStatus(id, units.StateRunning, "")
		m.shutDown()
		m.d.Leave()
		m.Advance(10 * time.Second)
		left(m, false, "systemd has not stopped it yet")
		m.shutDown(id)
		m.Advance(10 * time.Second)
		left(m, true, "it is stopped")
	})
	t.Run("while a report is under way that is no more what is so, it stays", func(t *testing.T) {
		m := newMachine(t)
		m.lease()
		id := m.assign("bound", singletonApp, units.DesiredRun)
		m.wantStatus(id, units.StateRunning, "")
		m.shutDown(id)
		m.d.Leave()
		m.Advance(10 * time.Second)
		m.d.units[id].report.inFlight = true // and what the registry holds is what is wanted
		m.d.depart()
		left(m, false, "the report may land yet")
	})
	t.Run("what was listed before says nothing", func(t *testing.T) {
		m := newMachine(t)
		m.shutDown()
		m.Advance(time.Minute)
		m.d.Hint()
		m.Step() // a listing is under way
		m.d.Leave()
		m.Step()
		left(m, false, "the latest listing was taken before")
		m.Exec.Find("list", "").Run(looptest.Applied)
		m.Step()
		left(m, false, "the listing under way began before")
		m.Advance(time.Second)
		left(m, true, "it has looked once more")
	})
}

// silent is a systemd that does not say any more whether the machine goes down.
type silent struct{ Services }

func (silent) GoingDown(context.Context) (bool, error) { return false, errors.New("the bus is gone") }

func TestAShutdownThatWasSeenCountsWhenSystemdFallsSilent(t *testing.T) {
	for _, seen := range []bool{true, false} {
		m := newMachine(t)
		m.down = seen
		m.Advance(time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // it need not wait until all is told
		leave(ctx, m.d, silent{})
		m.Advance(time.Second)
		if m.d.Left() != seen {
			t.Errorf("it had seen the shutdown: %v; it leaves: %v", seen, m.d.Left())
		}
	}
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
