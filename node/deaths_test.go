package node

import (
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop/looptest"
)

// deaths plays a story with a daemon that dies with its n-th task, and watches the unit all the while.
type deaths struct {
	*machine
	id     units.UnitID
	left   int  // tasks until its death; 0 is no more
	done   bool // whether the last of them is done when it dies
	starts int
	alive  bool
}

// look compares what is true of the unit at every moment.
func (m *deaths) look() {
	m.t.Helper()
	alive := m.runs(m.id)
	if alive && !m.alive {
		m.starts++
	}
	m.alive = alive
	if alive {
		m.wantNoted(m.id, true)
	}
	if s := m.status(m.id); alive && s.State.Terminal() {
		m.t.Fatalf("it runs and is told as %+v", s)
	}
}

// pass lets time pass, a task at a time.
func (m *deaths) pass(d time.Duration) {
	m.t.Helper()
	for end := m.Now.Boot + d; m.Now.Boot < end; m.Now = m.Now.Add(50 * time.Millisecond) {
		m.systemd.Advance(m.Now)
		for range 20 {
			m.Step()
			task := m.Exec.Find("", "")
			if task == nil {
				break
			}
			if m.left--; m.left == 0 {
				if m.done {
					task.Perform(looptest.Applied)
				}
				m.look()
				m.restart()
				continue
			}
			task.Run(looptest.Applied)
			m.systemd.Advance(m.Now)
			m.look()
		}
	}
}

// Whichever write the daemon dies at, before or after it, a bound unit is started once and noted for as
// long as it runs, its end is told when it has come, and its note goes with the rest.
func TestABoundUnitOutlivesItsDaemonsDeathAtAnyPoint(t *testing.T) {
	for name, end := range map[string]func(*deaths){
		"it is told to stop": func(m *deaths) {
			m.put(m.keys.Unit("n1", m.id), units.Assignment{Desired: units.DesiredStop, Tenure: m.place.Tenure})
		},
		"its tenure ends": func(m *deaths) { m.claim() },
		"the machine goes down": func(m *deaths) {
			m.down = true
			if m.alive {
				m.shutDown(m.id)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, done := range []bool{false, true} {
				for n := 1; ; n++ {
					m := &deaths{machine: newMachine(t), left: n, done: done}
					m.live(end)
					if t.Failed() {
						t.Fatalf("the daemon died with task %d, done: %v", n, done)
					}
					if m.left > 0 {
						if m.starts != 1 {
							t.Errorf("without a death it was started %d times", m.starts)
						}
						break
					}
				}
			}
		})
	}
}

// live is the story of a bound unit until it is forgotten.
func (m *deaths) live(end func(*deaths)) {
	m.t.Helper()
	m.lease()
	m.id = units.UnitID{Namespace: "default", App: "one", Slot: "0", Generation: 1, Attempt: 1}
	m.pass(500 * time.Millisecond)
	m.assign("one", singletonApp, units.DesiredRun)
	m.pass(8 * time.Second)
	if s := m.status(m.id); !m.alive && !s.State.Terminal() {
		m.t.Errorf("it does not run, and is told as %+v", s)
	}
	end(m)
	m.pass(15 * time.Second)
	if s := m.status(m.id); m.alive || !s.State.Terminal() || m.starts > 1 {
		m.t.Errorf("it runs: %v, was started %d times, and is told as %+v", m.alive, m.starts, s)
	}
	m.delete(m.keys.Unit("n1", m.id))
	m.pass(5 * time.Second)
	m.wantNoted(m.id, false)
	if len(m.disk) > 0 || m.status(m.id).State != "" {
		m.t.Errorf("something is left: %+v, %+v", m.disk, m.status(m.id))
	}
}
