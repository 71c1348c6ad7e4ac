package sim

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

const helloDocument = `{"name":"hello","path":"/nix/store/0123456789abcdfghijklmnpqrsvwxyz-hello","command":["bin/hello"],"ports":[{"name":"http"}],"healthChecks":{"http":[{"port":"http","path":"/healthz"}]}}`

// hand writes a value as an operator with etcdctl would.
func hand(t *testing.T, w *World, key string, value any) int64 {
	t.Helper()
	raw, err := registry.Encode(value, registry.Extra{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.Etcd.Txn(t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: raw}}})
	if err != nil {
		t.Fatal(err)
	}
	return r.Revision
}

func helloUnit(slot int) units.UnitID {
	return units.UnitID{Namespace: "default", App: "hello", Slot: units.Slot(fmt.Sprint(slot)), Generation: 1, Attempt: 1}
}

// nodeWorld is n machines, and one app whose units are assigned by hand.
func nodeWorld(t *testing.T, seed uint64, n int) *World {
	w := New(t.Context(), seed, NewTrace(nil))
	for i := range n {
		w.AddNode(fmt.Sprintf("n%d", i+1)).StartAll()
	}
	hand(t, w, Keys.Generation(units.AppID{Namespace: "default", Name: "hello"}, 1), units.Submission{Document: helloDocument})
	return w
}

func assign(t *testing.T, w *World, n *NodeHost, slot int, d units.Desired) {
	t.Helper()
	hand(t, w, Keys.Unit(units.NodeName(n.Name), helloUnit(slot)), units.Assignment{
		Desired: d, Tenure: aliveRevision(w, n.Name), Ports: map[string]uint16{"http": uint16(20000 + slot)},
	})
}

func statusOf(t *testing.T, w *World, n *NodeHost, slot int) (units.Status, bool) {
	t.Helper()
	key := Keys.Status(units.NodeName(n.Name), helloUnit(slot))
	r, err := w.Etcd.Range(t.Context(), rangeOf(key))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.KVs) == 0 {
		return units.Status{}, false
	}
	s, _, err := registry.Decode[units.Status](key, r.KVs[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	return s, true
}

func TestAnAssignedUnitBecomesHealthyAndHasAnEndpoint(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	if err := w.Run(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	assign(t, w, n, 0, units.DesiredRun)
	if err := w.Run(8 * time.Second); err != nil {
		t.Fatal(err)
	}
	if s, ok := statusOf(t, w, n, 0); !ok || s.State != units.StateHealthy {
		text, _ := json.Marshal(s)
		t.Fatalf("status %s", text)
	}
	r, err := w.Etcd.Range(t.Context(), rangeOf(Keys.Endpoint("n1", helloUnit(0))))
	if err != nil || len(r.KVs) != 1 || r.KVs[0].Lease == 0 {
		t.Fatalf("endpoint %+v %v", r, err)
	}
}

func TestAStoppedUnitLeavesNothingBehindOnceItsAssignmentIsGone(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	if err := w.Run(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	assign(t, w, n, 0, units.DesiredRun)
	if err := w.Run(8 * time.Second); err != nil {
		t.Fatal(err)
	}
	assign(t, w, n, 0, units.DesiredStop)
	if err := w.Run(12 * time.Second); err != nil {
		t.Fatal(err)
	}
	if s, _ := statusOf(t, w, n, 0); s.State != units.StateStopped {
		t.Fatalf("status %+v", s)
	}
	if len(n.Running()) != 0 {
		t.Fatalf("runs %v", n.Running())
	}
	if _, err := w.Etcd.Txn(t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpDelete, Key: Keys.Unit("n1", helloUnit(0))}}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Run(90 * time.Second); err != nil {
		t.Fatal(err)
	}
	if s, ok := statusOf(t, w, n, 0); ok {
		t.Fatalf("status is still there: %+v", s)
	}
	if len(n.disk) != 0 || len(n.roots) != 0 {
		t.Fatalf("disk %v, roots %v", n.disk, n.roots)
	}
}

func TestAMissingAssignmentStopsNothing(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	if err := w.Run(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	assign(t, w, n, 0, units.DesiredRun)
	if err := w.Run(8 * time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Etcd.Txn(t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpDelete, Key: Keys.Unit("n1", helloUnit(0))}}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Run(60 * time.Second); err != nil {
		t.Fatal(err)
	}
	s, _ := statusOf(t, w, n, 0)
	if len(n.Running()) != 1 || !s.Orphan {
		t.Fatalf("runs %v, status %+v", n.Running(), s)
	}
}

// A daemon that was restarted used to take every endpoint away until it had checked for itself, and clients
// found nobody for as long.
func TestADaemonThatRestartsLeavesTheEndpointsOut(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	if err := w.Run(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	assign(t, w, n, 0, units.DesiredRun)
	if err := w.Run(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	key := Keys.Endpoint("n1", helloUnit(0))
	there := func() bool {
		r, err := w.Etcd.Range(t.Context(), rangeOf(key))
		return err == nil && len(r.KVs) == 1
	}
	w.Always("the endpoint stays out", func(*World) error {
		if !there() {
			return fmt.Errorf("%s is gone", key)
		}
		return nil
	})
	for i := range 20 {
		w.After(time.Duration(i)*3*time.Second+w.Uniform(0, time.Second), func() {
			n.Daemon.Kill()
			n.Daemon.Start()
		})
	}
	if err := w.Run(90 * time.Second); err != nil {
		t.Fatal(err)
	}
	if s, _ := statusOf(t, w, n, 0); s.State != units.StateHealthy {
		t.Fatalf("status %+v", s)
	}
}
