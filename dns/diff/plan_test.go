package diff_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nsched/nsched/dns/diff"
	"github.com/nsched/nsched/units"
)

const cluster = "c1"

var web = units.AppID{Namespace: "prod", Name: "web"}

func a(name, addr string) diff.Key {
	t := units.DNSTypeA
	ip := netip.MustParseAddr(addr)
	if ip.Is6() {
		t = units.DNSTypeAAAA
	}
	return diff.Key{Name: name, Type: t, Data: diff.Data{Addr: ip}}
}

func cname(name, target string) diff.Key {
	return diff.Key{Name: name, Type: units.DNSTypeCNAME, Data: diff.Data{Target: target}}
}

func want(keys ...diff.Key) (records []diff.Record) {
	for _, k := range keys {
		records = append(records, diff.Record{Key: k, Provider: units.ProviderCloudflare, TTL: 60, App: web})
	}
	return records
}

// have makes existing records with the ids 1, 2, … and the owner's mark.
func have(owner diff.Owner, keys ...diff.Key) (records []diff.Existing) {
	for i, k := range keys {
		records = append(records, diff.Existing{Key: k, ID: owner.Cluster + string(rune('1'+i)), TTL: 60, Owner: owner})
	}
	return records
}

var (
	ours   = diff.Owner{Cluster: cluster, App: diff.Tag(web)}
	theirs = diff.Owner{Cluster: "c2", App: diff.Tag(web)}
)

func TestPlan(t *testing.T) {
	lost := diff.NewSilence(diff.Fleet{Lost: []netip.Addr{netip.MustParseAddr("192.0.2.1")}})
	mute := diff.NewSilence(diff.Fleet{Silent: []diff.Silent{{
		Unit: units.UnitID{Namespace: web.Namespace, App: web.Name, Slot: "0", Generation: 1, Attempt: 1}, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
	}}})
	ended := diff.NewSilence(diff.Fleet{
		Lost: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Ended: map[units.AppID]bool{web: true},
	})
	one, two := a("web.example.org", "192.0.2.1"), a("web.example.org", "192.0.2.2")
	for name, c := range map[string]struct {
		zone diff.Zone
		does []string // verb, id and record
		kept []string // record and why
		says []string // codes of problems
	}{
		"a wanted record is created with our mark": {
			zone: diff.Zone{Want: want(one)},
			does: []string{"create  web.example.org 192.0.2.1"},
		},
		"what is as wanted stays untouched": {
			zone: diff.Zone{Want: want(one), Have: have(ours, one)},
		},
		"a hand edit of the ttl is repaired in place": {
			zone: diff.Zone{Want: want(one), Have: []diff.Existing{{Key: one, ID: "x", TTL: 300, Owner: ours}}},
			does: []string{"update x web.example.org 192.0.2.1"},
		},
		"the same record without our mark is neither adopted nor doubled": {
			zone: diff.Zone{Want: want(one), Have: have(diff.Owner{}, one)},
			says: []string{diff.ReasonForeign},
		},
		"nothing is added to another cluster's records": {
			zone: diff.Zone{Want: want(one), Have: have(theirs, two)},
			says: []string{diff.ReasonForeign},
		},
		"a foreign cname keeps its name to itself": {
			zone: diff.Zone{Want: want(one), Have: have(diff.Owner{}, cname("web.example.org", "x.example.net"))},
			says: []string{diff.ReasonForeign},
		},
		"the old address goes when the new one is seen to exist": {
			zone: diff.Zone{Want: want(two), Have: have(ours, one, two)},
			does: []string{"delete c11 web.example.org 192.0.2.1"},
		},
		"the old address stays until the new one exists": {
			zone: diff.Zone{Want: want(two), Have: have(ours, one)},
			does: []string{"create  web.example.org 192.0.2.2"},
			kept: []string{"192.0.2.1 " + diff.ReasonReplacing},
		},
		"the last address goes when its unit has left": {
			zone: diff.Zone{Have: have(ours, one)},
			does: []string{"delete c11 web.example.org 192.0.2.1"},
		},
		"the last address of a lost node stays": {
			zone: diff.Zone{Have: have(ours, one), Silence: lost},
			kept: []string{"192.0.2.1 " + diff.ReasonLastAddress},
		},
		"the last address of a unit that does not answer stays": {
			zone: diff.Zone{Have: have(ours, one), Silence: mute},
			kept: []string{"192.0.2.1 " + diff.ReasonLastAddress},
		},
		"the address of a lost node goes when another one lives": {
			zone: diff.Zone{Want: want(two), Have: have(ours, one, two), Silence: lost},
			does: []string{"delete c11 web.example.org 192.0.2.1"},
		},
		"the last address of a lost node goes when the app was stopped": {
			zone: diff.Zone{Have: have(ours, one), Silence: ended},
			does: []string{"delete c11 web.example.org 192.0.2.1"},
		},
		"nothing is removed while evictions are frozen": {
			zone: diff.Zone{Want: want(two), Have: have(ours, one, two), Frozen: true},
			kept: []string{"192.0.2.1 " + diff.ReasonFrozen},
		},
		"nothing is removed when the registry is empty": {
			zone: diff.Zone{Have: have(ours, one), Empty: true},
			kept: []string{"192.0.2.1 " + diff.ReasonEmptyRead},
		},
		"nothing is removed of an app that cannot be read": {
			zone: diff.Zone{
				Have: have(ours, one), Unclear: diff.Unclear{Apps: map[units.AppID]bool{web: true}},
				Silence: diff.NewSilence(diff.Fleet{Unclear: diff.Unclear{Apps: map[units.AppID]bool{web: true}}}),
			},
			kept: []string{"192.0.2.1 " + diff.ReasonUnclear},
		},
		"a zone that came back empty gets nothing at first": {
			zone: diff.Zone{Want: want(one), Before: 1},
			says: []string{diff.ReasonEmptyRead},
		},
		"a cname points elsewhere in place": {
			zone: diff.Zone{
				Want: want(cname("web.example.org", "b.example.net")),
				Have: have(ours, cname("web.example.org", "a.example.net")),
			},
			does: []string{"update c11 web.example.org b.example.net"},
		},
		"a cname that replaces addresses comes when they go": {
			zone: diff.Zone{Want: want(cname("web.example.org", "b.example.net")), Have: have(ours, one, two)},
			does: []string{
				"delete c11 web.example.org 192.0.2.1", "delete c12 web.example.org 192.0.2.2",
				"create  web.example.org b.example.net",
			},
		},
		"addresses do not replace a cname while nothing may be removed": {
			zone: diff.Zone{Want: want(one), Have: have(ours, cname("web.example.org", "b.example.net")), Frozen: true},
			kept: []string{"b.example.net " + diff.ReasonFrozen},
		},
		"of many removals three are made, and the rest waits": {
			zone: diff.Zone{Have: have(ours, a("a.example.org", "192.0.2.1"), a("b.example.org", "192.0.2.1"),
				a("c.example.org", "192.0.2.1"), a("d.example.org", "192.0.2.1"))},
			does: []string{
				"delete c11 a.example.org 192.0.2.1", "delete c12 b.example.org 192.0.2.1", "delete c13 c.example.org 192.0.2.1",
			},
			kept: []string{"192.0.2.1 " + diff.ReasonCapped},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.zone.Name, c.zone.Cluster, c.zone.Complete = "example.org", cluster, true
			plan := diff.Make(c.zone)
			var does, kept, says []string
			for _, ch := range plan.Changes {
				does = append(does, string(ch.Verb)+" "+ch.ID+" "+ch.Record.Name+" "+ch.Record.Value())
				if ch.Owner.Cluster != cluster {
					t.Errorf("change of somebody else's record: %+v", ch)
				}
			}
			for _, k := range plan.Kept {
				kept = append(kept, k.Value()+" "+k.Code)
			}
			for _, p := range plan.Problems {
				says = append(says, p.Reason.Code)
			}
			type told struct{ Does, Kept, Says []string }
			if d := cmp.Diff(told{c.does, c.kept, c.says}, told{does, kept, says}, cmpopts.EquateEmpty()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAReadThatIsNotCompleteChangesNothing(t *testing.T) {
	plan := diff.Make(diff.Zone{Name: "example.org", Cluster: cluster, Want: want(a("w.example.org", "192.0.2.1"))})
	if len(plan.Changes) != 0 {
		t.Fatalf("plans %v", plan.Changes)
	}
}

func TestOwnersSurviveTheirText(t *testing.T) {
	long := units.AppID{Namespace: "an-environment-with-a-long-name", Name: "and-an-app-with-one-that-is-no-shorter"}
	for _, o := range []diff.Owner{ours, theirs, {Cluster: "0123456789abcdef0123456789abcdef", App: diff.Tag(long)}} {
		text := o.String()
		if got := diff.ParseOwner(text); got != o || len(text) > 100 {
			t.Errorf("%q (%d) is read as %+v, want %+v", text, len(text), got, o)
		}
		if got := diff.ParseOwner(text + " a note by hand"); got != o {
			t.Errorf("a note changes the owner to %+v", got)
		}
	}
	for _, text := range []string{"", "nsched", "nsched:", "nsched: prod/web", "nsched:c1", "made by nsched:c1 prod/web"} {
		if got := diff.ParseOwner(text); got != (diff.Owner{}) {
			t.Errorf("%q is %+v's", text, got)
		}
	}
}
