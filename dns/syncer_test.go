package dns_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nsched/nsched/dns"
	"github.com/nsched/nsched/dns/diff"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

var outside = map[string]any{"name": "web.example.org", "type": "A", "provider": "cloudflare"}

// twoUp is a leader whose app has two live units on two nodes, in step with the world.
func twoUp(t *testing.T) *leader {
	l := newLeader(t)
	l.app(outside, map[string]any{"name": "web.internal.example.org", "type": "A"})
	l.node("n1", "192.0.2.1")
	l.node("n2", "192.0.2.2")
	l.up("n1", "0", 20000, "192.0.2.1")
	l.up("n2", "1", 20000, "192.0.2.2")
	l.Settle()
	l.Advance(while)
	l.has("web.example.org 192.0.2.1", "web.example.org 192.0.2.2")
	return l
}

// has fails the test unless these are our records outside.
func (l *leader) has(want ...string) {
	l.t.Helper()
	if d := cmp.Diff(want, l.external(cluster), cmpopts.EquateEmpty()); d != "" {
		l.t.Fatalf("%s\nstatus %+v", d, l.status())
	}
}

// served fails the test unless CoreDNS has this many keys, barriers included.
func (l *leader) served(want int) {
	l.t.Helper()
	n := 0
	for key := range l.mods {
		if id, _ := l.keys.Parse(key); id.Kind == registry.KindSkyDNS {
			n++
		}
	}
	if n != want || l.refused > 0 {
		l.t.Fatalf("%d keys for coredns, want %d; %d groups were refused", n, want, l.refused)
	}
}

func TestRecordsFollowTheUnits(t *testing.T) {
	l := twoUp(t)
	l.served(5) // two addresses, three barriers
	if st := l.status(); st.Synced.IsZero() || st.Owned != 2 || st.Created != 2 || !st.Reason.IsZero() {
		t.Errorf("status %+v", st)
	}
	l.stop("n1", "0")
	l.Settle()
	l.served(4)
	l.Advance(while)
	l.has("web.example.org 192.0.2.2")
	lists := l.zone.Lists
	l.Advance(9 * time.Minute)
	if l.zone.Lists != lists {
		t.Errorf("a zone at rest is read %d times", l.zone.Lists-lists)
	}
	l.Advance(2 * time.Minute)
	if l.zone.Lists == lists {
		t.Error("a zone at rest is never read again")
	}
}

func TestAHandEditIsRepairedInTimeAndForeignRecordsStay(t *testing.T) {
	l := twoUp(t)
	foreign := diff.Existing{Key: diff.Key{Name: "web.example.org", Type: units.DNSTypeA, Data: diff.Data{Addr: netip.MustParseAddr("203.0.113.1")}}, TTL: 1}
	l.zone.Put("example.org", foreign)
	foreign.Owner = diff.Owner{Cluster: "c2", App: "prod/web"}
	foreign.Data.Addr = netip.MustParseAddr("203.0.113.2")
	l.zone.Put("example.org", foreign)
	foreign.Owner.Cluster = cluster
	foreign.Data.Addr = netip.MustParseAddr("203.0.113.3")
	l.zone.Put("example.org", foreign)
	l.Advance(11 * time.Minute)
	l.has("web.example.org 192.0.2.1", "web.example.org 192.0.2.2")
	for _, owner := range []string{"", "c2"} {
		if got := l.external(owner); len(got) != 1 {
			t.Errorf("of %q there is %v", owner, got)
		}
	}
}

func TestTheAddressOfALostNodeGoesAndTheLastOneStays(t *testing.T) {
	l := twoUp(t)
	l.lose("n1", "0")
	l.Advance(while)
	l.has("web.example.org 192.0.2.2")
	l.lose("n2", "1")
	l.Settle()
	l.served(0)
	l.Advance(time.Hour)
	l.has("web.example.org 192.0.2.2")
	if l.status().Kept[diff.ReasonLastAddress] != 1 {
		t.Errorf("status %+v", l.status())
	}
	// A person stops the app: that is no silence.
	l.put(l.keys.App(web), units.Intent{Generation: 1, Count: 3, Stopped: true})
	l.Advance(while)
	l.has()
}

func TestNothingIsRemovedWhileEvictionsAreFrozen(t *testing.T) {
	l := twoUp(t)
	l.frozen = true
	l.Settle()
	l.lose("n1", "0")
	l.lose("n2", "1")
	l.Advance(while)
	l.has("web.example.org 192.0.2.1", "web.example.org 192.0.2.2")
	l.served(5)
	l.node("n1", "192.0.2.1")
	l.up("n1", "0", 20000, "192.0.2.1")
	l.frozen = false
	l.Advance(while)
	l.has("web.example.org 192.0.2.1")
	l.served(4)
}

func TestNothingIsRemovedOfWhatCannotBeRead(t *testing.T) {
	for name, break_ := range map[string]func(l *leader){
		"an endpoint": func(l *leader) { l.set(l.keys.Endpoint("n1", unit("0")), []byte("{")) },
		"a claim": func(l *leader) {
			l.set(l.keys.Name("web.example.org"), []byte("{"))
			l.set(l.keys.Name("web.internal.example.org"), []byte("{"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := twoUp(t)
			break_(l)
			l.stop("n2", "1")
			l.Advance(while)
			l.has("web.example.org 192.0.2.1", "web.example.org 192.0.2.2")
			l.served(5)
		})
	}
}

func TestAnEmptyRegistryRemovesNothing(t *testing.T) {
	l := twoUp(t)
	for key := range l.mods {
		if id, _ := l.keys.Parse(key); id.Kind != registry.KindCluster && id.Kind != registry.KindSkyDNS {
			l.remove(key)
		}
	}
	l.Advance(while)
	l.has("web.example.org 192.0.2.1", "web.example.org 192.0.2.2")
	l.served(5)
}

func TestAZoneThatComesBackEmptyIsReadAgainFirst(t *testing.T) {
	l := twoUp(t)
	l.zone.Drop("example.org")
	lists, applies := l.zone.Lists, l.zone.Applies
	for l.zone.Lists == lists {
		l.Advance(time.Second)
	}
	if l.zone.Applies != applies {
		t.Error("was filled at once")
	}
	l.Advance(while)
	l.has("web.example.org 192.0.2.1", "web.example.org 192.0.2.2")
}

var errLost = errors.New("no answer")

func TestAfterAnUnknownOutcomeTheZoneRestsAndIsReadFirst(t *testing.T) {
	for _, made := range []bool{false, true} {
		t.Run(fmt.Sprintf("made is %v", made), func(t *testing.T) {
			l := twoUp(t)
			fail := true
			l.zone.Fault = func(_ context.Context, request string, _ []diff.Change) (bool, error) {
				if request == "apply" && fail {
					fail = false
					return made, errLost
				}
				return false, nil
			}
			l.up("n1", "2", 20000, "192.0.2.3")
			l.Advance(6 * time.Second)
			lists, applies := l.zone.Lists, l.zone.Applies
			l.Advance(13 * time.Second)
			if l.zone.Lists != lists || l.zone.Applies != applies || l.status().Reason.Code != dns.ReasonUnreachable {
				t.Fatalf("does not rest: %+v", l.status())
			}
			l.Advance(while)
			l.has("web.example.org 192.0.2.1", "web.example.org 192.0.2.2", "web.example.org 192.0.2.3")
		})
	}
}

func TestAFailedReadChangesNothingAndIsRetriedWithPatience(t *testing.T) {
	l := twoUp(t)
	down := true
	l.zone.Fault = func(context.Context, string, []diff.Change) (bool, error) {
		if down {
			return false, &dns.Failure{Code: dns.ReasonRateLimited, After: 3 * time.Minute, Err: errLost}
		}
		return false, nil
	}
	l.stop("n1", "0")
	lists := l.zone.Lists
	l.Advance(3 * time.Minute)
	if l.zone.Lists != lists+1 {
		t.Errorf("is read %d times although told to wait", l.zone.Lists-lists)
	}
	l.has("web.example.org 192.0.2.1", "web.example.org 192.0.2.2")
	down = false
	l.Advance(time.Minute)
	l.has("web.example.org 192.0.2.2")
}

func TestOneRefusedNameStopsNoOther(t *testing.T) {
	l := newLeader(t)
	var records []map[string]any
	for i := range 9 {
		records = append(records, map[string]any{"name": fmt.Sprintf("n%d.example.org", i), "type": "A", "provider": "cloudflare"})
	}
	l.app(records...)
	l.zone.Refuse = func(c diff.Change) error {
		if c.Record.Name == "n4.example.org" {
			return errors.New("not this one")
		}
		return nil
	}
	l.node("n1", "192.0.2.1")
	l.up("n1", "0", 20000, "192.0.2.1")
	l.Advance(while)
	if got := len(l.external(cluster)); got != 8 {
		t.Fatalf("%d records, want 8", got)
	}
	st := l.status()
	if len(st.Problems) != 1 || st.Problems[0].Name != "n4.example.org" || st.Problems[0].Reason.Code != dns.ReasonRefused {
		t.Errorf("problems %+v", st.Problems)
	}
	applies := l.zone.Applies
	l.Advance(5 * time.Minute)
	if l.zone.Applies != applies {
		t.Error("what was refused is asked for again at once")
	}
	l.zone.Refuse = nil
	l.Advance(6 * time.Minute)
	if got := len(l.external(cluster)); got != 9 {
		t.Errorf("%d records, want 9", got)
	}
}

func TestBatchesKeepNamesTogetherAndStayBelowTheLimit(t *testing.T) {
	l := newLeader(t)
	l.zone.Max = 4
	biggest := 0
	l.zone.Fault = func(_ context.Context, _ string, changes []diff.Change) (bool, error) {
		biggest = max(biggest, len(changes))
		return false, nil
	}
	var records []map[string]any
	for i := range 5 {
		records = append(records, map[string]any{"name": fmt.Sprintf("n%d.example.org", i), "type": "A", "provider": "cloudflare"})
	}
	l.app(records...)
	l.node("n1", "192.0.2.1")
	l.up("n1", "0", 20000, "192.0.2.1", "192.0.2.2", "192.0.2.3")
	l.Advance(while)
	if got := len(l.external(cluster)); got != 15 || biggest != 3 {
		t.Errorf("%d records in batches of at most %d", got, biggest)
	}
}

func TestWhoDoesNotLeadDoesNothing(t *testing.T) {
	l := twoUp(t)
	l.rests = true
	l.Settle()
	lists := l.zone.Lists
	l.stop("n1", "0")
	l.Advance(time.Hour)
	if l.zone.Lists != lists {
		t.Error("reads the zone")
	}
	l.served(5)
	l.rests = false
	l.Advance(10 * time.Second)
	if l.zone.Lists != lists {
		t.Error("a new leader does not wait for what the old one may have under way")
	}
	l.Advance(while)
	l.has("web.example.org 192.0.2.2")
}

// A former leader's batch that was planned before comes to nothing when leadership ends in between.
func TestWhatIsUnderWayWhenATermEndsIsForgotten(t *testing.T) {
	l := twoUp(t)
	l.stop("n1", "0")
	for range 100 {
		l.Move(time.Second)
		if l.Bench.Step(); l.Exec.Find("dns-list", "") != nil {
			break
		}
	}
	task := l.Exec.Find("dns-list", "")
	l.Rest()
	l.rests = true
	applies := l.zone.Applies
	task.Run(0)
	l.Settle()
	if l.zone.Applies != applies {
		t.Error("a list of a former term led to changes")
	}
}

func TestAZoneReadBeforeALongPauseIsReadAgain(t *testing.T) {
	l := twoUp(t)
	l.stop("n1", "0")
	for range 100 {
		l.Move(time.Second)
		if l.Bench.Step(); l.Exec.Find("dns-list", "") != nil {
			break
		}
	}
	task := l.Exec.Find("dns-list", "")
	task.Perform(0)
	l.Move(10 * time.Minute)
	lists := l.zone.Lists
	task.Deliver()
	l.Advance(time.Second)
	if l.zone.Lists == lists {
		t.Error("is not read again")
	}
	l.Advance(while)
	l.has("web.example.org 192.0.2.2")
}

func TestProblemsAreToldWhereTheyBelong(t *testing.T) {
	l := newLeader(t)
	l.app(
		map[string]any{"name": "web.elsewhere.net", "type": "A", "provider": "cloudflare"},
		map[string]any{"name": "web.example.org", "type": "A", "provider": "rfc2136"},
		map[string]any{"name": "any.internal.org", "type": "A"},
	)
	l.node("n1", "192.0.2.1")
	l.up("n1", "0", 20000, "192.0.2.1")
	l.Settle()
	var codes []string
	for _, p := range l.Status()[0].Problems {
		codes = append(codes, p.Reason.Code)
	}
	if d := cmp.Diff([]string{diff.ReasonBadName, diff.ReasonNoZone, dns.ReasonNoProvider}, codes); d != "" {
		t.Error(d)
	}
}

func TestARegistryThatWentBackIsNotActedOn(t *testing.T) {
	l := twoUp(t)
	applies := l.zone.Applies
	l.Apply(registry.Batch{After: l.rev, Revision: 1, Regressed: true})
	if groups := l.Writes(l.Now); groups != nil {
		t.Error("writes")
	}
	if l.zone.Applies != applies {
		t.Error("applies")
	}
}
