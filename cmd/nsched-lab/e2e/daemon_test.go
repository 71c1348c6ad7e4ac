package e2e

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
	"github.com/nsched/nsched/units"
)

func TestTwentyKillsOfTheDaemonTouchNoService(t *testing.T) {
	t.Parallel()
	s := oneNode.On(t)
	n := s.Node(t, "n2")
	kept := s.Cast(t, n, s.ActorApp("kept"))
	kept.Reaches(units.StateHealthy)
	kept.EndpointIs(true)
	stopLoad := kept.Load()
	before := kept.Life()
	endpoint := s.Read(t, s.Keys.Endpoint(n.Node, kept.ID))

	var last *stage.Role
	for i := range 20 {
		if err := n.Kill(t.Context(), cluster.DaemonUnit, "SIGKILL"); err != nil {
			t.Fatal(err)
		}
		// While it is dead: one comes, and the one that came before goes.
		next := s.Cast(t, n, s.ActorApp("guest"+strconv.Itoa(i)))
		if last != nil {
			last.Assign(units.DesiredStop)
			last.Reaches(units.StateStopped)
		}
		next.Reaches(units.StateHealthy)
		kept.Same(before)
		last = next
	}
	stopLoad()
	if lives := s.Witness.Lives(kept.ID.String()); len(lives) != 1 || !lives[0].End.IsZero() {
		t.Errorf("the witness saw %+v", lives)
	}
	if now := s.Read(t, s.Keys.Endpoint(n.Node, kept.ID)); now == nil || now.CreateRevision != endpoint.CreateRevision {
		t.Errorf("its endpoint went away meanwhile: %+v", now)
	}
	if restarts, err := n.Property(t.Context(), cluster.DaemonUnit, "NRestarts"); err != nil || restarts != "20" {
		t.Errorf("the daemon was restarted %s times, %v", restarts, err)
	}
}

func TestTheGuardKeepsTheTenureOverAKillAndAnUpgrade(t *testing.T) {
	t.Parallel()
	s := oneNode.On(t)
	n := s.Node(t, "n3")
	r := s.Cast(t, n, s.ActorApp("bound"))
	r.Reaches(units.StateHealthy)
	r.EndpointIs(true)
	before, place := r.Life(), stage.Tenure(t, n)
	if alive := s.Read(t, s.Keys.Alive(n.Node)); alive == nil || alive.CreateRevision != place {
		t.Fatalf("the tenure is %d and the key is %+v", place, alive)
	}
	defer r.Load()()

	first, err := n.MainPID(t.Context(), cluster.GuardUnit)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Kill(t.Context(), cluster.GuardUnit, "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	var second int
	stage.Eventually(t, "another guard runs", func() error {
		second, err = n.MainPID(t.Context(), cluster.GuardUnit)
		if err == nil && (second == 0 || second == first) {
			err = fmt.Errorf("its process is %d", second)
		}
		return err
	})
	stage.Eventually(t, "the node is ready", func() error { return n.Ready(t.Context()) })

	// The upgrade: another program file in the same place, and a reload.
	if err := n.CopyIn(t.Context(), s.Programs.Nsched(), "/usr/local/bin/nsched"); err != nil {
		t.Fatal(err)
	}
	exe := func() string { return stage.Run(t, n, "stat", "-Lc", "%i", fmt.Sprintf("/proc/%d/exe", second)) }
	old := exe()
	stage.Run(t, n, "systemctl", "reload", cluster.GuardUnit)
	if now, err := n.MainPID(t.Context(), cluster.GuardUnit); err != nil || now != second {
		t.Errorf("the guard was process %d and is %d, %v", second, now, err)
	}
	if now := exe(); now == old {
		t.Error("the guard still runs the old program")
	}
	stage.Eventually(t, "the node is ready", func() error { return n.Ready(t.Context()) })
	if now := stage.Tenure(t, n); now != place {
		t.Errorf("the tenure was %d and is %d", place, now)
	}
	// The lease is still kept alive: past its whole length the place is still held.
	time.Sleep(17 * time.Second)
	if alive := s.Read(t, s.Keys.Alive(n.Node)); alive == nil || alive.CreateRevision != place {
		t.Errorf("the tenure was %d and the key is %+v", place, alive)
	}
	r.Same(before)
	r.EndpointIs(true)
}

func TestUninstallAndInstallLeaveServicesRunning(t *testing.T) {
	t.Parallel()
	s := oneNode.On(t)
	n := s.Node(t, "n4")
	r := s.Cast(t, n, s.ActorApp("tenant"))
	r.Reaches(units.StateHealthy)
	before := r.Life()
	stopLoad := r.Load()
	const src = "/usr/src/nsched"
	for _, pattern := range []string{"Makefile", ".ci/install", "node/install/*", "bin/nsched", "bin/nsched-exec"} {
		files, err := filepath.Glob(filepath.Join(s.Programs.Root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			rel, err := filepath.Rel(s.Programs.Root, file)
			if err != nil {
				t.Fatal(err)
			}
			if err := n.CopyIn(t.Context(), file, filepath.Join(src, rel)); err != nil {
				t.Fatal(err)
			}
		}
	}
	stage.Run(t, n, "make", "-C", src, "uninstall")
	for _, unit := range []string{cluster.GuardUnit, cluster.DaemonUnit} {
		if state, err := n.Property(t.Context(), unit, "LoadState"); err != nil || state != "not-found" {
			t.Errorf("%s is %s, %v", unit, state, err)
		}
	}
	if out, _ := n.Exec(t.Context(), "sh", "-c", "ls /usr/local/bin/nsched* /usr/local/lib/systemd/system/nsched*"); out != "" {
		t.Errorf("left behind: %s", out)
	}
	r.Same(before)
	// Its place in the cluster may be lost meanwhile; it runs on.
	stage.Run(t, n, "make", "-C", src, "install")
	stage.Run(t, n, "systemctl", "enable", "--now", cluster.GuardUnit, cluster.DaemonUnit)
	stage.Eventually(t, "the node is ready", func() error { return n.Ready(t.Context()) })
	r.Reaches(units.StateHealthy)
	r.EndpointIs(true)
	r.Same(before)
	stopLoad()
	r.Assign(units.DesiredStop)
	r.Reaches(units.StateStopped)
}
