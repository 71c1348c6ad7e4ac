package stage

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// Leader finds who leads, and the term: the oldest key of the election.
func (s *Stage) Leader() (*cluster.Scheduler, int64, error) {
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
	for _, h := range s.Schedulers {
		if h.Name() == l.Name {
			return h, first.CreateRevision, nil
		}
	}
	return nil, 0, fmt.Errorf("%q leads", l.Name)
}

// Unreachable is the exit code for a cluster that does not answer.
const Unreachable = 6

// Said is how a command of a person ended.
type Said struct {
	Code      int
	Out, Errs string
}

// Types runs nsched on the machine of a person, with a document as standard input.
func (s *Stage) Types(t *testing.T, app Document, args ...string) Said {
	t.Helper()
	var in, out, errs strings.Builder
	if app != nil {
		if err := json.NewEncoder(&in).Encode(app); err != nil {
			t.Fatal(err)
		}
	}
	err := s.Dev.Run(background(), host.Command{
		Argv: append([]string{"timeout", "120", "nsched"}, args...), Stdin: strings.NewReader(in.String()), Stdout: &out, Stderr: &errs,
		Env: s.Environment,
	})
	got := Said{Out: out.String(), Errs: errs.String()}
	if exit := (*host.ExitError)(nil); errors.As(err, &exit) {
		got.Code = exit.Code
	} else if err != nil {
		t.Fatal(err)
	}
	return got
}

// Submits has an app run, which must succeed, and stops it when the test has ended.
func (s *Stage) Submits(t *testing.T, app Document) {
	t.Helper()
	t.Cleanup(func() {
		got := s.Types(t, nil, "stop", fmt.Sprint(app["name"]), "--detach")
		for begun := time.Now(); got.Code == Unreachable && time.Since(begun) < Patience; {
			got = s.Types(t, nil, "stop", fmt.Sprint(app["name"]), "--detach") // a test that fails may leave etcd in trouble
		}
		if got.Code != 0 {
			t.Errorf("stop %s: %+v", app["name"], got)
		}
	})
	if got := s.Types(t, app, "submit", "-"); got.Code != 0 {
		t.Fatalf("submit %s: %+v", app["name"], got)
	}
}

// Placed is a unit as "nsched units -o json" tells it.
type Placed struct {
	Unit, Node, State, Health string
	PID                       int
	Orphan                    bool
	Addresses                 []string
	Ports                     map[string]uint16
}

// URL is an address of the service.
func (p Placed) URL(path string) string {
	return fmt.Sprintf("http://%s:%d%s", p.Addresses[0], p.Ports["http"], path)
}

// Units lists the units of an app.
func (s *Stage) Units(t *testing.T, app string) []Placed {
	t.Helper()
	got := s.Types(t, nil, "units", app, "-o", "json")
	var all []Placed
	if err := json.Unmarshal([]byte(got.Out), &all); got.Code != 0 || err != nil {
		t.Fatalf("units %s: %+v, %v", app, got, err)
	}
	return all
}

// Up waits until an app has so many units that can be reached, and no others but on the node that is away,
// and returns them. Each must fit, where fits is given.
func (s *Stage) Up(t *testing.T, app string, want int, away string, fits func(Placed) bool) []Placed {
	t.Helper()
	var all []Placed
	Eventually(t, fmt.Sprintf("%s has %d units", app, want), func() error {
		all = slices.DeleteFunc(s.Units(t, app), func(u Placed) bool { return u.Node == away })
		if len(all) != want {
			return fmt.Errorf("it has %+v", all)
		}
		for _, u := range all {
			if u.Health != "passing" || len(u.Addresses) == 0 || fits != nil && !fits(u) {
				return fmt.Errorf("%+v", u)
			}
			if _, err := s.Get(t.Context(), u.URL("/")); err != nil {
				return err
			}
		}
		return nil
	})
	return all
}

// DNSIs waits until the name of an app stands for these addresses.
func (s *Stage) DNSIs(t *testing.T, name string, want []string) {
	t.Helper()
	slices.Sort(want)
	want = slices.Compact(want)
	Eventually(t, fmt.Sprintf("%s is %v", name, want), func() error {
		out, err := s.Dev.Exec(t.Context(), "dig", "+short", "+timeout=2", "A", name+"."+cluster.Zone)
		got := strings.Fields(out)
		slices.Sort(got)
		if err == nil && !slices.Equal(got, want) {
			err = fmt.Errorf("it is %v", got)
		}
		return err
	})
}

// Addresses are where the units can be reached.
func Addresses(all []Placed) []string {
	var out []string
	for _, u := range all {
		out = append(out, u.Addresses...)
	}
	return out
}
