package node

import (
	"strconv"
	"testing"
	"time"

	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/loop/looptest"
	"github.com/nsched/nsched/units/registry"
)

// reporting is a daemon that does nothing but report, of units that change as the test says.
type reporting struct {
	t    *testing.T
	d    *Daemon
	etcd *registry.Memory
	mail *loop.Mailbox
	exec *looptest.Executor
	now  units.Instant
	id   units.UnitID
	u    *unit
}

func newReporting(t *testing.T) *reporting {
	t.Helper()
	keys, err := registry.NewKeys("")
	if err != nil {
		t.Fatal(err)
	}
	r := &reporting{
		t: t, etcd: registry.NewMemory(registry.MemoryOptions{}), mail: loop.NewMailbox(), now: units.Instant{Boot: time.Hour},
		id: units.UnitID{Namespace: "default", App: "a", Slot: "0", Generation: 1, Attempt: 1},
	}
	r.exec = looptest.NewExecutor(t.Context(), r.mail)
	r.u = &unit{rec: Record{ID: r.id}}
	r.u.report.endpointOut, r.u.report.toldEndpoint = endpointAbsent, endpointAbsent
	r.d, err = New(Options{Node: "n1", Keys: keys, KV: r.etcd, Mail: r.mail, Executor: r.exec})
	if err != nil {
		t.Fatal(err)
	}
	r.d.confirmed, r.d.placed = true, true
	r.d.units[r.id], r.d.order = r.u, []*unit{r.u}
	return r
}

// goOn lets time pass and does what is due.
func (r *reporting) goOn(by time.Duration) {
	r.now = r.now.Add(by)
	r.d.write(r.now)
	r.exec.RunAll()
	r.mail.Apply(r.now)
}

// written is how often the unit's status was written.
func (r *reporting) written() int64 {
	r.t.Helper()
	answer, err := r.etcd.Range(r.t.Context(), registry.Range{Key: r.d.o.Keys.Status("n1", r.id)})
	if err != nil {
		r.t.Fatal(err)
	}
	if len(answer.KVs) == 0 {
		return 0
	}
	return answer.KVs[0].Version
}

// state is what the registry holds of the unit.
func (r *reporting) state() units.State {
	r.t.Helper()
	key := r.d.o.Keys.Status("n1", r.id)
	answer, err := r.etcd.Range(r.t.Context(), registry.Range{Key: key})
	if err != nil || len(answer.KVs) != 1 {
		r.t.Fatalf("the status is %v, %v", answer.KVs, err)
	}
	s, _, err := registry.Decode[units.Status](key, answer.KVs[0].Value)
	if err != nil {
		r.t.Fatal(err)
	}
	return s.State
}

// The news that a unit was healthy used to wait for up to 0.2 s behind the news that it had started, and
// then for a whole second, when each state on the way had been reported at once: for that long no name led
// to it.
func TestTheReportThatAStartedUnitIsHealthyFollowsAtOnce(t *testing.T) {
	states := []units.State{
		units.StateAssigned, units.StateFetching, units.StateStarting, units.StateRunning, units.StateRunning, units.StateHealthy,
	}
	for _, pace := range []time.Duration{time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond} {
		r := newReporting(t)
		for i, s := range states {
			r.d.tell(r.u, converge.Verdict{State: s, Reason: units.Reason{Code: units.ReasonChecksPending, Message: strconv.Itoa(i)}}, r.now)
			r.goOn(pace)
		}
		r.goOn(writeApart)
		if got := r.state(); got != units.StateHealthy {
			t.Errorf("states %v apart: the registry holds %s", pace, got)
		}
	}
}

func TestANodeReportsFiveTimesASecondInTheLongRun(t *testing.T) {
	r := newReporting(t)
	flips := []units.State{units.StateHealthy, units.StateUnhealthy}
	for i := range 1000 {
		r.u.report.tokens, r.u.report.filled = burst, r.now.Boot // the unit's own limit is another
		r.d.tell(r.u, converge.Verdict{State: flips[i%2]}, r.now)
		r.goOn(10 * time.Millisecond)
	}
	if n := r.written(); n < 45 || n > 50+writeBurst {
		t.Errorf("%d reports went out in ten seconds", n)
	}
}

// A daemon that came back told that a unit was assigned which ran and was healthy: it had not asked
// systemd yet, and what it would have said of a new unit was still to be sent when the registry answered
// that somebody had said more before.
func TestADaemonThatHasNotSeenAUnitYetTellsNothingWorseOfIt(t *testing.T) {
	r := newReporting(t)
	before, err := registry.Encode(units.Status{State: units.StateHealthy}, registry.Extra{})
	if err != nil {
		t.Fatal(err)
	}
	key := r.d.o.Keys.Status("n1", r.id)
	if _, err := r.etcd.Txn(t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: before}}}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.d.tell(r.u, converge.Verdict{State: units.StateAssigned, Blind: true}, r.now)
		r.goOn(time.Second)
	}
	if n := r.written(); n != 1 {
		t.Errorf("a blind daemon wrote %d times over what was said before", n-1)
	}
	r.d.tell(r.u, converge.Verdict{State: units.StateUnhealthy}, r.now)
	r.goOn(time.Second)
	if n := r.written(); n != 2 {
		t.Errorf("what it sees is told in %d writes", n-1)
	}
}
