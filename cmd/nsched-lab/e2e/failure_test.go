package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nsched/nsched/units"
)

func TestAUnitThatCannotRunFailsWithTheTrueReason(t *testing.T) {
	t.Parallel()
	s := onStage(t)
	n := s.node(t, "n1")
	unsigned := s.pushed(t, "unsigned", "", "unsigned")
	foreignKey, err := s.Dev.NewKey(t.Context(), "foreign-1")
	if err != nil {
		t.Fatal(err)
	}
	foreign := s.pushed(t, "foreign", "foreign-1", "foreign")
	absent := "/nix/store/" + strings.Repeat("0", 32) + "-absent"
	plain := func(name string) document {
		return document{"name": name, "path": s.actor, "command": list{"bin/actor"}, "restart": document{"attempts": 0}}
	}
	for _, c := range []struct {
		name   string
		app    document
		code   string
		says   string
		result units.Result
	}{
		{
			"a path that no cache has", plain("absent").with("path", absent),
			units.ReasonPathNotFound, absent, units.ResultNotStarted,
		},
		{
			"a path that nobody signed", plain("unsigned").with("path", unsigned).with("cache", document{"url": s.CacheURL("unsigned")}),
			units.ReasonBadSignature, "-unsigned", units.ResultNotStarted,
		},
		{
			"a path signed with a key that the node does not trust", plain("foreign").with("path", foreign).with("cache", document{"url": s.CacheURL("foreign")}),
			units.ReasonBadSignature, "-foreign", units.ResultNotStarted,
		},
		{
			"an app that brings its own key along", plain("smuggler").with("path", foreign).with("cache", document{"url": s.CacheURL("foreign"), "publicKeys": list{foreignKey}}),
			units.ReasonBadSignature, "", units.ResultNotStarted,
		},
		{
			"an executable that is not in the package", plain("missing").with("command", list{"bin/nothing"}),
			units.ReasonExecutableMissing, "bin/nothing", units.ResultNotStarted,
		},
		{
			"an executable that the kernel cannot start", plain("broken").with("command", list{"bin/broken"}),
			units.ReasonExecFailed, "", units.ResultExitCode,
		},
		{
			"a service that dies at once", plain("dies").with("command", list{"bin/actor", "-die", "7"}),
			units.ReasonExited, "7", units.ResultExitCode,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := s.cast(t, n, c.app)
			st := r.reaches(units.StateFailed)
			if st.Reason.Code != c.code || !strings.Contains(st.Reason.Message, c.says) || st.Result != c.result {
				t.Errorf("it failed with result %s, exit code %d, reason %q; want %s, %s with %q", st.Result, st.ExitCode, st.Reason, c.result, c.code, c.says)
			}
			if r.endpoint() != nil {
				t.Error("it has an endpoint")
			}
		})
	}
}

// pushed builds a package of its own and pushes it into a cache alone.
func (s *stage) pushed(t *testing.T, name, key, cache string) string {
	t.Helper()
	path, err := s.build(t.Context(), name, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Dev.Push(t.Context(), cache, key, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTooMuchMemoryEndsAsOutOfMemory(t *testing.T) {
	t.Parallel()
	s := onStage(t)
	r := s.cast(t, s.node(t, "n1"), s.actorApp("glutton"))
	neighbour := s.cast(t, s.node(t, "n1"), s.actorApp("neighbour"))
	neighbour.reaches(units.StateHealthy)
	before := neighbour.life()
	r.reaches(units.StateHealthy)
	// It does not come back from this meal.
	if body, err := s.ask(t.Context(), "POST", r.url(fmt.Sprintf("/eat?bytes=%d", 256<<20))); err == nil {
		t.Errorf("it ate four times what it may have and answers %q", body)
	}
	st := r.reaches(units.StateFailed)
	if st.Reason.Code != units.ReasonOutOfMemory || st.Result != units.ResultOOMKill {
		t.Errorf("it failed with %s, %q", st.Result, st.Reason)
	}
	r.endpointIs(false)
	neighbour.same(before)
}

func TestABadKeyHarmsOnlyItsOwnUnit(t *testing.T) {
	t.Parallel()
	s := onStage(t)
	n := s.node(t, "n1")
	victim, neighbour := s.cast(t, n, s.actorApp("victim")), s.cast(t, n, s.actorApp("bystander"))
	victim.reaches(units.StateHealthy)
	neighbour.reaches(units.StateHealthy)
	victimLife, neighbourLife := victim.life(), neighbour.life()
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
			s.put(t, victim.key(), value)
			// The next key shows that this one has been read.
			other := victim.id
			other.Slot = "9"
			s.put(t, s.Keys.Unit(n.Node, other), value)
			eventually(t, "the node reports the key", func() error {
				_, body, err := n.Ask(t.Context(), "/v1/node")
				if err == nil && !strings.Contains(body, s.Keys.Unit(n.Node, other)) {
					err = fmt.Errorf("it reports %.300s", body)
				}
				return err
			})
			s.remove(t, s.Keys.Unit(n.Node, other))
			eventually(t, "the node lets the key go", func() error {
				_, body, err := n.Ask(t.Context(), "/v1/node")
				if err == nil && strings.Contains(body, s.Keys.Unit(n.Node, other)) {
					err = fmt.Errorf("it reports %.300s", body)
				}
				return err
			})
			victim.same(victimLife)
			neighbour.same(neighbourLife)
		})
	}
	s.put(t, s.Keys.Under("units", string(n.Node))+"no-unit", "{}")
	defer s.remove(t, s.Keys.Under("units", string(n.Node))+"no-unit")

	after := s.cast(t, n, s.actorApp("newcomer"))
	after.reaches(units.StateHealthy)
	victim.same(victimLife)
	victim.assign(units.DesiredStop)
	victim.reaches(units.StateStopped)
	neighbour.same(neighbourLife)
}

func TestAUnitThatTheRegistryForgotRunsOnAndIsReported(t *testing.T) {
	t.Parallel()
	s := onStage(t)
	n := s.node(t, "n1")
	r := s.cast(t, n, s.actorApp("orphan"))
	r.reaches(units.StateHealthy)
	before := r.life()
	s.remove(t, r.key())
	eventually(t, "it is reported as an orphan", func() error {
		if st := r.status(); !st.Orphan || st.Reason.Code != units.ReasonOrphan {
			return fmt.Errorf("its status is %+v", st)
		}
		return nil
	})
	r.same(before)
	if _, err := s.get(t.Context(), r.url("/")); err != nil {
		t.Errorf("it serves no more: %v", err)
	}

	// One that nsched itself never heard of, as after a loss of its disk.
	stray := r.id
	stray.App = "stray"
	run(t, n, "systemd-run", "--quiet", "--unit="+stray.ServiceName(), "sleep", "100000")
	other := &role{s: s, t: t, id: stray, node: n}
	eventually(t, "the stray is reported", func() error {
		if st := other.status(); !st.Orphan || st.State != units.StateRunning {
			return fmt.Errorf("its status is %+v", st)
		}
		return nil
	})
	// Only an explicit stop ends it.
	other.assign(units.DesiredStop)
	other.reaches(units.StateStopped)
	r.same(before)
	r.assign(units.DesiredStop)
	r.reaches(units.StateStopped)
}
