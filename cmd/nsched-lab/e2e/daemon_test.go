package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/units"
)

// loadEvery is the pause between two requests of a load.
const loadEvery = 25 * time.Millisecond

// load asks the unit's service until the end of the test, which fails if a single request did.
func (r *role) load() (stop func()) {
	l := cluster.NewLoad(r.s.Lab.DialContext, r.url("/"), loadEvery)
	stopped := false
	stop = func() {
		r.t.Helper()
		if stopped {
			return
		}
		stopped = true
		got := l.Stop()
		if got.Failed > 0 || got.Requests == 0 {
			r.t.Errorf("%d of %d requests to %s failed: %s", got.Failed, got.Requests, r.id, strings.Join(got.Failures, "; "))
		}
		r.t.Logf("%d requests to %s: none failed, the longest pause between two answers was %v", got.Requests, r.id, got.Pause.Round(time.Millisecond))
	}
	r.t.Cleanup(stop)
	return stop
}

func TestTwentyKillsOfTheDaemonTouchNoService(t *testing.T) {
	t.Parallel()
	s := onStage(t)
	n := s.node(t, "n2")
	kept := s.cast(t, n, s.actorApp("kept"))
	kept.reaches(units.StateHealthy)
	kept.endpointIs(true)
	stopLoad := kept.load()
	before := kept.life()
	endpoint := s.read(t, s.Keys.Endpoint(n.Node, kept.id))

	var last *role
	for i := range 20 {
		if err := n.Kill(t.Context(), cluster.DaemonUnit, "SIGKILL"); err != nil {
			t.Fatal(err)
		}
		// While it is dead: one comes, and the one that came before goes.
		next := s.cast(t, n, s.actorApp("guest"+strconv.Itoa(i)))
		if last != nil {
			last.assign(units.DesiredStop)
			last.reaches(units.StateStopped)
		}
		next.reaches(units.StateHealthy)
		kept.same(before)
		last = next
	}
	stopLoad()
	if lives := s.witness.Lives(kept.id.String()); len(lives) != 1 || !lives[0].End.IsZero() {
		t.Errorf("the witness saw %+v", lives)
	}
	if now := s.read(t, s.Keys.Endpoint(n.Node, kept.id)); now == nil || now.CreateRevision != endpoint.CreateRevision {
		t.Errorf("its endpoint went away meanwhile: %+v", now)
	}
	if restarts, err := n.Property(t.Context(), cluster.DaemonUnit, "NRestarts"); err != nil || restarts != "20" {
		t.Errorf("the daemon was restarted %s times, %v", restarts, err)
	}
}

// tenure asks the node for its place.
func tenure(t *testing.T, n *cluster.Node) int64 {
	t.Helper()
	var overview struct{ Tenure int64 }
	eventually(t, "the node knows its tenure", func() error {
		_, body, err := n.Ask(t.Context(), "/v1/node")
		if err == nil {
			err = json.Unmarshal([]byte(body), &overview)
		}
		if err == nil && overview.Tenure == 0 {
			err = errors.New("it has none")
		}
		return err
	})
	return overview.Tenure
}

func TestTheGuardKeepsTheTenureOverAKillAndAnUpgrade(t *testing.T) {
	t.Parallel()
	s := onStage(t)
	n := s.node(t, "n3")
	r := s.cast(t, n, s.actorApp("bound"))
	r.reaches(units.StateHealthy)
	r.endpointIs(true)
	before, place := r.life(), tenure(t, n)
	if alive := s.read(t, s.Keys.Alive(n.Node)); alive == nil || alive.CreateRevision != place {
		t.Fatalf("the tenure is %d and the key is %+v", place, alive)
	}
	defer r.load()()

	first, err := n.MainPID(t.Context(), cluster.GuardUnit)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Kill(t.Context(), cluster.GuardUnit, "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	var second int
	eventually(t, "another guard runs", func() error {
		second, err = n.MainPID(t.Context(), cluster.GuardUnit)
		if err == nil && (second == 0 || second == first) {
			err = fmt.Errorf("its process is %d", second)
		}
		return err
	})
	eventually(t, "the node is ready", func() error { return n.Ready(t.Context()) })

	// The upgrade: another program file in the same place, and a reload.
	if err := n.CopyIn(t.Context(), s.programs.Nsched(), "/usr/local/bin/nsched"); err != nil {
		t.Fatal(err)
	}
	exe := func() string { return run(t, n, "stat", "-Lc", "%i", fmt.Sprintf("/proc/%d/exe", second)) }
	old := exe()
	run(t, n, "systemctl", "reload", cluster.GuardUnit)
	if now, err := n.MainPID(t.Context(), cluster.GuardUnit); err != nil || now != second {
		t.Errorf("the guard was process %d and is %d, %v", second, now, err)
	}
	if now := exe(); now == old {
		t.Error("the guard still runs the old program")
	}
	eventually(t, "the node is ready", func() error { return n.Ready(t.Context()) })
	if now := tenure(t, n); now != place {
		t.Errorf("the tenure was %d and is %d", place, now)
	}
	// The lease is still kept alive: past its whole length the place is still held.
	time.Sleep(17 * time.Second)
	if alive := s.read(t, s.Keys.Alive(n.Node)); alive == nil || alive.CreateRevision != place {
		t.Errorf("the tenure was %d and the key is %+v", place, alive)
	}
	r.same(before)
	r.endpointIs(true)
}

func TestUninstallAndInstallLeaveServicesRunning(t *testing.T) {
	t.Parallel()
	s := onStage(t)
	n := s.node(t, "n4")
	r := s.cast(t, n, s.actorApp("tenant"))
	r.reaches(units.StateHealthy)
	before := r.life()
	stopLoad := r.load()
	const src = "/usr/src/nsched"
	for _, pattern := range []string{"Makefile", ".ci/install", "node/install/*", "bin/nsched", "bin/nsched-exec"} {
		files, err := filepath.Glob(filepath.Join(s.programs.Root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			rel, err := filepath.Rel(s.programs.Root, file)
			if err != nil {
				t.Fatal(err)
			}
			if err := n.CopyIn(t.Context(), file, filepath.Join(src, rel)); err != nil {
				t.Fatal(err)
			}
		}
	}
	run(t, n, "make", "-C", src, "uninstall")
	for _, unit := range []string{cluster.GuardUnit, cluster.DaemonUnit} {
		if state, err := n.Property(t.Context(), unit, "LoadState"); err != nil || state != "not-found" {
			t.Errorf("%s is %s, %v", unit, state, err)
		}
	}
	if out, _ := n.Exec(t.Context(), "sh", "-c", "ls /usr/local/bin/nsched* /usr/local/lib/systemd/system/nsched*"); out != "" {
		t.Errorf("left behind: %s", out)
	}
	r.same(before)
	// Its place in the cluster may be lost meanwhile; it runs on.
	run(t, n, "make", "-C", src, "install")
	run(t, n, "systemctl", "enable", "--now", cluster.GuardUnit, cluster.DaemonUnit)
	eventually(t, "the node is ready", func() error { return n.Ready(t.Context()) })
	r.reaches(units.StateHealthy)
	r.endpointIs(true)
	r.same(before)
	stopLoad()
	r.assign(units.DesiredStop)
	r.reaches(units.StateStopped)
}
