package node

import (
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
	r.d.units[r.id], r.d.order = r.u, []units.UnitID{r.id}
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

// The news that a unit was healthy used to wait for up to 0.2 s, because the news that it had started had
// just been sent: for that long no name led to it.
func TestTheReportsOfAStartDoNotWaitForEachOther(t *testing.T) {
	r := newReporting(t)
	states := []units.State{units.StateFetching, units.StateStarting, units.StateRunning, units.StateHealthy}
	for _, s := range states {
		r.d.tell(r.u, converge.Verdict{State: s}, r.now)
		r.goOn(time.Millisecond)
	}
	if n := r.written(); n != int64(len(states)) {
		t.Errorf("%d states were reported in %d writes", len(states), n)
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
