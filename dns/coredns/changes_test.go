package coredns_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nsched/nsched/dns/coredns"
	"github.com/nsched/nsched/dns/diff"
	"github.com/nsched/nsched/units"
)

var web = units.AppID{Namespace: "prod", Name: "web"}

func address(name, addr string) diff.Record {
	r := diff.Record{Key: diff.Key{Name: name, Type: units.DNSTypeA}, Provider: units.ProviderCoreDNS, TTL: 60, App: web}
	r.Data.Addr = netip.MustParseAddr(addr)
	if r.Data.Addr.Is6() {
		r.Type = units.DNSTypeAAAA
	}
	return r
}

func service(name, target string, port uint16) diff.Record {
	r := address(name, "0.0.0.0")
	r.Type, r.Data = units.DNSTypeSRV, diff.Data{Priority: diff.Priority, Weight: diff.Weight, Port: port, Target: target}
	return r
}

func text(name, content string) diff.Record {
	r := address(name, "0.0.0.0")
	r.Type, r.Data = units.DNSTypeTXT, diff.Data{Text: content}
	return r
}

// keys is what is held below skydns/.
type keys map[string]coredns.Held

func (k keys) held() []coredns.Held { return slices.Collect(maps.Values(k)) }

func (k keys) apply(changes []coredns.Change) {
	for _, c := range changes {
		if c.Value == nil {
			delete(k, c.Path)
			continue
		}
		k[c.Path] = coredns.Held{Path: c.Path, Value: c.Value, ModRevision: c.ModRevision + 1}
	}
}

func TestTheKeysOfAnApp(t *testing.T) {
	got := map[string]string{}
	for _, c := range coredns.Changes(coredns.Input{Want: []diff.Record{
		address("web.example.org", "10.0.0.1"), address("0.web.example.org", "2001:db8::1"),
		service("web.example.org", "0.web.example.org", 20000), text("who.web.example.org", "slot=0"),
	}}).Changes {
		got[c.Path] = string(c.Value)
	}
	want := map[string]string{
		"org/barrier.nsched":                          `{"host":"barrier.org","port":-1,"priority":1,"group":"org","owner":"nsched"}`,
		"org/example/barrier.nsched":                  `{"host":"barrier.example.org","port":-1,"priority":1,"group":"example.org","owner":"nsched"}`,
		"org/example/web/0/aaaa.2001:db8::1":          `{"host":"2001:db8::1","port":-1,"priority":1,"ttl":60,"group":"0.web.example.org","owner":"prod/web"}`,
		"org/example/web/a.10.0.0.1":                  `{"host":"10.0.0.1","port":-1,"priority":1,"ttl":60,"group":"web.example.org","owner":"prod/web"}`,
		"org/example/web/srv.20000.0.web.example.org": `{"host":"0.web.example.org","port":20000,"priority":10,"weight":1,"ttl":60,"group":"web.example.org","owner":"prod/web"}`,
		"org/example/web/who/txt.af84d2ff58d2945c":    `{"text":"slot=0","ttl":60,"group":"who.web.example.org","owner":"prod/web"}`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestWhatIsKept(t *testing.T) {
	before := keys{}
	before.apply(coredns.Changes(coredns.Input{Want: []diff.Record{address("a.example.org", "10.0.0.1"), address("b.example.org", "10.0.0.2")}}).Changes)
	only := []diff.Record{address("a.example.org", "10.0.0.1")}
	unclear := func(u diff.Unclear) coredns.Input { return coredns.Input{Want: only, Unclear: u} }
	for name, c := range map[string]struct {
		in      coredns.Input
		deletes int
	}{
		"what nobody wants goes":                         {coredns.Input{Want: only}, 1},
		"nothing goes while evictions are frozen":        {coredns.Input{Want: only, Frozen: true}, 0},
		"nothing goes when the registry is empty":        {coredns.Input{Empty: true}, 0},
		"nothing goes of an app that cannot be read":     {unclear(diff.Unclear{Apps: map[units.AppID]bool{web: true}}), 0},
		"nothing goes of a name whose claim is not read": {unclear(diff.Unclear{Names: map[string]bool{"b.example.org": true}}), 0},
		"everything goes with the last endpoint":         {coredns.Input{}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.Held = before.held()
			res := coredns.Changes(c.in)
			for _, ch := range res.Changes {
				if ch.Value != nil {
					t.Errorf("writes %s", ch.Path)
				}
			}
			if len(res.Changes) != c.deletes {
				t.Errorf("deletes %d, want %d: %v", len(res.Changes), c.deletes, res.Changes)
			}
		})
	}
}

func TestKeysOfOthersStay(t *testing.T) {
	held := []coredns.Held{
		{Path: "org/example/x/static", Value: []byte(`{"host":"192.0.2.1"}`)},
		{Path: "org/example/x/broken", Value: []byte(`{`)},
		{Path: "org/example/web/a.10.0.0.1", Value: []byte(`{"host":"10.0.0.1","ttl":5}`)},
	}
	res := coredns.Changes(coredns.Input{Want: []diff.Record{address("web.example.org", "10.0.0.1")}, Held: held})
	if res.Foreign != 3 {
		t.Errorf("%d are foreign", res.Foreign)
	}
	for _, c := range res.Changes {
		if !strings.Contains(c.Path, "barrier") {
			t.Errorf("changes %+v", c)
		}
	}
}

func TestChangesLeadToRestAndFollowExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state := keys{"org/example/x/static": {Path: "org/example/x/static", Value: []byte(`{"host":"192.0.2.1"}`)}}
		for range rapid.IntRange(1, 5).Draw(t, "rounds") {
			var in coredns.Input
			seen := map[diff.Key]bool{}
			for range rapid.IntRange(0, 8).Draw(t, "records") {
				name := rapid.SampledFrom([]string{"web.example.org", "0.web.example.org", "db.example.org", "_http._tcp.web.example.org"}).Draw(t, "name")
				r := address(name, fmt.Sprintf("10.0.0.%d", rapid.IntRange(1, 3).Draw(t, "addr")))
				if rapid.Bool().Draw(t, "srv") {
					r = service(name, "0."+name, uint16(rapid.IntRange(1, 2).Draw(t, "port")))
				}
				if !seen[r.Key] {
					seen[r.Key] = true
					in.Want = append(in.Want, r)
				}
			}
			in.Frozen, in.Held = rapid.Bool().Draw(t, "frozen"), state.held()
			res := coredns.Changes(in)
			for _, c := range res.Changes {
				if c.Value == nil && in.Frozen {
					t.Fatalf("%s is deleted while frozen", c.Path)
				}
				if c.ModRevision != state[c.Path].ModRevision {
					t.Fatalf("%s compares %d, and %d is held", c.Path, c.ModRevision, state[c.Path].ModRevision)
				}
			}
			state.apply(res.Changes)
			in.Held = state.held()
			if again := coredns.Changes(in).Changes; len(again) > 0 {
				t.Fatalf("is not at rest: %v", again)
			}
			records := 0
			for path, h := range state {
				if !strings.Contains(path, "barrier") && strings.Contains(string(h.Value), "owner") {
					records++
				}
			}
			if !in.Frozen && records != len(in.Want) || records < len(in.Want) {
				t.Fatalf("%d records are wanted and %d are there", len(in.Want), records)
			}
		}
	})
}
