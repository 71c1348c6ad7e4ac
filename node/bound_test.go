package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nsched/nsched/node/guard"
	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
)

func TestABoundUnitStartsInTheTenureItWasAssignedInWithItsFenceToken(t *testing.T) {
	m := newMachine(t)
	m.lease()
	id := m.assign("one", singletonApp, units.DesiredRun)
	created := m.memory.Revision()
	m.wantStatus(id, units.StateRunning, "")
	m.wantRuns(id, true)
	r := m.started[id]
	if r.Tenure != m.place.Tenure || r.Guard != "/run/g.sock" {
		t.Errorf("the shim is to ask %q about tenure %d", r.Guard, r.Tenure)
	}
	if want := fmt.Sprintf("NSCHED_FENCE_TOKEN=%d", units.FenceToken(1, created)); !slices.Contains(r.Env, want) {
		t.Errorf("%s is not in %v", want, r.Env)
	}
	want := units.Bound{Unit: id, Tenure: m.place.Tenure, StopTimeout: 10 * time.Second}
	if list, err := m.systemd.Bounds().List(); err != nil || !slices.Equal(list, []units.Bound{want}) {
		t.Errorf("noted as %+v, %v", list, err)
	}
}

func TestABoundUnitWhoseTenureIsOverNeverStarts(t *testing.T) {
	m := newMachine(t)
	id := m.assign("one", singletonApp, units.DesiredRun)
	m.claim()
	m.wantStatus(id, units.StateFailed, units.ReasonTenureOver)
	m.wantRuns(id, false)
}

// The guard's last answer is up to a second old, and the view of the assignments older than that.
func TestABoundUnitIsNotStartedOnWhatIsOnlyRemembered(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*machine, units.UnitID)
		code   string
	}{
		{"the tenure has ended since", func(m *machine, _ units.UnitID) { m.delete(m.keys.Alive("n1")) }, units.ReasonTenureLost},
		{"the guard has given the tenure up since", func(m *machine, _ units.UnitID) { m.d.place.Tenure = 0 }, units.ReasonTenureLost},
		{"another tenure has begun since", func(m *machine, _ units.UnitID) {
			m.delete(m.keys.Alive("n1"))
			m.put(m.keys.Alive("n1"), units.Alive{})
		}, units.ReasonTenureOver},
		{"the assignment is gone", func(m *machine, id units.UnitID) { m.delete(m.keys.Unit("n1", id)) }, units.ReasonOffline},
		{"the assignment cannot be read", func(m *machine, id units.UnitID) { m.put(m.keys.Unit("n1", id), []byte("{")) }, units.ReasonUndecodable},
		{"the assignment is another", func(m *machine, id units.UnitID) {
			m.delete(m.keys.Unit("n1", id))
			m.put(m.keys.Unit("n1", id), units.Assignment{Desired: units.DesiredRun, Tenure: m.place.Tenure})
		}, units.ReasonOffline},
		{"the assignment names another tenure", func(m *machine, id units.UnitID) {
			m.put(m.keys.Unit("n1", id), units.Assignment{Desired: units.DesiredRun, Tenure: m.place.Tenure + 1})
		}, units.ReasonOffline},
		{"the assignment says less than it did", func(m *machine, id units.UnitID) {
			m.put(m.keys.Unit("n1", id), units.Assignment{Desired: units.DesiredStage, Tenure: m.place.Tenure})
		}, units.ReasonOffline},
		{"it is to stop", func(m *machine, id units.UnitID) {
			m.put(m.keys.Unit("n1", id), units.Assignment{Desired: units.DesiredStop, Tenure: m.place.Tenure})
		}, ""},
		{"the cluster is another", func(m *machine, _ units.UnitID) { m.put(m.keys.Cluster(), units.Cluster{ID: "d", Epoch: 1}) }, units.ReasonOffline},
		{"the epoch was raised", func(m *machine, _ units.UnitID) { m.put(m.keys.Cluster(), units.Cluster{ID: "c", Epoch: 2}) }, units.ReasonOffline},
		{"the cluster is missing", func(m *machine, _ units.UnitID) { m.delete(m.keys.Cluster()) }, units.ReasonOffline},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			m.Advance(10 * time.Second)
			id := m.assign("one", singletonApp, units.DesiredRun)
			for m.Exec.Find("admit", "") == nil {
				m.Step()
				for _, task := range m.Exec.Waiting() {
					if task.Kind != "admit" {
						task.Run(0)
					}
				}
			}
			m.deaf = true
			c.change(m, id)
			m.Exec.Find("admit", "").Run(0)
			m.d.o.Mail.Apply(m.Now)
			u := m.d.units[id]
			if u.admission.token != 0 || u.launch.Failure.Code != c.code {
				t.Errorf("admitted as %+v, put off with %s; want %s", u.admission, u.launch.Failure, c.code)
			}
			m.wantRuns(id, false)
		})
	}
}

// mute is a guard that does not answer.
type mute struct{}

func (mute) State(context.Context) (guard.State, error) {
	return guard.State{}, errors.New("connection refused")
}

// Its shim would be told no, and its attempt be over.
func TestABoundUnitWaitsWhileItsGuardDoesNotVouchForTheNode(t *testing.T) {
	for name, change := range map[string]func(*machine){
		"it is not fresh":                func(m *machine) { m.fresh = false },
		"it gives the tenure up":         func(m *machine) { m.place.Phase = guard.PhaseReleasing },
		"it does not answer":             func(m *machine) { m.d.o.Guard = mute{} },
		"the tenure is known to be over": func(m *machine) { m.d.lost = m.place.Tenure },
		"it knows of no tenure so late":  func(m *machine) { m.place.Tenure-- },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.lease()
			m.Advance(10 * time.Second)
			assigned := m.place.Tenure
			change(m)
			m.Advance(guardEvery)
			was := m.place.Tenure
			m.place.Tenure = assigned
			id := m.assign("one", singletonApp, units.DesiredRun)
			m.place.Tenure = was
			m.Advance(3 * time.Second)
			if u := m.d.units[id]; u.launches > 0 || u.admission.token != 0 {
				t.Errorf("it was asked about: %d times put off, admitted as %+v", u.launches, u.admission)
			}
			if s := m.status(id); s.State != units.StateAssigned || s.Reason.Code != units.ReasonTenureLost {
				t.Errorf("it is %s (%s)", s.State, s.Reason)
			}
			if _, started := m.started[id]; started {
				t.Error("it was started")
			}
		})
	}
}

// Leave to start is for one start: the next reads anew what may have changed since.
func TestABoundUnitWhoseStartFailedIsAskedAboutAgain(t *testing.T) {
	m := newMachine(t)
	m.Advance(10 * time.Second)
	m.systemd.FailNotes(true)
	id := m.assign("one", singletonApp, units.DesiredRun)
	for range 100 {
		if u := m.d.units[id]; u != nil && u.launches == 1 {
			break
		}
		m.Advance(20 * time.Millisecond)
	}
	if u := m.d.units[id]; u == nil || u.launches != 1 || u.admission.token != 0 {
		t.Fatalf("its start is %+v", u)
	}
	m.systemd.FailNotes(false)
	m.deaf = true
	m.delete(m.keys.Alive("n1"))
	m.Advance(admittedFor - time.Second)
	m.wantRuns(id, false)
}

// Leave to start is for a moment: the disk may take as long as it likes to write down that the unit is started.
func TestABoundUnitIsAskedAboutAgainWhenTheDiskTookLong(t *testing.T) {
	m := newMachine(t)
	m.Advance(10 * time.Second)
	id := m.assign("one", singletonApp, units.DesiredRun)
	until := func(kind string) {
		t.Helper()
		for m.Exec.Find(kind, "") == nil {
			m.Step()
			for _, task := range m.Exec.Waiting() {
				if task.Kind != kind {
					task.Run(0)
				}
			}
		}
	}
	until("admit")
	m.Exec.Find("admit", "").Run(0)
	until("save")
	m.Now = m.Now.Add(admittedFor)
	m.deaf = true
	m.delete(m.keys.Alive("n1"))
	m.Advance(2 * admittedFor)
	m.wantRuns(id, false)
	if u := m.d.units[id]; u.admission.token != 0 || u.launch.Failure.Code != units.ReasonTenureLost {
		t.Errorf("admitted as %+v, put off with %s", u.admission, u.launch.Failure)
	}
}

func TestAStopThatTheViewHasNotSeenKeepsABoundUnitDown(t *testing.T) {
	m := newMachine(t)
	m.Advance(10 * time.Second)
	id := m.assign("one", singletonApp, units.DesiredRun)
	for m.Exec.Find("admit", "") == nil {
		m.Step()
		for _, task := range m.Exec.Waiting() {
			if task.Kind != "admit" {
				task.Run(0)
			}
		}
	}
	m.deaf = true
	m.put(m.keys.Unit("n1", id), units.Assignment{Desired: units.DesiredStop, Tenure: m.place.Tenure})
	m.wantStatus(id, units.StateStopped, units.ReasonStopped)
	if _, started := m.started[id]; started {
		t.Error("it was started")
	}
}

func TestAnAssignmentWithoutATenureFailsForGood(t *testing.T) {
	m := newMachine(t)
	tenure := m.place.Tenure
	m.place.Tenure = 0
	id := m.assign("one", singletonApp, units.DesiredRun)
	m.place.Tenure = tenure
	m.wantStatus(id, units.StateFailed, units.ReasonInternal)
	m.wantRuns(id, false)
}

func TestABoundUnitThatItsGuardStoppedIsFencedAndNotStartedAgain(t *testing.T) {
	for name, stop := range map[string]func(*machine, units.UnitID){
		"systemd stopped it with the guard": func(m *machine, _ units.UnitID) { m.systemd.SetUnit("g.service", false) },
		"the reaper killed it": func(m *machine, id units.UnitID) {
			m.fresh = false
			m.Advance(10 * time.Second)
			if err := m.systemd.Bounds().Kill(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.lease()
			id := m.assign("one", singletonApp, units.DesiredRun)
			m.wantStatus(id, units.StateRunning, "")
			stop(m, id)
			m.wantStatus(id, units.StateFailed, units.ReasonFenced)
			m.systemd.SetUnit("g.service", true)
			m.fresh = true
			m.wantStatus(id, units.StateFailed, units.ReasonFenced)
			m.wantRuns(id, false)
		})
	}
}

func TestABoundUnitOfAnEarlierTenureIsStopped(t *testing.T) {
	m := newMachine(t)
	id := m.assign("one", singletonApp, units.DesiredRun)
	m.wantStatus(id, units.StateRunning, "")
	m.claim()
	m.wantStatus(id, units.StateFailed, units.ReasonFenced)
	m.wantRuns(id, false)
}

// systemd gives up on processes that do not die; their end must not be told before it has come.
func TestABoundUnitHasNotEndedWhileAProcessOfItIsLeft(t *testing.T) {
	m := newMachine(t)
	id := m.assign("one", singletonApp, units.DesiredRun)
	m.wantStatus(id, units.StateRunning, "")
	m.stuck[id] = true
	m.put(m.keys.Unit("n1", id), units.Assignment{Desired: units.DesiredStop, Tenure: m.place.Tenure})
	m.wantStatus(id, units.StateStopping, "")
	m.stuck[id] = false
	m.wantStatus(id, units.StateStopped, units.ReasonStopped)
	m.delete(m.keys.Unit("n1", id))
	m.Advance(time.Minute)
	if list, err := m.systemd.Bounds().List(); err != nil || len(list) > 0 {
		t.Errorf("still noted: %v, %v", list, err)
	}
}

func TestAfterABootAKeptUnitStartsFromDiskAndABoundOneNever(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(*machine)
	}{
		{"with the registry away", func(m *machine) { m.away = true }},
		{"with the registry gone back in time", func(m *machine) { m.seen.Held = "it went back" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			m.lease()
			kept, bound := m.assign("kept", keepApp, units.DesiredRun), m.assign("bound", singletonApp, units.DesiredRun)
			m.wantStatus(kept, units.StateRunning, "")
			m.wantRuns(bound, true)
			c.prepare(m)
			m.bootUp()
			m.Advance(time.Minute)
			m.wantRuns(kept, true)
			m.wantRuns(bound, false)
			if end := m.disk[bound].Ended; end == nil || end.Reason.Code != units.ReasonRebooted {
				t.Errorf("the disk says %+v", end)
			}
		})
	}
}

func TestWhatIsNewIsNotStartedWhileTheRegistryIsNotBelieved(t *testing.T) {
	m := newMachine(t)
	m.Advance(10 * time.Second)
	m.seen.Held = "it went back"
	m.bootUp()
	kept, bound := m.assign("kept", keepApp, units.DesiredRun), m.assign("bound", singletonApp, units.DesiredRun)
	m.Advance(time.Minute)
	m.wantRuns(kept, false)
	m.wantRuns(bound, false)
	if m.d.Overview().Held == "" {
		t.Error("the node does not say that it holds")
	}
}

// An app with onPartition: stop is bound like a singleton, and restarted in place like any other.
func TestAnAppThatStopsOnAPartitionIsBoundToo(t *testing.T) {
	m := newMachine(t)
	m.lease()
	id := m.assign("stops", `{"name":"APP","path":"`+testPath+`","command":["bin/app"],"disconnect":{"onPartition":"stop"},"resources":{"cpu":"100m","memory":"64Mi"}}`, units.DesiredRun)
	m.wantStatus(id, units.StateRunning, "")
	if r := m.started[id]; r.Tenure != m.place.Tenure {
		t.Errorf("the shim asks about tenure %d", r.Tenure)
	}
	before := m.status(id).Invocation
	m.systemd.Die(id, systemd.Program{ExitCode: 1})
	m.wantStatus(id, units.StateRunning, "")
	if after := m.status(id); after.Invocation == before || after.Restarts != 1 {
		t.Errorf("it was not restarted in place: %+v", after)
	}
	m.systemd.SetUnit("g.service", false)
	m.wantStatus(id, units.StateFailed, units.ReasonFenced)
	m.wantRuns(id, false)
}

// A crash is a crash, so that the next attempt waits: also on a node that has just begun.
func TestABoundUnitThatCrashesHasFailedLikeAnyOther(t *testing.T) {
	m := newMachine(t)
	id := m.assign("one", singletonApp, units.DesiredRun)
	m.Settle()
	for !m.runs(id) {
		m.Advance(time.Second)
	}
	m.systemd.Die(id, systemd.Program{ExitCode: 1})
	m.wantStatus(id, units.StateFailed, units.ReasonExited)
}

// The guard ended a unit while systemd answered nobody. When it answered again, more than a minute later,
// the guard had long been sure again: the end was told as a crash, for which the next attempt waits.
func TestAnEndThatSystemdTellsOfLateIsStillTheGuards(t *testing.T) {
	m := newMachine(t)
	m.lease()
	id := m.assign("one", singletonApp, units.DesiredRun)
	m.wantStatus(id, units.StateRunning, "")
	m.systemd.Hang(true)
	m.fresh = false
	m.Advance(10 * time.Second)
	if err := m.systemd.Bounds().Kill(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	m.Advance(time.Second)
	m.fresh = true
	m.wantStatus(id, units.StateRunning, "")
	m.Advance(5 * time.Minute)
	m.systemd.Hang(false)
	m.wantStatus(id, units.StateFailed, units.ReasonFenced)
}

// A daemon that has just begun has not heard of its guard yet, which is no doubt of the guard's.
func TestACrashAfterTheDaemonsRestartIsACrash(t *testing.T) {
	m := newMachine(t)
	m.lease()
	id := m.assign("one", singletonApp, units.DesiredRun)
	m.wantStatus(id, units.StateRunning, "")
	m.restart()
	for range 20 { // systemd answers sooner than the guard does
		m.Step()
		for _, task := range m.Exec.Waiting() {
			if task.Kind != "guard" {
				task.Run(0)
			}
		}
		m.Now = m.Now.Add(50 * time.Millisecond)
	}
	m.Settle()
	m.Bench.Advance(5 * time.Second)
	m.systemd.Die(id, systemd.Program{ExitCode: 1})
	m.wantStatus(id, units.StateFailed, units.ReasonExited)
}

func TestACrashLongAfterTheGuardWasUnsureIsACrash(t *testing.T) {
	m := newMachine(t)
	m.lease()
	id := m.assign("one", singletonApp, units.DesiredRun)
	m.wantStatus(id, units.StateRunning, "")
	m.fresh = false
	m.Advance(10 * time.Second)
	m.fresh = true
	m.Advance(2 * unsureFor)
	m.systemd.Die(id, systemd.Program{ExitCode: 1})
	m.wantStatus(id, units.StateFailed, units.ReasonExited)
}

func TestACrashOfAUnitThatBeganAfterTheGuardWasUnsureIsACrash(t *testing.T) {
	m := newMachine(t)
	m.lease()
	m.Advance(10 * time.Second)
	m.fresh = false
	m.Advance(10 * time.Second)
	m.fresh = true
	m.Advance(2 * guardEvery)
	id := m.assign("one", singletonApp, units.DesiredRun)
	m.Advance(10 * time.Second)
	m.wantRuns(id, true)
	m.systemd.Die(id, systemd.Program{ExitCode: 1})
	m.wantStatus(id, units.StateFailed, units.ReasonExited)
}

// systemd hangs for a minute in the middle of a start, and does in the end what it was asked for, however
// often that was.
func TestABoundUnitWhoseStartHangsRunsOnce(t *testing.T) {
	m := newMachine(t)
	m.lease()
	m.Advance(10 * time.Second)
	m.systemd.Hang(true)
	id := m.assign("one", singletonApp, units.DesiredRun)
	m.Advance(time.Minute)
	if s := m.status(id); s.State.Terminal() {
		t.Fatalf("told as %+v while nobody knows", s)
	}
	m.systemd.Hang(false)
	m.wantStatus(id, units.StateRunning, "")
	before := m.status(id)
	m.Advance(5 * time.Minute)
	if after := m.status(id); after.Invocation != before.Invocation || after.Restarts != 0 {
		t.Errorf("it was %+v and is %+v", before, after)
	}
}

// Its tenure ends while its start hangs: nobody says that it is over before systemd has answered.
func TestAStartThatHangsBeyondItsTenureIsNotToldAsOverBeforeItIsKnown(t *testing.T) {
	m := newMachine(t)
	m.lease()
	m.Advance(10 * time.Second)
	m.systemd.Hang(true)
	id := m.assign("one", singletonApp, units.DesiredRun)
	m.Advance(10 * time.Second)
	m.claim()
	m.Advance(time.Minute)
	if s := m.status(id); s.State.Terminal() {
		t.Fatalf("told as %+v while nobody knows", s)
	}
	m.systemd.Hang(false)
	m.Advance(time.Minute)
	m.wantRuns(id, false)
	if s := m.status(id); s.State != units.StateFailed {
		t.Errorf("told as %+v", s)
	}
}

// A stop that hangs stops nothing, and so is no end.
func TestABoundUnitWhoseStopHangsHasNotEnded(t *testing.T) {
	m := newMachine(t)
	m.lease()
	id := m.assign("one", singletonApp, units.DesiredRun)
	m.wantStatus(id, units.StateRunning, "")
	m.systemd.Hang(true)
	m.put(m.keys.Unit("n1", id), units.Assignment{Desired: units.DesiredStop, Tenure: m.place.Tenure})
	m.Advance(time.Minute)
	m.wantRuns(id, true)
	if s := m.status(id); s.State.Terminal() {
		t.Errorf("told as %+v while it runs", s)
	}
	m.systemd.Hang(false)
	m.wantStatus(id, units.StateStopped, units.ReasonStopped)
	m.wantRuns(id, false)
}
