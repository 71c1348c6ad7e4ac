package sim

import (
	"time"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

// backoffs is the history of failures, slot by slot, counted from what nodes have said and not from the
// scheduler's own records.
type backoffs struct {
	ends     map[unitKey]end
	failures map[slotKey]failures
}

// life is one life of an assignment.
type life struct {
	unitKey
	create int64
}

// end is when a node said that a unit was over.
type end struct {
	at     time.Duration
	status units.Status
}

type failures struct {
	generation units.Generation
	inARow     int
	unrecorded int // of these, what a person's hand took the record of
	last       end
}

func newBackoffs() backoffs { return backoffs{map[unitKey]end{}, map[slotKey]failures{}} }

// ended notes the first word about a unit's end.
func (m *Watchman) ended(k unitKey) {
	if m.mirror.over(k) {
		m.finished[life{k, m.mirror.units[k].create}] = true
	}
	if _, known := m.backoffs.ends[k]; known || !m.mirror.over(k) {
		return
	}
	m.backoffs.ends[k] = end{m.w.now, m.mirror.status[k].Status}
}

// book counts a failure once the unit's assignment has gone.
func (m *Watchman) book(k unitKey, was assigned) {
	e, ended := m.backoffs.ends[k]
	delete(m.backoffs.ends, k)
	if !ended || !failed(e.status, was) {
		return
	}
	f := m.backoffs.failures[slotOf(k.id)]
	if f.generation != k.id.Generation || e.status.HealthyForMs >= placement.DefaultPolicy().ForgetFailures.Milliseconds() {
		f.inARow, f.unrecorded = 0, 0
	}
	m.backoffs.failures[slotOf(k.id)] = failures{k.id.Generation, f.inARow + 1, f.unrecorded, e}
}

// failed reports whether a unit ended by its own fault.
func failed(s units.Status, was assigned) bool {
	if was.Desired == units.DesiredStop || s.Result == units.ResultRebooted {
		return false
	}
	switch s.Reason.Code {
	case units.ReasonRebooted, units.ReasonTenureLost, units.ReasonTenureOver, units.ReasonFenced, units.ReasonNodeShutdown, units.ReasonOffline:
		return false
	}
	return true
}

// backoff checks that a new attempt waited as long as the failures before it demand. Those of which a person has
// deleted the record count as long as a scheduler is there that had read it: there is no other memory of them.
func (m *Watchman) backoff(p *Process, k unitKey) {
	f := m.backoffs.failures[slotOf(k.id)]
	if m.forgotten(chunkOf(k.id)) {
		f.inARow -= f.unrecorded
	}
	if f.generation != k.id.Generation || f.inARow == 0 || f.last.status.Reason.Code == units.ReasonPortBusy {
		return
	}
	app := m.spec(k.id)
	delay, again := app.Reschedule.After(f.inARow)
	switch waited := m.w.now - f.last.at; {
	case !again:
		m.fail(BackedOff, "%s placed %s after %d failures, which are too many", p.Name, k.id, f.inARow)
	case waited < soonMost(delay):
		m.fail(BackedOff, "%s placed %s %v after failure %d of its slot, and not %v", p.Name, k.id, waited, f.inARow, delay)
	}
}
