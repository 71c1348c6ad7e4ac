package recovery

import (
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
)

func TestACopyOfAMachineIsRefusedUnderItsOwnNameAndUnderAnother(t *testing.T) {
	s := single.Led(t)
	n := s.Node(t, "n3")
	s.Submits(t, on(alone(s, "original-one"), "n3"))
	before := s.Up(t, "original-one", 1, "", nil)
	place := stage.Tenure(t, n)
	key, err := n.ReadFile(t.Context(), "/var/lib/nsched/node.key")
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.Lab.Create(t.Context(), "twin")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.WriteFile(t.Context(), "/var/lib/nsched/node.key", key, 0o600); err != nil {
		t.Fatal(err)
	}
	named := func(name string) cluster.NodeOptions {
		return cluster.NodeOptions{Settings: map[string]map[string]any{"node": {"name": name}}}
	}
	twin, err := s.AddNode(t.Context(), "twin", named("n3"))
	if err != nil {
		t.Fatal(err)
	}
	stage.DumpOnFailure(t, twin.Host)
	t.Cleanup(func() { _ = twin.PowerOff(background()) })
	refused := func(name string) {
		t.Helper()
		stage.Eventually(t, "the twin answers", func() error { _, _, err := twin.Ask(t.Context(), "/readyz"); return err })
		for begun := time.Now(); time.Since(begun) < leaseTTL; time.Sleep(time.Second) {
			if err := twin.Ready(t.Context()); err == nil {
				t.Fatalf("a copy of n3 is ready as %s", name)
			}
		}
		if now := stage.Tenure(t, n); now != place {
			t.Errorf("the tenure of n3 was %d and is %d", place, now)
		}
		goesOn(t, s, "original-one", before)
	}
	refused("n3")

	if err := twin.Configure(t.Context(), named("n9")); err != nil {
		t.Fatal(err)
	}
	stage.Run(t, twin, "systemctl", "restart", cluster.GuardUnit, cluster.DaemonUnit)
	refused("n9")
	if out := types(t, s, "nodes").Out; strings.Contains(out, "n9") && !strings.Contains(out, "keyCopied") {
		t.Errorf("nodes says %s", out)
	}
	neverTwice(t, s, "original-one")
}
