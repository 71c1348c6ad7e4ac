package sim

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/node/guard"
	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func endpointOf(t *testing.T, w *World, slot int) (registry.KeyValue, bool) {
	r, err := w.Etcd.Range(t.Context(), rangeOf(Keys.Endpoint("n1", helloUnit(slot))))
	must(t, err)
	if len(r.KVs) == 0 {
		return registry.KeyValue{}, false
	}
	return r.KVs[0], true
}

func del(t *testing.T, w *World, key string) {
	_, err := w.Etcd.Txn(t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpDelete, Key: key}}})
	must(t, err)
}

func TestNoEndpointIsWrittenWithoutALease(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	must(t, w.Run(5*time.Second))
	assign(t, w, n, 0, units.DesiredRun)
	must(t, w.Run(10*time.Second))
	kv, _ := endpointOf(t, w, 0)
	w.Always("endpoint has a lease", func(w *World) error {
		if kv, ok := endpointOf(t, w, 0); ok && kv.Lease == 0 {
			return fmt.Errorf("endpoint without a lease at rev %d", kv.ModRevision)
		}
		return nil
	})
	_ = kv
	// The guard crashes and its memory is unreadable: it waits for its old lease to end.
	n.Guard.Kill()
	n.Guard.memory = guard.Memory{}
	n.Guard.Start()
	must(t, w.Run(60*time.Second))
}

func TestARestartedDaemonKeepsTheEndpointAndTheHealth(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	must(t, w.Run(5*time.Second))
	assign(t, w, n, 0, units.DesiredRun)
	must(t, w.Run(10*time.Second))
	n.Daemon.Kill()
	w.After(time.Second, n.Daemon.Start)
	w.Always("endpoint stays", func(w *World) error {
		if _, ok := endpointOf(t, w, 0); !ok {
			return fmt.Errorf("the endpoint of a unit that runs was withdrawn")
		}
		if s, _ := statusOf(t, w, n, 0); s.State != units.StateHealthy {
			return fmt.Errorf("status %s", s.State)
		}
		return nil
	})
	must(t, w.Run(30*time.Second))
}

func TestAnAssignmentThatWentWhileTheDaemonWasDownIsNoticed(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	must(t, w.Run(5*time.Second))
	assign(t, w, n, 0, units.DesiredRun)
	assign(t, w, n, 1, units.DesiredRun)
	must(t, w.Run(10*time.Second))
	assign(t, w, n, 1, units.DesiredStop)
	must(t, w.Run(15*time.Second))
	n.Daemon.Kill()
	del(t, w, Keys.Unit("n1", helloUnit(0)))
	del(t, w, Keys.Unit("n1", helloUnit(1)))
	w.After(time.Second, n.Daemon.Start)
	must(t, w.Run(400*time.Second))
	s, _ := statusOf(t, w, n, 0)
	if !s.Orphan {
		t.Errorf("orphan not reported: %+v", s)
	}
	if s, ok := statusOf(t, w, n, 1); ok {
		t.Errorf("status of ended unit stays: %+v", s)
	}
	if len(n.disk) != 1 {
		t.Errorf("disk holds %d", len(n.disk))
	}
}

func TestAFailedRegistrationIsForgottenOnceItIsThere(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	must(t, w.Run(5*time.Second))
	w.Net.EtcdStop()
	w.After(time.Minute, w.Net.EtcdStart)
	// the agent's lease is to end at once when etcd is back
	w.After(30*time.Second, func() {
		r, _ := w.Etcd.Range(w.ctx, rangeOf(Keys.Agent("n1")))
		_ = w.Etcd.Revoke(w.ctx, r.KVs[0].Lease)
	})
	w.After(61*time.Second, func() { w.Net.Lost = 1 })
	w.After(75*time.Second, func() { w.Net.Lost = 0 })
	must(t, w.Run(600*time.Second))
	o := n.Daemon.Shell().(*node.Daemon).Overview()
	if len(o.Problems) > 0 {
		t.Errorf("ten minutes later: %v", o.Problems)
	}
}

func TestALateWriteOfAnEarlierDaemonDoesNotTakeTheAgentKey(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	var first *registry.Txn
	w.OnWrite(func(p *Process, txn registry.Txn, r registry.TxnResult) {
		if p == n.Daemon && first == nil && len(txn.Then) == 1 && txn.Then[0].Key == Keys.Agent("n1") {
			first = &txn
		}
	})
	must(t, w.Run(5*time.Second))
	del(t, w, Keys.Agent("n1")) // as if the first daemon's write had been held back
	n.Daemon.Kill()
	n.Daemon.Start()
	must(t, w.Run(10*time.Second))
	if _, err := w.Etcd.Txn(t.Context(), *first); err != nil { // and now it lands
		t.Fatal(err)
	}
	must(t, w.Run(10*time.Minute))
	r, err := w.Etcd.Range(t.Context(), rangeOf(Keys.Agent("n1")))
	must(t, err)
	if len(r.KVs) == 0 {
		t.Error("ten minutes later the living daemon has no agent key")
	}
}

// a second machine of the same name, whose guard is refused
func TestASecondMachineOfOneNameRunsNothing(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	must(t, w.Run(5*time.Second))
	assign(t, w, n, 0, units.DesiredRun)
	must(t, w.Run(10*time.Second))
	twin := &NodeHost{
		Host: w.AddHost("twin"), disk: map[units.UnitID]node.Record{}, store: map[units.StorePath]bool{},
		roots: map[string]units.StorePath{}, Systemd: systemd.NewFake(nil),
	}
	p := w.AddProcess(twin.Host, "twin/daemon", func(l Life) loop.Stepper {
		d, err := node.New(node.Options{
			Node: "n1", BootID: "twin", Version: "sim", Keys: Keys, KV: l.KV,
			Store: simStore{twin}, Prober: simProber{twin}, Records: simRecords{twin}, Guard: refusedGuard{}, Ports: simPorts{}, Machine: twin, Contact: simContact{twin},
			Services: node.Systemd{Manager: twin.Systemd, Files: simFiles{twin}, GuardUnit: "nsched-guard.service", GuardSocket: "/run/nsched/guard.sock"},
			Mail:     l.Mail, Executor: l.Exec,
		})
		if err != nil {
			panic(err)
		}
		return d
	})
	p.Start()
	s1, _ := statusOf(t, w, n, 0)
	r1, _ := w.Etcd.Range(w.ctx, rangeOf(Keys.Status("n1", helloUnit(0))))
	must(t, w.Run(70*time.Second))
	r2, _ := w.Etcd.Range(w.ctx, rangeOf(Keys.Status("n1", helloUnit(0))))
	s2, _ := statusOf(t, w, n, 0)
	if len(twin.Running()) != 0 {
		t.Errorf("the twin, which is refused, runs %v", twin.Running())
	}
	t.Logf("status writes in a minute: %d; invocation %s -> %s", r2.KVs[0].Version-r1.KVs[0].Version, s1.Invocation, s2.Invocation)
}

type refusedGuard struct{}

func (refusedGuard) State(context.Context) (guard.State, error) {
	return guard.State{Phase: guard.PhaseRefused, Reason: units.Reason{Code: "name-taken"}}, nil
}

func TestAUnitThatIsAssignedAgainAfterItWasForgottenRuns(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	must(t, w.Run(5*time.Second))
	doc := strings.Replace(helloDocument, `"command"`, `"restart":{"attempts":0},"command"`, 1)
	hand(t, w, Keys.Generation(units.AppID{Namespace: "default", Name: "hello"}, 1), units.Submission{Document: doc})
	assign(t, w, n, 0, units.DesiredRun)
	must(t, w.Run(10*time.Second))
	// the record is lost, etcd is away and the unit fails; then etcd comes back
	n.Daemon.Kill()
	n.disk = map[units.UnitID]node.Record{}
	w.Net.EtcdStop()
	n.Systemd.Die(helloUnit(0), systemd.Program{ExitCode: 3})
	w.After(time.Second, n.Daemon.Start)
	w.After(30*time.Second, w.Net.EtcdStart)
	must(t, w.Run(5*time.Minute))
	s, ok := statusOf(t, w, n, 0)
	if len(n.Running()) != 1 && s.State != units.StateFailed {
		t.Errorf("the assigned unit does not run: %v; status %v %+v; disk %d", n.Running(), ok, s, len(n.disk))
	}
}

func TestAStopThatIsRefusedIsNotRepeatedInAHurry(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	must(t, w.Run(5*time.Second))
	assign(t, w, n, 0, units.DesiredRun)
	must(t, w.Run(10*time.Second))
	calls := map[string]int{}
	n.Systemd.SetFault(func(call string, _ units.UnitID) systemd.Fault {
		calls[call]++
		if call == "stop" {
			return systemd.FaultBefore
		}
		return systemd.FaultNone
	})
	assign(t, w, n, 0, units.DesiredStop)
	must(t, w.Run(20*time.Second))
	if calls["stop"] > 20 || calls["list"] > 60 {
		t.Errorf("calls of systemd in 10 s: %v (each of them at a network's latency of 1 to 3 ms)", calls)
	}
}

func TestAStopIsCarriedOutThoughTheMachineCannotBeDescribed(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	must(t, w.Run(5*time.Second))
	assign(t, w, n, 0, units.DesiredRun)
	must(t, w.Run(10*time.Second))
	n.Daemon.Kill()
	n.Daemon.make = func(l Life) loop.Stepper {
		d, err := node.New(node.Options{
			Node: "n1", BootID: n.BootID(), Version: "sim", Keys: Keys, KV: l.KV,
			Store: simStore{n}, Prober: simProber{n}, Records: simRecords{n}, Guard: n, Ports: simPorts{}, Machine: brokenMachine{}, Contact: simContact{n},
			Services: node.Systemd{Manager: n.Systemd, Files: simFiles{n}, GuardUnit: "nsched-guard.service", GuardSocket: "/run/nsched/guard.sock"},
			Mail:     l.Mail, Executor: l.Exec,
		})
		if err != nil {
			panic(err)
		}
		return d
	}
	n.Daemon.Start()
	assign(t, w, n, 0, units.DesiredStop)
	must(t, w.Run(2*time.Minute))
	if len(n.Running()) != 0 {
		t.Error("a unit told to stop runs on since the machine cannot be described")
	}
}

type brokenMachine struct{}

func (brokenMachine) Describe(context.Context) (units.Node, error) {
	return units.Node{}, fmt.Errorf("this machine has no address but loopback")
}

func TestAUnitThatEndedWellIsNotStartedAgain(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	doc := strings.Replace(helloDocument, `"command"`, `"restart":{"attempts":0},"command"`, 1)
	hand(t, w, Keys.Generation(units.AppID{Namespace: "default", Name: "hello"}, 1), units.Submission{Document: doc})
	starts := 0
	n.run(systemd.NewFake(func(s systemd.Service, k int) systemd.Program {
		starts++
		return systemd.Program{Ends: true, Life: 100 * time.Millisecond}
	}))
	n.Daemon.Kill()
	n.Daemon.Start()
	must(t, w.Run(5*time.Second))
	assign(t, w, n, 0, units.DesiredRun)
	must(t, w.Run(65*time.Second))
	s, _ := statusOf(t, w, n, 0)
	if starts > 3 {
		t.Errorf("restart.attempts is 0 and it was started %d times in a minute: %+v", starts, s)
	}
}

func TestNodesReplayBitForBit(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		var sums [2]string
		for i := range sums {
			w := nodeWorld(t, seed, 3)
			must(t, w.Run(5*time.Second))
			for i, n := range w.Nodes() {
				for slot := i * 4; slot < i*4+4; slot++ {
					w.After(w.Uniform(0, time.Minute), func() { assign(t, w, n, slot, units.DesiredRun) })
				}
			}
			w.MachineFaults = 0.05
			w.Chaos(BasicFaults(), 20, 10*time.Second, 2*time.Minute)
			must(t, w.Run(3*time.Minute))
			sums[i] = w.Trace.Sum()
		}
		if sums[0] != sums[1] {
			t.Fatalf("seed %d: traces differ", seed)
		}
	}
}

// an endpoint is out; the guard's lease ends and the batch that said so is answered after the guard's new place was learnt
func TestAFailedAgentKeyIsForgottenOnceItIsThere(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	must(t, w.Run(5*time.Second))
	r, _ := w.Etcd.Range(w.ctx, rangeOf(Keys.Agent("n1")))
	must(t, w.Etcd.Revoke(w.ctx, r.KVs[0].Lease))
	w.After(8*time.Second, func() { w.Net.Lost = 0 })
	// every grant fails for a while
	for i := 0; i < 1000; i++ {
		w.After(time.Duration(i)*10*time.Millisecond, func() {
			r, _ := w.Etcd.Range(w.ctx, rangeOf(Keys.Agent("n1")))
			w.Net.Lost = 0
			if len(r.KVs) == 0 && w.now < 13*time.Second {
				w.Net.Lost = 0.5
			}
		})
	}
	must(t, w.Run(600*time.Second))
	o := n.Daemon.Shell().(*node.Daemon).Overview()
	if len(o.Problems) > 0 {
		t.Errorf("ten minutes later: %v", o.Problems)
	}
	r, _ = w.Etcd.Range(w.ctx, rangeOf(Keys.Agent("n1")))
	if len(r.KVs) == 0 {
		t.Error("no agent key")
	}
}

// Describe fails once
func TestOneFailedDescriptionIsForgotten(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	n.Daemon.Kill()
	m := &flakyMachine{NodeHost: n}
	n.Daemon.make = func(l Life) loop.Stepper {
		d, err := node.New(node.Options{
			Node: "n1", BootID: n.BootID(), Version: "sim", Keys: Keys, KV: l.KV,
			Store: simStore{n}, Prober: simProber{n}, Records: simRecords{n}, Guard: n, Ports: simPorts{}, Machine: m, Contact: simContact{n},
			Services: node.Systemd{Manager: n.Systemd, Files: simFiles{n}, GuardUnit: "nsched-guard.service", GuardSocket: "/run/nsched/guard.sock"},
			Mail:     l.Mail, Executor: l.Exec,
		})
		if err != nil {
			panic(err)
		}
		return d
	}
	n.Daemon.Start()
	must(t, w.Run(10*time.Minute))
	if m.calls < 4 {
		t.Fatal(m.calls)
	}
	o := n.Daemon.Shell().(*node.Daemon).Overview()
	if len(o.Problems) > 0 {
		t.Errorf("after %d calls of which the third failed: %v", m.calls, o.Problems)
	}
}

type flakyMachine struct {
	*NodeHost
	calls int
}

func (m *flakyMachine) Describe(ctx context.Context) (units.Node, error) {
	m.calls++
	if m.calls == 3 {
		return units.Node{}, fmt.Errorf("this machine has no address but loopback")
	}
	return m.NodeHost.Describe(ctx)
}

// the machine's address changes while an endpoint is out
func TestAnEndpointFollowsTheNodesAddress(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	must(t, w.Run(5*time.Second))
	assign(t, w, n, 0, units.DesiredRun)
	must(t, w.Run(10*time.Second))
	n.Daemon.Kill()
	m := &movedMachine{n}
	n.Daemon.make = func(l Life) loop.Stepper {
		d, err := node.New(node.Options{
			Node: "n1", BootID: n.BootID(), Version: "sim", Keys: Keys, KV: l.KV,
			Store: simStore{n}, Prober: simProber{n}, Records: simRecords{n}, Guard: n, Ports: simPorts{}, Machine: m, Contact: simContact{n},
			Services: node.Systemd{Manager: n.Systemd, Files: simFiles{n}, GuardUnit: "nsched-guard.service", GuardSocket: "/run/nsched/guard.sock"},
			Mail:     l.Mail, Executor: l.Exec,
		})
		if err != nil {
			panic(err)
		}
		return d
	}
	n.Daemon.Start()
	must(t, w.Run(10*time.Minute))
	kv, _ := endpointOf(t, w, 0)
	if !strings.Contains(string(kv.Value), "192.0.2.9") {
		t.Errorf("endpoint is %s", kv.Value)
	}
}

type movedMachine struct{ *NodeHost }

func (m *movedMachine) Describe(ctx context.Context) (units.Node, error) {
	n, err := m.NodeHost.Describe(ctx)
	if m.w.now > time.Minute {
		n.Addresses = []string{"192.0.2.9"}
	}
	return n, err
}

// an assignment is deleted and made again while the report's deletion is under way
func TestAUnitThatIsAssignedAgainWhileItIsForgottenRuns(t *testing.T) {
	for late := time.Duration(0); late < 60*time.Millisecond; late += time.Millisecond {
		w := nodeWorld(t, 1, 1)
		n := w.Nodes()[0]
		must(t, w.Run(5*time.Second))
		assign(t, w, n, 0, units.DesiredStage)
		must(t, w.Run(10*time.Second))
		del(t, w, Keys.Unit("n1", helloUnit(0)))
		w.After(late, func() { assign(t, w, n, 0, units.DesiredRun) })
		must(t, w.Run(2*time.Minute))
		if len(n.Running()) != 1 {
			t.Errorf("assigned again %v after its deletion: never runs; disk %d", late, len(n.disk))
		}
	}
}

// a singleton without a tenure, a batch of more than 40
func TestAFullBatchOfReportsComparesTheTenure(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	must(t, w.Run(5*time.Second))
	w.OnWrite(func(p *Process, txn registry.Txn, r registry.TxnResult) {
		ends, fence := 0, false
		for _, op := range txn.Then {
			if op.Kind == registry.OpPut && strings.Contains(op.Key, "/endpoints/") {
				ends++
			}
		}
		for _, c := range txn.If {
			fence = fence || c.Key == Keys.Alive("n1")
		}
		if ends > 0 && !fence {
			w.fail(fmt.Errorf("%d endpoints are put with no comparison of the tenure", ends))
		}
	})
	for i := range 100 {
		assign(t, w, n, i, units.DesiredRun)
	}
	must(t, w.Run(30*time.Second))
}

// the disk fills up, then a unit fails
func TestAnEndIsOnDiskBeforeItIsTold(t *testing.T) {
	bad := 0
	for i := 0; i < 40; i++ {
		w := nodeWorld(t, uint64(i+1), 1)
		n := w.Nodes()[0]
		must(t, w.Run(5*time.Second))
		doc := strings.Replace(helloDocument, `"command"`, `"restart":{"attempts":0},"command"`, 1)
		hand(t, w, Keys.Generation(units.AppID{Namespace: "default", Name: "hello"}, 1), units.Submission{Document: doc})
		assign(t, w, n, 0, units.DesiredRun)
		must(t, w.Run(10*time.Second))
		n.Systemd.Die(helloUnit(0), systemd.Program{ExitCode: 3})
		off := false
		w.Always("x", func(w *World) error {
			if s, _ := statusOf(t, w, n, 0); s.State == units.StateFailed && !off {
				if n.disk[helloUnit(0)].Ended == nil {
					bad++
				}
				off = true
			}
			return nil
		})
		must(t, w.Run(15*time.Second))
	}
	if bad > 0 {
		t.Errorf("%d of 40 times the registry held the end before the disk did", bad)
	}
}

func TestAUnitWhoseRecordWasLostLeavesNoEndpoint(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	must(t, w.Run(5*time.Second))
	assign(t, w, n, 0, units.DesiredRun)
	must(t, w.Run(10*time.Second))
	n.Daemon.Kill()
	n.disk = map[units.UnitID]node.Record{}
	assign(t, w, n, 0, units.DesiredStop)
	n.Daemon.Start()
	must(t, w.Run(2*time.Minute))
	s, _ := statusOf(t, w, n, 0)
	if _, ok := endpointOf(t, w, 0); ok {
		t.Errorf("the unit is %s and its endpoint is out", s.State)
	}
}

// the guard is dead and its lease has ended; a unit's state changes
func TestADeadGuardSilencesNoReports(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	must(t, w.Run(5*time.Second))
	doc := strings.Replace(helloDocument, `"command"`, `"restart":{"attempts":2,"delay":"1s"},"command"`, 1)
	hand(t, w, Keys.Generation(units.AppID{Namespace: "default", Name: "hello"}, 1), units.Submission{Document: doc})
	assign(t, w, n, 0, units.DesiredRun)
	must(t, w.Run(10*time.Second))
	n.Guard.Kill()
	must(t, w.Run(40*time.Second))
	before, _ := statusOf(t, w, n, 0)
	n.Systemd.Die(helloUnit(0), systemd.Program{ExitCode: 3})
	failed := 0
	w.OnWrite(func(p *Process, txn registry.Txn, r registry.TxnResult) {
		if !r.Succeeded {
			failed++
		}
	})
	must(t, w.Run(5*time.Minute))
	after, _ := statusOf(t, w, n, 0)
	if before.Invocation == after.Invocation || after.State != units.StateHealthy {
		t.Errorf("status of another process: %s %s", after.State, after.Invocation)
	}
	t.Logf("%d refused txns", failed)
}

// etcd is restored to an earlier snapshot while the daemon is down; ended attempts must not run again
func TestARestoreWhileTheDaemonWasDownRunsNothingAgain(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	must(t, w.Run(5*time.Second))
	assign(t, w, n, 0, units.DesiredRun)
	must(t, w.Run(10*time.Second))
	snap := w.Etcd.Snapshot()
	assign(t, w, n, 0, units.DesiredStop)
	must(t, w.Run(20*time.Second))
	w.Etcd.Restore(snap)
	must(t, w.Run(5*time.Minute))
	o := n.Daemon.Shell().(*node.Daemon).Overview()
	t.Logf("%v", o.Problems)
	n.Daemon.Kill()
	n.Daemon.Start()
	must(t, w.Run(6*time.Minute))
	o = n.Daemon.Shell().(*node.Daemon).Overview()
	t.Logf("after a restart of the daemon, nobody acknowledged: %v", o.Problems)
	if len(n.Running()) != 0 {
		t.Errorf("runs")
	}
}
