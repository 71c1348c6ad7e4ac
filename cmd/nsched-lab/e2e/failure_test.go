package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
	"github.com/nsched/nsched/units"
)

func TestAUnitThatCannotRunFailsWithTheTrueReason(t *testing.T) {
	t.Parallel()
	s := oneNode.On(t)
	n := s.Node(t, "n1")
	unsigned := s.Pushed(t, "unsigned", "", "unsigned")
	foreignKey, err := s.Dev.NewKey(t.Context(), "foreign-1")
	if err != nil {
		t.Fatal(err)
	}
	foreign := s.Pushed(t, "foreign", "foreign-1", "foreign")
	absent := "/nix/store/" + strings.Repeat("0", 32) + "-absent"
	plain := func(name string) stage.Document {
		return stage.Document{"name": name, "path": s.Actor, "command": stage.List{"bin/actor"}, "restart": stage.Document{"attempts": 0}}
	}
	for _, c := range []struct {
		name   string
		app    stage.Document
		code   string
		says   string
		result units.Result
	}{
		{
			"a path that no cache has", plain("absent").With("path", absent),
			units.ReasonPathNotFound, absent, units.ResultNotStarted,
		},
		{
			"a path that nobody signed", plain("unsigned").With("path", unsigned).With("cache", stage.Document{"url": s.CacheURL("unsigned")}),
			units.ReasonBadSignature, "-unsigned", units.ResultNotStarted,
		},
		{
			"a path signed with a key that the node does not trust", plain("foreign").With("path", foreign).With("cache", stage.Document{"url": s.CacheURL("foreign")}),
			units.ReasonBadSignature, "-foreign", units.ResultNotStarted,
		},
		{
			"an app that brings its own key along", plain("smuggler").With("path", foreign).With("cache", stage.Document{"url": s.CacheURL("foreign"), "publicKeys": stage.List{foreignKey}}),
			units.ReasonBadSignature, "", units.ResultNotStarted,
		},
		{
			"an executable that is not in the package", plain("missing").With("command", stage.List{"bin/nothing"}),
			units.ReasonExecutableMissing, "bin/nothing", units.ResultNotStarted,
		},
		{
			"an executable that the kernel cannot start", plain("broken").With("command", stage.List{"bin/broken"}),
			units.ReasonExecFailed, "", units.ResultExitCode,
		},
		{
			"a service that dies at once", plain("dies").With("command", stage.List{"bin/actor", "-die", "7"}),
			units.ReasonExited, "7", units.ResultExitCode,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := s.Cast(t, n, c.app)
			st := r.Reaches(units.StateFailed)
			if st.Reason.Code != c.code || !strings.Contains(st.Reason.Message, c.says) || st.Result != c.result {
				t.Errorf("it failed with result %s, exit code %d, reason %q; want %s, %s with %q", st.Result, st.ExitCode, st.Reason, c.result, c.code, c.says)
			}
			if r.Endpoint() != nil {
				t.Error("it has an endpoint")
			}
		})
	}
}

func TestTooMuchMemoryEndsAsOutOfMemory(t *testing.T) {
	t.Parallel()
	s := oneNode.On(t)
	r := s.Cast(t, s.Node(t, "n1"), s.ActorApp("glutton"))
	neighbour := s.Cast(t, s.Node(t, "n1"), s.ActorApp("neighbour"))
	neighbour.Reaches(units.StateHealthy)
	before := neighbour.Life()
	r.Reaches(units.StateHealthy)
	// It does not come back from this meal.
	if body, err := s.Ask(t.Context(), "POST", r.URL(fmt.Sprintf("/eat?bytes=%d", 256<<20))); err == nil {
		t.Errorf("it ate four times what it may have and answers %q", body)
	}
	st := r.Reaches(units.StateFailed)
	if st.Reason.Code != units.ReasonOutOfMemory || st.Result != units.ResultOOMKill {
		t.Errorf("it failed with %s, %q", st.Result, st.Reason)
	}
	r.EndpointIs(false)
	neighbour.Same(before)
}

func TestABadKeyHarmsOnlyItsOwnUnit(t *testing.T) {
	t.Parallel()
	s := oneNode.On(t)
	n := s.Node(t, "n1")
	victim, neighbour := s.Cast(t, n, s.ActorApp("victim")), s.Cast(t, n, s.ActorApp("bystander"))
	victim.Reaches(units.StateHealthy)
	neighbour.Reaches(units.StateHealthy)
	victimLife, neighbourLife := victim.Life(), neighbour.Life()
	for name, value := range map[string]string{
		"no JSON":          "{",
		"nothing":          "",
		"another version":  `{"v":2,"desired":"stop"}`,
		"an unknown word":  `{"v":1,"desired":"explode"}`,
		"a case variant":   `{"v":1,"Desired":"stop"}`,
		"a list":           `[1]`,
		"a MiB of nothing": `{"v":1,"desired":"stop","x":"` + strings.Repeat("x", 1<<20) + `"`,
	} {
		t.Run(name, func(t *testing.T) {
			s.Put(t, victim.Key(), value)
			// The next key shows that this one has been read.
			other := victim.ID
			other.Slot = "9"
			s.Put(t, s.Keys.Unit(n.Node, other), value)
			stage.Eventually(t, "the node reports the key", func() error {
				_, body, err := n.Ask(t.Context(), "/v1/node")
				if err == nil && !strings.Contains(body, s.Keys.Unit(n.Node, other)) {
					err = fmt.Errorf("it reports %.300s", body)
				}
				return err
			})
			s.Remove(t, s.Keys.Unit(n.Node, other))
			stage.Eventually(t, "the node lets the key go", func() error {
				_, body, err := n.Ask(t.Context(), "/v1/node")
				if err == nil && strings.Contains(body, s.Keys.Unit(n.Node, other)) {
					err = fmt.Errorf("it reports %.300s", body)
				}
				return err
			})
			victim.Same(victimLife)
			neighbour.Same(neighbourLife)
		})
	}
	s.Put(t, s.Keys.Under("units", string(n.Node))+"no-unit", "{}")
	defer s.Remove(t, s.Keys.Under("units", string(n.Node))+"no-unit")

	after := s.Cast(t, n, s.ActorApp("newcomer"))
	after.Reaches(units.StateHealthy)
	victim.Same(victimLife)
	victim.Assign(units.DesiredStop)
	victim.Reaches(units.StateStopped)
	neighbour.Same(neighbourLife)
}

func TestAUnitThatTheRegistryForgotRunsOnAndIsReported(t *testing.T) {
	t.Parallel()
	s := oneNode.On(t)
	n := s.Node(t, "n1")
	r := s.Cast(t, n, s.ActorApp("orphan"))
	r.Reaches(units.StateHealthy)
	before := r.Life()
	s.Remove(t, r.Key())
	stage.Eventually(t, "it is reported as an orphan", func() error {
		if st := r.Status(); !st.Orphan || st.Reason.Code != units.ReasonOrphan {
			return fmt.Errorf("its status is %+v", st)
		}
		return nil
	})
	r.Same(before)
	if _, err := s.Get(t.Context(), r.URL("/")); err != nil {
		t.Errorf("it serves no more: %v", err)
	}

	// One that nsched itself never heard of, as after a loss of its disk.
	stray := r.ID
	stray.App = "stray"
	stage.Run(t, n, "systemd-run", "--quiet", "--unit="+stray.ServiceName(), "sleep", "100000")
	other := s.Role(t, n, stray)
	stage.Eventually(t, "the stray is reported", func() error {
		if st := other.Status(); !st.Orphan || st.State != units.StateRunning {
			return fmt.Errorf("its status is %+v", st)
		}
		return nil
	})
	// Only an explicit stop ends it.
	other.Assign(units.DesiredStop)
	other.Reaches(units.StateStopped)
	r.Same(before)
	r.Assign(units.DesiredStop)
	r.Reaches(units.StateStopped)
}
