package diff_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/nsched/nsched/dns/diff"
	"github.com/nsched/nsched/units"
)

// live is an endpoint of web's slot with the port http at 20000.
func live(slot units.Slot, generation units.Generation, spec *diff.Spec, addresses ...string) diff.Live {
	return diff.Live{
		Unit: units.UnitID{Namespace: web.Namespace, App: web.Name, Slot: slot, Generation: generation, Attempt: 1},
		Node: "n" + units.NodeName(slot), Spec: spec,
		Endpoint: units.Endpoint{Addresses: addresses, Ports: map[string]uint16{"http": 20000, "admin": 20001}},
	}
}

func of(app units.AppID, l diff.Live) diff.Live {
	l.Unit.Namespace, l.Unit.App = app.Namespace, app.Name
	return l
}

func record(name string, t units.DNSType) units.DNSRecord {
	return units.DNSRecord{Name: name, Type: t, TTL: 60, Provider: units.ProviderCoreDNS}
}

func spec(ports string, records ...units.DNSRecord) *diff.Spec {
	s := &diff.Spec{Records: records}
	for name := range strings.FieldsSeq(ports) {
		s.Ports = append(s.Ports, units.Port{Name: name, Protocol: units.TCP})
	}
	return s
}

func perUnit(r units.DNSRecord) units.DNSRecord { r.PerUnit = true; return r }

func by(p units.DNSProvider, r units.DNSRecord) units.DNSRecord { r.Provider = p; return r }

func TestDesired(t *testing.T) {
	const name = "web.example.org"
	aRecord := record(name, units.DNSTypeA)
	for title, c := range map[string]struct {
		fleet diff.Fleet
		want  []string
		says  []string
	}{
		"no endpoint is no record": {fleet: diff.Fleet{}},
		"each live unit stands behind the name": {
			fleet: diff.Fleet{Live: []diff.Live{live("1", 1, spec("http", aRecord), "10.0.0.2"), live("0", 1, spec("http", aRecord), "10.0.0.1")}},
			want:  []string{"web.example.org 60 A 10.0.0.1", "web.example.org 60 A 10.0.0.2"},
		},
		"two units on one node are one address": {
			fleet: diff.Fleet{Live: []diff.Live{live("1", 1, spec("http", aRecord), "10.0.0.1"), live("0", 1, spec("http", aRecord), "10.0.0.1")}},
			want:  []string{"web.example.org 60 A 10.0.0.1"},
		},
		"addresses go by family, and those of one machine alone are left out": {
			fleet: diff.Fleet{Live: []diff.Live{live("0", 1, spec("http", aRecord, record(name, units.DNSTypeAAAA)),
				"10.0.0.1", "2001:db8::1", "::ffff:10.0.0.2", "fe80::1%eth0", "fe80::1", "host.example.org", "0.0.0.0")}},
			want: []string{"web.example.org 60 A 10.0.0.1", "web.example.org 60 A 10.0.0.2", "web.example.org 60 AAAA 2001:db8::1"},
		},
		"coredns may serve loopback and others may not": {
			fleet: diff.Fleet{Live: []diff.Live{live("0", 1, spec("http", aRecord, by(units.ProviderCloudflare, aRecord)), "127.0.0.1")}},
			want:  []string{"web.example.org 60 A 127.0.0.1"},
		},
		"per unit adds a name for each": {
			fleet: diff.Fleet{Live: []diff.Live{live("0", 1, spec("http", perUnit(aRecord)), "10.0.0.1"), live("1", 1, spec("http", perUnit(aRecord)), "10.0.0.2")}},
			want: []string{
				"0.web.example.org 60 A 10.0.0.1", "1.web.example.org 60 A 10.0.0.2",
				"web.example.org 60 A 10.0.0.1", "web.example.org 60 A 10.0.0.2",
			},
		},
		"srv of an app with one port is under the name and under the port": {
			fleet: diff.Fleet{Live: []diff.Live{live("0", 1, spec("http", record(name, units.DNSTypeSRV)), "10.0.0.1")}},
			want: []string{
				"0.web.example.org 60 A 10.0.0.1",
				"_http._tcp.web.example.org 60 SRV 10 1 20000 0.web.example.org",
				"web.example.org 60 SRV 10 1 20000 0.web.example.org",
			},
		},
		"srv of an app with two ports is under the ports alone": {
			fleet: diff.Fleet{Live: []diff.Live{live("0", 1, spec("http admin", record(name, units.DNSTypeSRV)), "10.0.0.1")}},
			want: []string{
				"0.web.example.org 60 A 10.0.0.1",
				"_admin._tcp.web.example.org 60 SRV 10 1 20001 0.web.example.org",
				"_http._tcp.web.example.org 60 SRV 10 1 20000 0.web.example.org",
			},
		},
		"srv under a service's name is about that port, and its target below the app's name": {
			fleet: diff.Fleet{Live: []diff.Live{live("0", 1, spec("http admin", perUnit(record("_admin._tcp.web.example.org", units.DNSTypeSRV))), "10.0.0.1")}},
			want: []string{
				"0.web.example.org 60 A 10.0.0.1",
				"_admin._tcp.0.web.example.org 60 SRV 10 1 20001 0.web.example.org",
				"_admin._tcp.web.example.org 60 SRV 10 1 20001 0.web.example.org",
			},
		},
		"srv of a port that no unit has says so": {
			fleet: diff.Fleet{Live: []diff.Live{live("0", 1, spec("http admin", record("_x._tcp.web.example.org", units.DNSTypeSRV)), "10.0.0.1")}},
			says:  []string{diff.ReasonNoTarget},
		},
		"txt tells who is there": {
			fleet: diff.Fleet{Live: []diff.Live{live("0", 3, spec("", record(name, units.DNSTypeTXT)), "10.0.0.1")}},
			want:  []string{`web.example.org 60 TXT "app=prod/web slot=0 generation=3 node=n0"`},
		},
		"cname is the host name of the first unit that has one": {
			fleet: diff.Fleet{Live: []diff.Live{
				live("2", 1, spec("", record(name, units.DNSTypeCNAME)), "10.0.0.3", "c.example.net"),
				live("1", 1, spec("", record(name, units.DNSTypeCNAME)), "10.0.0.2", "B.example.net."),
			}},
			want: []string{"web.example.org 60 CNAME b.example.net"},
		},
		"cname without a host name says so": {
			fleet: diff.Fleet{Live: []diff.Live{live("0", 1, spec("", record(name, units.DNSTypeCNAME)), "10.0.0.1")}},
			says:  []string{diff.ReasonNoTarget},
		},
		"names follow the generation of each unit": {
			fleet: diff.Fleet{Live: []diff.Live{
				live("0", 1, spec("", aRecord), "10.0.0.1"), live("1", 2, spec("", record("new.example.org", units.DNSTypeA)), "10.0.0.2"),
			}},
			want: []string{"new.example.org 60 A 10.0.0.2", "web.example.org 60 A 10.0.0.1"},
		},
		"a cname and addresses of two generations are the newest one's": {
			fleet: diff.Fleet{Live: []diff.Live{
				live("0", 1, spec("", record(name, units.DNSTypeCNAME)), "a.example.net"), live("1", 2, spec("", aRecord), "10.0.0.2"),
			}},
			want: []string{"web.example.org 60 A 10.0.0.2"},
			says: []string{diff.ReasonMixed},
		},
		"a claimed name is the claimant's": {
			fleet: diff.Fleet{
				Live:   []diff.Live{live("0", 1, spec("", aRecord), "10.0.0.1"), of(apps[2], live("0", 1, spec("", aRecord), "10.0.0.9"))},
				Claims: map[string]units.AppID{name: apps[2]}, Since: map[units.AppID]int64{web: 1, apps[2]: 2},
			},
			want: []string{"web.example.org 60 A 10.0.0.9"},
			says: []string{units.ReasonNameClaimed},
		},
		"a name that nobody claims is the first app's": {
			fleet: diff.Fleet{
				Live:  []diff.Live{live("0", 1, spec("", aRecord), "10.0.0.1"), of(apps[1], live("0", 1, spec("", aRecord), "10.0.0.9"))},
				Since: map[units.AppID]int64{web: 1, apps[1]: 2},
			},
			want: []string{"web.example.org 60 A 10.0.0.1"},
			says: []string{units.ReasonNameClaimed},
		},
		"who declares a name has it before who derives it": {
			fleet: diff.Fleet{
				Live: []diff.Live{
					live("0", 1, spec("", perUnit(aRecord)), "10.0.0.1"),
					of(apps[1], live("5", 1, spec("", record("0.web.example.org", units.DNSTypeA)), "10.0.0.9")),
				},
				Since: map[units.AppID]int64{web: 1, apps[1]: 2},
			},
			want: []string{"0.web.example.org 60 A 10.0.0.9", "web.example.org 60 A 10.0.0.1"},
			says: []string{units.ReasonNameClaimed},
		},
		"a name that coredns takes for a wildcard is refused": {
			fleet: diff.Fleet{Live: []diff.Live{live("0", 1, spec("", record("any.example.org", units.DNSTypeA)), "10.0.0.1")}},
			says:  []string{diff.ReasonBadName},
		},
		"a name that gets too long with its unit is refused alone": {
			fleet: diff.Fleet{Live: []diff.Live{live("0", 1, spec("", perUnit(record(strings.Repeat("abcdefghi.", 25)+"or", units.DNSTypeA))), "10.0.0.1")}},
			want:  []string{strings.Repeat("abcdefghi.", 25) + "or 60 A 10.0.0.1"},
			says:  []string{diff.ReasonBadName},
		},
		"a unit whose document cannot be read is silent about its names": {
			fleet: diff.Fleet{Live: []diff.Live{live("0", 1, nil, "10.0.0.1")}},
		},
	} {
		t.Run(title, func(t *testing.T) {
			w := diff.Desired(c.fleet)
			var got, says []string
			for _, r := range w.Records {
				got = append(got, r.String())
			}
			for _, p := range w.Problems {
				says = append(says, p.Reason.Code)
			}
			if d := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(c.says, says, cmpopts.EquateEmpty()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAnAppWhoseDocumentCannotBeReadIsUnclear(t *testing.T) {
	if w := diff.Desired(diff.Fleet{Live: []diff.Live{live("0", 1, nil, "10.0.0.1")}}); !w.Unclear.Apps[web] {
		t.Error("is taken for clear")
	}
}

func drawLive(t *rapid.T) diff.Fleet {
	f := diff.Fleet{Since: map[units.AppID]int64{apps[0]: 3, apps[1]: 2, apps[2]: 1}, Claims: map[string]units.AppID{"n1.example.org": apps[0]}}
	types := []units.DNSType{units.DNSTypeA, units.DNSTypeAAAA, units.DNSTypeCNAME, units.DNSTypeSRV, units.DNSTypeTXT}
	specs := map[string]*diff.Spec{}
	for i := range rapid.IntRange(0, 12).Draw(t, "live") {
		app, gen := rapid.SampledFrom(apps).Draw(t, "app"), rapid.IntRange(1, 2).Draw(t, "gen")
		key := app.String() + string(rune('0'+gen))
		if specs[key] == nil {
			s := spec("http")
			for range rapid.IntRange(0, 3).Draw(t, "records") {
				r := record(rapid.SampledFrom([]string{"n1.example.org", "n2.example.org", "0.n1.example.org"}).Draw(t, "name"), rapid.SampledFrom(types).Draw(t, "type"))
				r.PerUnit, r.TTL = rapid.Bool().Draw(t, "perUnit"), rapid.IntRange(1, 3).Draw(t, "ttl")
				s.Records = append(s.Records, r)
			}
			specs[key] = s
		}
		addr := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}).String()
		f.Live = append(f.Live, of(app, live(units.IndexSlot(i), units.Generation(gen), specs[key], addr, "host.example.net")))
	}
	return f
}

func TestWishesAreRecordsThatAServerCanHaveOfLiveUnitsAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawLive(t)
		w := diff.Desired(f)
		alive, owners := map[string]units.AppID{}, map[string]units.AppID{}
		for _, l := range f.Live {
			alive[l.Endpoint.Addresses[0]] = l.Unit.AppID()
		}
		var keys []diff.Key
		ttl := map[string]int{}
		for _, r := range w.Records {
			if !fits(r.Key, keys) {
				t.Fatalf("%s has no place", r)
			}
			keys = append(keys, r.Key)
			if r.Type == units.DNSTypeA && alive[r.Value()] != r.App {
				t.Fatalf("%s points to %s, not to a live unit of %s", r, alive[r.Value()], r.App)
			}
			if o, ok := owners[r.Name]; ok && o != r.App {
				t.Fatalf("%s is shared by %s and %s", r.Name, o, r.App)
			}
			owners[r.Name] = r.App
			set := r.Name + string(r.Type)
			if n, ok := ttl[set]; ok && n != r.TTL {
				t.Fatalf("%s has two ttls", set)
			}
			ttl[set] = r.TTL
		}
		f.Live = rapid.Permutation(f.Live).Draw(t, "live")
		if d := cmp.Diff(w, diff.Desired(f), cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}
