package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
	"github.com/nsched/nsched/units"
)

// wide is an app of the actor with so many units, one beside the other.
func (s *stage) wide(name string, count int) document {
	return s.actorApp(name).with("count", count).with("algorithm", "spread").
		with("dns", list{document{"name": name + "." + cluster.Zone + ".", "type": "A", "ttl": 1}})
}

// dnsIs waits until the name of an app stands for these addresses.
func (s *stage) dnsIs(t *testing.T, name string, want []string) {
	t.Helper()
	slices.Sort(want)
	want = slices.Compact(want)
	eventually(t, fmt.Sprintf("%s is %v", name, want), func() error {
		out, err := s.Dev.Exec(t.Context(), "dig", "+short", "+timeout=2", "A", name+"."+cluster.Zone)
		got := strings.Fields(out)
		slices.Sort(got)
		if err == nil && !slices.Equal(got, want) {
			err = fmt.Errorf("it is %v", got)
		}
		return err
	})
}

func addresses(all []placed) []string {
	var out []string
	for _, u := range all {
		out = append(out, u.Addresses...)
	}
	return out
}

// The three tests that disturb a node or the leader run before those that run side by side.

func TestAnUnreachableNodeIsReplacedAndGivesUpWhatItRanWhenItReturns(t *testing.T) {
	s := onWhole(t)
	s.submits(t, s.wide("cut", 3))
	before := s.up(t, "cut", 3, "", nil)
	s.dnsIs(t, "cut", addresses(before))
	lost := before[0]
	survivors := before[1:]
	if err := s.Lab.Net().Partition(t.Context(), lost.Node); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Lab.Net().Heal(background()); err != nil {
			t.Error(err)
		}
	}()
	after := s.up(t, "cut", 3, lost.Node, nil)
	s.dnsIs(t, "cut", addresses(after))
	for _, u := range survivors {
		if !slices.ContainsFunc(after, func(v placed) bool { return v.Unit == u.Unit && v.PID == u.PID }) {
			t.Errorf("%+v did not go on: %+v", u, after)
		}
	}
	// Cut off, it goes on serving those who still reach it: an outage of etcd stops nothing.
	n := s.nodes[lost.Node]
	service := "nsched." + lost.Unit + ".service"
	if pid, err := n.MainPID(t.Context(), service); err != nil || pid == 0 {
		t.Errorf("the unit on the lost node is process %d, %v", pid, err)
	}
	if err := s.Lab.Net().Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the returned node has given up what was replaced", func() error {
		if pid, err := n.MainPID(t.Context(), service); err != nil || pid != 0 {
			return fmt.Errorf("it is process %d, %v", pid, err)
		}
		return nil
	})
	s.up(t, "cut", 3, "", nil)
	eventually(t, "the node is ready again", func() error { return n.Ready(t.Context()) })
}

func TestLeadersComeAndGoAndNoServiceNotices(t *testing.T) {
	s := onWhole(t)
	s.submits(t, s.wide("calm", 2))
	before := s.up(t, "calm", 2, "", nil)
	load := cluster.NewLoad(s.Lab.DialContext, before[0].url("/"), loadEvery)
	for i := range 4 {
		leader, term, err := s.leader()
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			err = leader.Kill(t.Context())
		} else {
			_, err = leader.Exec(t.Context(), "systemctl", "restart", cluster.SchedulerUnit)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := s.types(t, nil, "scale", "calm", fmt.Sprint(3+i)); got.code != 0 {
			t.Fatalf("scale: %+v", got)
		}
		after := s.up(t, "calm", 3+i, "", nil)
		for _, u := range before {
			if !slices.ContainsFunc(after, func(v placed) bool { return v.Unit == u.Unit && v.Node == u.Node && v.PID == u.PID }) {
				t.Errorf("%+v did not go on: %+v", u, after)
			}
		}
		eventually(t, "a higher term", func() error {
			_, now, err := s.leader()
			if err == nil && now <= term {
				err = fmt.Errorf("the term was %d and is %d", term, now)
			}
			return err
		})
		before = after
	}
	if got := load.Stop(); got.Failed > 0 || got.Requests == 0 {
		t.Errorf("%d of %d requests failed: %v", got.Failed, got.Requests, got.Failures)
	}
}

func TestAPowerCutOfTheLeaderAndANodeAtOnce(t *testing.T) {
	s := onWhole(t)
	s.submits(t, s.wide("storm", 3))
	before := s.up(t, "storm", 3, "", nil)
	leader, _, err := s.leader()
	if err != nil {
		t.Fatal(err)
	}
	n := s.nodes[before[0].Node]
	for _, h := range []*host.Host{leader.Host, n.Host} {
		if err := h.PowerOff(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = h.PowerOn(background()) }) // for the tests that follow, if this one fails
	}
	after := s.up(t, "storm", 3, n.Name(), nil)
	s.dnsIs(t, "storm", addresses(after))
	for _, h := range []*host.Host{leader.Host, n.Host} {
		if err := h.PowerOn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the node is ready again", func() error { return n.Ready(t.Context()) })
	final := s.up(t, "storm", 3, "", nil)
	for _, u := range after {
		if !slices.ContainsFunc(final, func(v placed) bool { return v.Unit == u.Unit && v.PID == u.PID }) {
			t.Errorf("%+v was moved when the node came back: %+v", u, final)
		}
	}
}

func TestASubmitThatCannotSucceedSaysWhyAndWithWhichCode(t *testing.T) {
	t.Parallel()
	s := onWhole(t)
	plain := func(name string) document { return s.actorApp(name) }
	remote := s.pushed(t, "remote", cluster.KeyName, cluster.MainCache)
	run(t, s.Dev, "nix-store", "--delete", "--ignore-liveness", remote)
	for _, c := range []struct {
		name string
		app  document
		code int
		says string
		// stored says that it is in etcd afterwards, and has to be stopped.
		stored bool
	}{
		{"a path that no cache has", plain("nowhere").with("path", "/nix/store/"+strings.Repeat("1", 32)+"-nowhere"), 2, "nowhere", false},
		{"more memory than any node has", plain("giant").with("resources", document{"memory": "100Ti"}), 3, "memory", false},
		{"a label that no node has", plain("picky").with("constraints", list{document{"attribute": "labels.disk", "operator": "=", "value": "ssd"}}), 3, "labels.disk", false},
		{"an executable that is not in the package here", plain("empty").with("command", list{"bin/nothing"}), 2, "bin/nothing", false},
		{"one that only a node can look for", plain("hollow").with("path", remote).with("command", list{"bin/nothing"}), 4, "bin/nothing", true},
		{"a service that dies at once", plain("shortlived").with("command", list{"bin/actor", "-die", "5"}), 4, "5", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := s.types(t, c.app, "submit", "-")
			if got.code != c.code || !strings.Contains(got.out+got.errs, c.says) {
				t.Errorf("it said %+v; want code %d and %q", got, c.code, c.says)
			}
			if c.stored {
				if got := s.types(t, nil, "stop", fmt.Sprint(c.app["name"])); got.code != 0 {
					t.Errorf("stop: %+v", got)
				}
			} else if s.read(t, s.Keys.Under("apps", "default")+fmt.Sprint(c.app["name"])) != nil {
				t.Error("it was stored")
			}
		})
	}
}

func TestBadValuesHarmNoOtherApp(t *testing.T) {
	t.Parallel()
	s := onWhole(t)
	s.submits(t, s.wide("healthy", 2))
	before := s.up(t, "healthy", 2, "", nil)
	values := []string{"", "{", `{"v":9}`, `{"v":1,"count":-5,"generation":1}`, `[]`, strings.Repeat("x", 1<<20)}
	var keys []string
	for i, v := range values {
		app := fmt.Sprintf("bad%d", i)
		for _, key := range []string{
			s.Keys.Under("apps", "default") + app, s.Keys.Under("generations", "default", app) + "1",
			s.Keys.Under("slots", "default", app) + "0", s.Keys.Under("summary", "default", app) + "0",
			s.Keys.Under("rollouts", "default", app) + "1",
			s.Keys.Under("status", "n1") + "default." + app + ".0.1.1", s.Keys.Under("units", "n2") + "default." + app + ".0.1.1",
			s.Keys.Under("endpoints", "default", "n3") + "default." + app + ".0.1.1",
			s.Keys.Under("nodes") + "stranger" + fmt.Sprint(i), s.Keys.Under("operator") + "stranger" + fmt.Sprint(i),
		} {
			s.put(t, key, v)
			keys = append(keys, key)
		}
	}
	defer func() {
		for _, key := range keys {
			s.remove(t, key)
		}
	}()
	s.submits(t, s.wide("newborn", 2))
	s.up(t, "newborn", 2, "", nil)
	after := s.up(t, "healthy", 2, "", nil)
	for _, u := range before {
		if !slices.ContainsFunc(after, func(v placed) bool { return v.Unit == u.Unit && v.PID == u.PID }) {
			t.Errorf("%+v did not go on: %+v", u, after)
		}
	}
	if got := s.types(t, nil, "status"); got.code != 0 || !strings.Contains(got.out, "healthy") {
		t.Errorf("status says %+v", got)
	}
}

func TestASystemAppRunsOnEveryNodeAndANewGenerationReplacesTheOld(t *testing.T) {
	t.Parallel()
	s := onWhole(t)
	app := s.actorApp("everywhere").with("type", "system")
	s.submits(t, app)
	first := s.up(t, "everywhere", len(wholeNodes), "", nil)
	var on []string
	for _, u := range first {
		on = append(on, u.Node)
	}
	slices.Sort(on)
	if !slices.Equal(on, wholeNodes) {
		t.Errorf("it runs on %v", on)
	}
	s.submits(t, app.with("env", document{"COLOUR": "green"}))
	second := s.up(t, "everywhere", len(wholeNodes), "", func(u placed) bool {
		id, err := units.ParseUnitID(u.Unit)
		return err == nil && id.Generation == 2
	})
	if got := s.types(t, nil, "logs", "everywhere"); got.code != 0 || !strings.Contains(got.out, "actor plays "+second[0].Unit) {
		t.Errorf("logs say %+v", got)
	}
}
