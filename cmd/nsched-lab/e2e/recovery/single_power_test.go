package recovery

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
	"github.com/nsched/nsched/nix/nixtest"
	"github.com/nsched/nsched/units"
)

func TestARebootWithEtcdAndCacheAwayStartsKeepUnitsAgainUntilMaxOfflineAge(t *testing.T) {
	s := single.Led(t)
	n := s.Node(t, "n3")
	s.Submits(t, on(s.ActorApp("keeper"), "n3"))
	u := s.Up(t, "keeper", 1, "", nil)[0]
	r := roleOf(t, s, u)
	before, boot := r.Life(), stage.Run(t, n, "cat", "/proc/sys/kernel/random/boot_id")

	s.Cache[cluster.MainCache].Set(nixtest.Broken)
	t.Cleanup(func() { s.Cache[cluster.MainCache].Set(nixtest.Healthy) })
	back := withoutEtcd(t, s)
	reboot := func(o cluster.NodeOptions) {
		t.Helper()
		if err := n.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := n.Configure(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if err := n.PowerOn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	reboot(cluster.NodeOptions{})
	if now := stage.Run(t, n, "cat", "/proc/sys/kernel/random/boot_id"); now == boot {
		t.Fatalf("the boot id is still %s", now)
	}
	stage.Eventually(t, "the service answers without etcd and cache", func() error {
		_, err := s.Get(t.Context(), u.URL("/"))
		return err
	})
	if now := r.Life(); now.Invocation == before.Invocation || now.PID == "0" {
		t.Errorf("it was %+v and is %+v", before, now)
	}

	reboot(cluster.NodeOptions{Settings: map[string]map[string]any{"node": {"maxOfflineAge": "1s"}}})
	stage.Eventually(t, "the node says that it starts nothing", func() error {
		_, body, err := n.Ask(t.Context(), "/v1/node")
		if err == nil && !strings.Contains(body, "maxOfflineAge") {
			err = fmt.Errorf("it says %s, %v", body, err)
		}
		return err
	})
	if now := r.Life(); now.PID != "0" {
		t.Errorf("out of touch for longer than maxOfflineAge it runs as %+v", now)
	}

	s.Cache[cluster.MainCache].Set(nixtest.Healthy)
	back()
	stage.Eventually(t, "the node is ready again", func() error { return n.Ready(t.Context()) })
	s.Up(t, "keeper", 1, "", nil)
}

func TestAMachineThatGoesDownSaysSoOfItsUnitsBeforeItsLeaseGoes(t *testing.T) {
	s := single.Led(t)
	n := s.Node(t, "n3")
	lift := confine(t, s, "n3")
	s.Submits(t, s.Wide("leaver", 1))
	s.Submits(t, alone(s, "leaver-one"))
	kept, one := s.Up(t, "leaver", 1, "", nil)[0], s.Up(t, "leaver-one", 1, "", nil)[0]
	lift()
	h := s.Follow(t)
	if err := n.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.PowerOn(background()) }) // for the tests that follow, if this one fails
	var gone int64
	for _, c := range h.Of(t, s.Keys.Alive("n3")) {
		if c.Deleted {
			gone = c.ModRevision
		}
	}
	if gone == 0 {
		t.Fatal("the machine is off and its lease lives on")
	}
	for u, terminal := range map[string]bool{kept.Unit: false, one.Unit: true} {
		id, err := units.ParseUnitID(u)
		if err != nil {
			t.Fatal(err)
		}
		said, withdrawn := false, false
		for _, c := range h.Of(t, s.Keys.Status("n3", id)) {
			if st := decode[units.Status](t, c.KeyValue); !c.Deleted && c.ModRevision < gone && st.Reason.Code == units.ReasonNodeShutdown && st.State.Terminal() == terminal {
				said = true
			}
		}
		for _, c := range h.Of(t, s.Keys.Endpoint("n3", id)) {
			withdrawn = withdrawn || c.Deleted && c.ModRevision < gone
		}
		if !said || !withdrawn {
			t.Errorf("before the lease of its node went, %s was said to be over: %t, and its endpoint was withdrawn: %t", u, said, withdrawn)
		}
	}
	for _, app := range []string{"leaver", "leaver-one"} {
		if u := s.Up(t, app, 1, "n3", nil)[0]; u.Node == "n3" {
			t.Errorf("%s is still on n3: %+v", app, u)
		}
	}
	neverTwice(t, s, "leaver-one")
	if err := n.PowerOn(t.Context()); err != nil {
		t.Fatal(err)
	}
	ready(t, n)
	stage.Eventually(t, "one unit of each is left", func() error {
		for _, app := range []string{"leaver", "leaver-one"} {
			if all := s.Units(t, app); len(all) != 1 {
				return fmt.Errorf("%s has %+v", app, all)
			}
		}
		return nil
	})
	neverTwice(t, s, "leaver-one")
}
