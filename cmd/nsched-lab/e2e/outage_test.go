package e2e

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
	"github.com/nsched/nsched/nix/nixtest"
	"github.com/nsched/nsched/units"
)

// The tests of this file take etcd away from everybody, so they run before all that run side by side.

// outage is longer than a lease and than anybody's patience with a watch.
const outage = 20 * time.Second

func TestWithoutEtcdNothingStopsAndAllConvergesAfterwards(t *testing.T) {
	s := oneNode.On(t)
	n := s.Node(t, "n1")
	kept, failing, leaving := s.Cast(t, n, s.ActorApp("steady")), s.Cast(t, n, s.ActorApp("failing")), s.Cast(t, n, s.ActorApp("leaving"))
	for _, r := range []*stage.Role{kept, failing, leaving} {
		r.Reaches(units.StateHealthy)
		r.EndpointIs(true)
	}
	before := kept.Life()
	stopLoad := kept.Load()

	if err := s.KillEtcd(); err != nil {
		t.Fatal(err)
	}
	gone := time.Now()
	if _, err := s.Ask(t.Context(), "POST", failing.URL("/exit?code=4")); err == nil {
		t.Error("it answers although it left")
	}
	stage.Eventually(t, "the node says that the registry is away", func() error {
		err := n.Ready(t.Context())
		if err == nil {
			return errors.New("it says that it is ready")
		}
		if !strings.Contains(err.Error(), "registry") {
			return err
		}
		return nil
	})
	if err := n.Kill(t.Context(), cluster.DaemonUnit, "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(max(0, outage-time.Since(gone)))
	kept.Same(before)
	if err := s.StartEtcd(t.Context()); err != nil {
		t.Fatal(err)
	}
	leaving.Assign(units.DesiredStop)
	leaving.Reaches(units.StateStopped)
	if st := failing.Reaches(units.StateFailed); st.ExitCode != 4 {
		t.Errorf("what failed meanwhile says %+v", st)
	}
	stage.Eventually(t, "the node is ready again", func() error { return n.Ready(t.Context()) })
	kept.Reaches(units.StateHealthy)
	kept.EndpointIs(true)
	kept.Same(before)
	stopLoad()
	after := s.Cast(t, n, s.ActorApp("after"))
	after.Reaches(units.StateHealthy)
}

func TestAfterAPowerCutItsUnitsComeBackWithEtcdAndCacheAway(t *testing.T) {
	s := oneNode.On(t)
	n := s.Node(t, "n5")
	kept, stopped := s.Cast(t, n, s.ActorApp("survivor")), s.Cast(t, n, s.ActorApp("finished"))
	kept.Reaches(units.StateHealthy)
	stopped.Reaches(units.StateHealthy)
	stopped.Assign(units.DesiredStop)
	stopped.Reaches(units.StateStopped)
	before := kept.Life()

	s.Cache[cluster.MainCache].Set(nixtest.Broken)
	defer s.Cache[cluster.MainCache].Set(nixtest.Healthy)
	if err := n.PowerOff(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.KillEtcd(); err != nil {
		t.Fatal(err)
	}
	if err := n.PowerOn(t.Context()); err != nil {
		t.Fatal(err)
	}
	stage.Eventually(t, "the service answers without etcd and cache", func() error {
		_, err := s.Get(t.Context(), kept.URL("/"))
		return err
	})
	offline := kept.Life()
	if offline.Invocation == before.Invocation {
		t.Errorf("it has the invocation %s of before the cut", before.Invocation)
	}
	if pid, err := n.MainPID(t.Context(), stopped.ID.ServiceName()); err != nil || pid != 0 {
		t.Errorf("what had been stopped runs as %d, %v", pid, err)
	}

	if err := s.StartEtcd(t.Context()); err != nil {
		t.Fatal(err)
	}
	stage.Eventually(t, "the node is ready again", func() error { return n.Ready(t.Context()) })
	kept.Reaches(units.StateHealthy)
	kept.EndpointIs(true)
	kept.Same(offline)
}
