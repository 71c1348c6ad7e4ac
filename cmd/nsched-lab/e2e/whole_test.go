package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// wholeNodes are the nodes of the cluster that a scheduler leads.
var wholeNodes = []string{"n1", "n2", "n3"}

func openWhole(ctx context.Context) (_ *stage, err error) {
	s, err := openStage(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	for _, name := range []string{"s1", "s2"} {
		h, err := s.AddScheduler(ctx, name)
		if err != nil {
			return nil, err
		}
		s.schedulers = append(s.schedulers, h)
	}
	for _, name := range wholeNodes {
		if s.nodes[name], err = s.AddNode(ctx, name, cluster.NodeOptions{}); err != nil {
			return nil, err
		}
	}
	return s, s.StartCoreDNS(ctx)
}

// onWhole returns the cluster that a scheduler leads, with all nodes ready.
func onWhole(t *testing.T) *stage {
	t.Helper()
	s := whole.get(t)
	for _, name := range wholeNodes {
		s.node(t, name)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, h := range s.schedulers {
				cluster.DumpHost(background(), t.Output(), h.Host)
			}
		}
	})
	eventually(t, "a scheduler leads", func() error { _, _, err := s.leader(); return err })
	return s
}

// leader finds who leads, and the term: the oldest key of the election.
func (s *stage) leader() (*cluster.Scheduler, int64, error) {
	prefix := s.Keys.Under(registry.KindLeader)
	r, err := s.Registry.Range(background(), registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
	if err != nil {
		return nil, 0, err
	}
	if len(r.KVs) == 0 {
		return nil, 0, errors.New("nobody leads")
	}
	first := slices.MinFunc(r.KVs, func(a, b registry.KeyValue) int { return int(a.CreateRevision - b.CreateRevision) })
	l, _, err := registry.Decode[units.Leader](first.Key, first.Value)
	if err != nil {
		return nil, 0, err
	}
	for _, h := range s.schedulers {
		if h.Name() == l.Name {
			return h, first.CreateRevision, nil
		}
	}
	return nil, 0, fmt.Errorf("%q leads", l.Name)
}

// said is how a command of a person ended.
type said struct {
	code      int
	out, errs string
}

// types runs nsched on the machine of a person, with a document as standard input.
func (s *stage) types(t *testing.T, app document, args ...string) said {
	t.Helper()
	var in, out, errs strings.Builder
	if app != nil {
		if err := json.NewEncoder(&in).Encode(app); err != nil {
			t.Fatal(err)
		}
	}
	err := s.Dev.Run(background(), host.Command{
		Argv: append([]string{"timeout", "120", "nsched"}, args...), Stdin: strings.NewReader(in.String()), Stdout: &out, Stderr: &errs,
		Env: []string{"NSCHED_ENDPOINTS=" + cluster.EtcdURL, "NSCHED_ALLOW_INSECURE=true"},
	})
	got := said{out: out.String(), errs: errs.String()}
	if exit := (*host.ExitError)(nil); errors.As(err, &exit) {
		got.code = exit.Code
	} else if err != nil {
		t.Fatal(err)
	}
	return got
}

// submits has an app run, which must succeed, and stops it when the test has ended.
func (s *stage) submits(t *testing.T, app document) {
	t.Helper()
	t.Cleanup(func() {
		if got := s.types(t, nil, "stop", fmt.Sprint(app["name"]), "--detach"); got.code != 0 {
			t.Errorf("stop %s: %+v", app["name"], got)
		}
	})
	if got := s.types(t, app, "submit", "-"); got.code != 0 {
		t.Fatalf("submit %s: %+v", app["name"], got)
	}
}

// placed is a unit as "nsched units -o json" tells it.
type placed struct {
	Unit, Node, State, Health string
	PID                       int
	Orphan                    bool
	Addresses                 []string
	Ports                     map[string]uint16
}

func (p placed) url(path string) string {
	return fmt.Sprintf("http://%s:%d%s", p.Addresses[0], p.Ports["http"], path)
}

// units lists the units of an app.
func (s *stage) units(t *testing.T, app string) []placed {
	t.Helper()
	got := s.types(t, nil, "units", app, "-o", "json")
	var all []placed
	if err := json.Unmarshal([]byte(got.out), &all); got.code != 0 || err != nil {
		t.Fatalf("units %s: %+v, %v", app, got, err)
	}
	return all
}

// up waits until an app has so many units that can be reached, and no others but on the node that is away,
// and returns them. Each must fit, where fits is given.
func (s *stage) up(t *testing.T, app string, want int, away string, fits func(placed) bool) []placed {
	t.Helper()
	var all []placed
	eventually(t, fmt.Sprintf("%s has %d units", app, want), func() error {
		all = slices.DeleteFunc(s.units(t, app), func(u placed) bool { return u.Node == away })
		if len(all) != want {
			return fmt.Errorf("it has %+v", all)
		}
		for _, u := range all {
			if u.Health != "passing" || len(u.Addresses) == 0 || fits != nil && !fits(u) {
				return fmt.Errorf("%+v", u)
			}
			if _, err := s.get(t.Context(), u.url("/")); err != nil {
				return err
			}
		}
		return nil
	})
	return all
}
