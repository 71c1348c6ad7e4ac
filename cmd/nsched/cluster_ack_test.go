package main

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/scheduler"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// restored is a stage whose etcd went back: cluster "feed" at epoch 1, clock 40.
func restored(t *testing.T, marked bool) *stage {
	t.Helper()
	s := newStage(t.Context(), t, t.TempDir())
	t.Cleanup(s.close)
	t.Setenv("NSCHED_ENDPOINTS", s.endpoint)
	putValue(t, s, s.keys.Cluster(), units.Cluster{ID: "feed", Epoch: 1, Schema: 1, Restored: marked})
	putValue(t, s, s.keys.Clock(), units.Clock{N: 40, TimeMs: 1_700_000_000_000})
	return s
}

// answering registers a node whose API tells what it has seen.
func (s *stage) answering(t *testing.T, name units.NodeName, seen registry.Seen) {
	t.Helper()
	server := httptest.NewServer(node.API{Overview: func() node.Overview { return node.Overview{Node: name, Seen: seen} }}.Handler())
	t.Cleanup(server.Close)
	s.register(t, name, func(n *units.Node) { n.API = server.URL })
}

// campaigning is a scheduler whose API tells what it has seen.
func (s *stage) campaigning(t *testing.T, name string, lease registry.LeaseID, seen registry.Seen) {
	t.Helper()
	server := httptest.NewServer(scheduler.API{Overview: func() scheduler.Overview { return scheduler.Overview{Name: name, Seen: seen} }}.Handler())
	t.Cleanup(server.Close)
	putValue(t, s, s.keys.Leader(lease), units.Leader{Name: name, API: server.URL})
}

func seen(epoch, n int64, held string) registry.Seen {
	return registry.Seen{Highest: registry.Highest{ID: "feed", Epoch: epoch, N: n}, Held: held}
}

// epochOf is the cluster as it is.
func (s *stage) clusterNow(t *testing.T) units.Cluster {
	t.Helper()
	snapshot, err := s.read(t.Context(), scope{keys: []string{s.keys.Cluster()}})
	if err != nil {
		t.Fatal(err)
	}
	c, _ := registry.Lookup[units.Cluster](snapshot, s.keys.Cluster())
	return c
}

func TestARestoreIsAcknowledgedAboveWhatEverybodyHasSeen(t *testing.T) {
	s := restored(t, false)
	s.answering(t, "n1", seen(1, 100, "etcd went back in time: its clock is at 40, it was at 100"))
	s.answering(t, "n2", seen(3, 7, "etcd went back in time: its epoch is 1, it was 3"))
	s.answering(t, "n3", seen(1, 39, ""))
	s.register(t, "n4", nil)
	s.campaigning(t, "s1", 1, seen(1, 101, "etcd went back in time: its clock is at 40, it was at 101"))
	putValue(t, s, s.keys.Event("node.n5", "x"), units.Event{Type: units.EventRegression, Epoch: 2, Reason: units.Reason{Message: "its epoch is 1, it was 2"}})

	got := nsched(t, "", "cluster", "ack-restore", "-y")
	if got.code != exitOK || got.out != "" {
		t.Fatalf("code %d, %q", got.code, got.out)
	}
	want := `etcd holds cluster feed, epoch 1
its clock is 40, 2023-11-14 22:13:20
  node n1 holds: etcd went back in time: its clock is at 40, it was at 100
  node n1 has seen the clock at 100: about 5m0s of what happened are gone
  node n2 holds: etcd went back in time: its epoch is 1, it was 3
  node n4 is not known to hold: it has registered no API
  node n5 holds: its epoch is 1, it was 2
  scheduler s1 holds: etcd went back in time: its clock is at 40, it was at 101
  scheduler s1 has seen the clock at 101: about 5m5s of what happened are gone
the epoch is 4; schedulers and nodes go on
`
	if diff := cmp.Diff(want, got.errs); diff != "" {
		t.Error(diff)
	}
	if now := s.clusterNow(t); now != (units.Cluster{ID: "feed", Epoch: 4, Schema: 1}) {
		t.Errorf("%+v", now)
	}

	// They have not read of it yet, and another acknowledgement does nothing.
	before := s.revision(t)
	again := nsched(t, "", "cluster", "ack-restore", "-y")
	if again.code != exitOK || !strings.Contains(again.errs, "nothing to acknowledge") || s.revision(t) != before {
		t.Errorf("code %d: %s", again.code, again.errs)
	}
}

func TestAnAcknowledgementWhoseAnswerIsLostIsMadeOnce(t *testing.T) {
	for name, fault := range map[string]registry.Fault{
		"the write was applied":        registry.FaultReplyLost,
		"the write never reached etcd": registry.FaultLost,
		"the write comes late":         registry.FaultHeld,
	} {
		t.Run(name, func(t *testing.T) {
			s := restored(t, true)
			v, err := s.lookAtHold(t.Context(), api{})
			if err != nil || !v.held() {
				t.Fatalf("%+v, %v", v, err)
			}
			faulty := registry.NewFaulty(s.KV, faultyWrites(1, fault, registry.NoFault))
			v, err = cluster{KV: faulty, keys: s.keys}.acknowledge(t.Context(), v)
			release(t, faulty)
			if err != nil || !v.Changed || v.Cluster.Epoch != 2 || s.clusterNow(t) != (units.Cluster{ID: "feed", Epoch: 2, Schema: 1}) {
				t.Errorf("%+v, %v; it is %+v", v, err, s.clusterNow(t))
			}
		})
		t.Run(name+", and nobody can tell", func(t *testing.T) {
			s := restored(t, true)
			v, err := s.lookAtHold(t.Context(), api{})
			if err != nil {
				t.Fatal(err)
			}
			faulty := registry.NewFaulty(s.KV, faultyWrites(1, fault, registry.FaultUnsent))
			_, err = cluster{KV: faulty, keys: s.keys}.acknowledge(t.Context(), v)
			if exitCode(t.Context(), err) != exitUnreachable || !strings.Contains(err.Error(), "it is not known whether the restore was acknowledged") {
				t.Errorf("%v", err)
			}
			release(t, faulty)
		})
	}
}

func TestAnAcknowledgementOfWhatIsNoMoreChangesNothing(t *testing.T) {
	s := restored(t, true)
	v, err := s.lookAtHold(t.Context(), api{})
	if err != nil {
		t.Fatal(err)
	}
	other := units.Cluster{ID: "feed", Epoch: 2, Schema: 1}
	putValue(t, s, s.keys.Cluster(), other) // somebody else was faster
	before := s.revision(t)
	_, err = s.acknowledge(t.Context(), v)
	if exitCode(t.Context(), err) != exitChanged || s.revision(t) != before || s.clusterNow(t) != other {
		t.Errorf("%v; %+v", err, s.clusterNow(t))
	}
}
