package e2e

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/nix/nixtest"
	"github.com/nsched/nsched/units"
)

// The tests of this file take etcd away from everybody, so they run before all that run side by side.

// outage is longer than a lease and than anybody's patience with a watch.
const outage = 20 * time.Second

func TestWithoutEtcdNothingStopsAndAllConvergesAfterwards(t *testing.T) {
	s := onStage(t)
	n := s.node(t, "n1")
	kept, failing, leaving := s.cast(t, n, s.actorApp("steady")), s.cast(t, n, s.actorApp("failing")), s.cast(t, n, s.actorApp("leaving"))
	for _, r := range []*role{kept, failing, leaving} {
		r.reaches(units.StateHealthy)
		r.endpointIs(true)
	}
	before := kept.life()
	stopLoad := kept.load()

	if err := s.KillEtcd(); err != nil {
		t.Fatal(err)
	}
	gone := time.Now()
	if _, err := s.ask(t.Context(), "POST", failing.url("/exit?code=4")); err == nil {
		t.Error("it answers although it left")
	}
	eventually(t, "the node says that the registry is away", func() error {
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
	kept.same(before)
	if err := s.StartEtcd(t.Context()); err != nil {
		t.Fatal(err)
	}
	leaving.assign(units.DesiredStop)
	leaving.reaches(units.StateStopped)
	if st := failing.reaches(units.StateFailed); st.ExitCode != 4 {
		t.Errorf("what failed meanwhile says %+v", st)
	}
	eventually(t, "the node is ready again", func() error { return n.Ready(t.Context()) })
	kept.reaches(units.StateHealthy)
	kept.endpointIs(true)
	kept.same(before)
	stopLoad()
	after := s.cast(t, n, s.actorApp("after"))
	after.reaches(units.StateHealthy)
}

func TestAfterAPowerCutItsUnitsComeBackWithEtcdAndCacheAway(t *testing.T) {
	s := onStage(t)
	n := s.node(t, "n5")
	kept, stopped := s.cast(t, n, s.actorApp("survivor")), s.cast(t, n, s.actorApp("finished"))
	kept.reaches(units.StateHealthy)
	stopped.reaches(units.StateHealthy)
	stopped.assign(units.DesiredStop)
	stopped.reaches(units.StateStopped)
	before := kept.life()

	s.caches[cluster.MainCache].Set(nixtest.Broken)
	defer s.caches[cluster.MainCache].Set(nixtest.Healthy)
	if err := n.PowerOff(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.KillEtcd(); err != nil {
		t.Fatal(err)
	}
	if err := n.PowerOn(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the service answers without etcd and cache", func() error {
		_, err := s.get(t.Context(), kept.url("/"))
		return err
	})
	offline := kept.life()
	if offline.invocation == before.invocation {
		t.Errorf("it has the invocation %s of before the cut", before.invocation)
	}
	if pid, err := n.MainPID(t.Context(), stopped.id.ServiceName()); err != nil || pid != 0 {
		t.Errorf("what had been stopped runs as %d, %v", pid, err)
	}

	if err := s.StartEtcd(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node is ready again", func() error { return n.Ready(t.Context()) })
	kept.reaches(units.StateHealthy)
	kept.endpointIs(true)
	kept.same(offline)
}
