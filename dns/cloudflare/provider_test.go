package cloudflare_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nsched/nsched/dns"
	"github.com/nsched/nsched/dns/cloudflare"
	"github.com/nsched/nsched/dns/cloudflare/fake"
	"github.com/nsched/nsched/dns/diff"
	"github.com/nsched/nsched/units"
)

const zoneID = "023e105f4ecef8ad9ca31a8372d0c353"

var (
	web  = units.AppID{Namespace: "prod", Name: "web"}
	mark = diff.Owner{Cluster: "c1", App: "prod/web"}
)

// bench is the provider on the fake, on one clock that the test moves.
type bench struct {
	*cloudflare.Provider
	server *fake.Server
	now    units.Instant
}

func newBench(t *testing.T, set func(*cloudflare.Options)) *bench {
	t.Helper()
	b := &bench{now: units.Instant{Wall: time.Unix(1_800_000_000, 0), Boot: time.Hour}}
	b.server = fake.New(func() time.Time { return b.now.Wall })
	t.Cleanup(b.server.Close)
	b.server.Token("secret", true)
	b.server.Zone(zoneID, "example.org")
	o := cloudflare.Options{
		Zones: []cloudflare.Zone{{Name: "Example.org.", ID: zoneID}}, Token: "secret", BaseURL: b.server.URL,
		Clock: func() units.Instant { return b.now }, PageSize: 7, Timeout: 2 * time.Second,
	}
	if set != nil {
		set(&o)
	}
	var err error
	if b.Provider, err = cloudflare.New(o); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) move(d time.Duration) { b.now = b.now.Add(d) }

func address(name, addr string) diff.Record {
	r := diff.Record{Key: diff.Key{Name: name, Type: units.DNSTypeA, Data: diff.Data{Addr: netip.MustParseAddr(addr)}}, TTL: 60, App: web}
	if r.Data.Addr.Is6() {
		r.Type = units.DNSTypeAAAA
	}
	return r
}

func create(r diff.Record) diff.Change { return diff.Change{Verb: diff.Create, Record: r, Owner: mark} }

// code is the code of a failure.
func code(err error) string {
	if f := (*dns.Failure)(nil); errors.As(err, &f) {
		return f.Code
	}
	return fmt.Sprint(err)
}

func TestWhatIsWrittenIsReadAsItWasMeant(t *testing.T) {
	b := newBench(t, nil)
	records := []diff.Record{
		address("web.example.org", "192.0.2.1"), address("web.example.org", "2001:db8::1"),
		{Key: diff.Key{Name: "alias.example.org", Type: units.DNSTypeCNAME, Data: diff.Data{Target: "x.example.net"}}, TTL: 300, Proxied: true, App: web},
		{Key: diff.Key{Name: "_http._tcp.web.example.org", Type: units.DNSTypeSRV, Data: diff.Data{Priority: 10, Weight: 1, Port: 20000, Target: "0.web.example.org"}}, TTL: 30, App: web},
		{Key: diff.Key{Name: "who.example.org", Type: units.DNSTypeTXT, Data: diff.Data{Text: `a "quoted" \ text ` + strings.Repeat("x", 300)}}, TTL: 600000, App: web},
	}
	var changes []diff.Change
	var want []diff.Existing
	for _, r := range records {
		shaped, err := b.Shape(r)
		if err != nil {
			t.Fatal(err)
		}
		changes = append(changes, create(shaped))
		want = append(want, diff.Existing{Key: shaped.Key, TTL: shaped.TTL, Proxied: shaped.Proxied, Owner: mark})
	}
	for i, o := range b.Apply(t.Context(), "example.org", changes) {
		if o.State != dns.Applied {
			t.Fatalf("%s: %s: %v", records[i], o.State, o.Err)
		}
	}
	got, err := b.List(t.Context(), "example.org")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(diff.Existing{}, "ID"), cmpopts.EquateComparable(netip.Addr{})); d != "" {
		t.Error(d)
	}
	// An update of the same record, and its end.
	update := changes[3]
	update.Verb, update.ID, update.Record.Data.Port = diff.Update, got[3].ID, 20001
	remove := diff.Change{Verb: diff.Delete, ID: got[0].ID, Record: records[0], Owner: mark}
	if o := b.Apply(t.Context(), "example.org", []diff.Change{update, remove}); o[0].State != dns.Applied || o[1].State != dns.Applied {
		t.Fatalf("outcomes %v", o)
	}
	if got, err = b.List(t.Context(), "example.org"); err != nil || len(got) != 4 || got[2].Data.Port != 20001 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestEveryPageIsRead(t *testing.T) {
	for _, n := range []int{0, 1, 6, 7, 8, 14, 50} {
		b := newBench(t, nil)
		for i := range n {
			if err := b.server.Put(zoneID, fake.Record{Name: fmt.Sprintf("n%d", i), Type: "A", Content: "192.0.2.1", TTL: 1}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := b.List(t.Context(), "example.org")
		if err != nil || len(got) != n {
			t.Errorf("of %d records %d are read: %v", n, len(got), err)
		}
	}
}

func TestRecordsOfAnyTypeAreRead(t *testing.T) {
	b := newBench(t, nil)
	for _, r := range []fake.Record{
		{Name: "example.org", Type: "MX", Content: "mail.example.net", TTL: 1},
		{Name: "example.org", Type: "CAA", Content: `0 issue "letsencrypt.org"`, TTL: 1},
		{Name: "example.org", Type: "TXT", Content: "v=spf1 -all", TTL: 1, Comment: "by hand"},
	} {
		if err := b.server.Put(zoneID, r); err != nil {
			t.Fatal(err)
		}
	}
	got, err := b.List(t.Context(), "example.org")
	if err != nil || len(got) != 3 || got[2].Data.Text != "v=spf1 -all" || got[2].Owner != (diff.Owner{}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAListIsCompleteOrAnError(t *testing.T) {
	fill := func(t *testing.T) *bench {
		b := newBench(t, nil)
		for i := range 20 {
			if err := b.server.Put(zoneID, fake.Record{Name: fmt.Sprintf("n%d", i), Type: "A", Content: "192.0.2.1", TTL: 1}); err != nil {
				t.Fatal(err)
			}
		}
		return b
	}
	second := func(r *http.Request) bool { return r.URL.Query().Get("page") == "2" }
	for name, c := range map[string]struct {
		fault func(b *bench) func(*http.Request) fake.Fault
		want  string
	}{
		"a page that fails": {func(*bench) func(*http.Request) fake.Fault {
			return func(r *http.Request) (f fake.Fault) {
				if second(r) {
					f.Status = 502
				}
				return f
			}
		}, dns.ReasonUnreachable},
		"a page that is cut off": {func(*bench) func(*http.Request) fake.Fault {
			return func(r *http.Request) (f fake.Fault) {
				if second(r) {
					f.Cut = 100
				}
				return f
			}
		}, dns.ReasonUnreachable},
		"a page that is no page": {func(*bench) func(*http.Request) fake.Fault {
			return func(r *http.Request) (f fake.Fault) {
				if second(r) {
					f.Status = 200
				}
				return f
			}
		}, dns.ReasonBadAnswer},
		"a zone that grows while it is read": {func(b *bench) func(*http.Request) fake.Fault {
			return func(r *http.Request) fake.Fault {
				if second(r) {
					b.server.Grow(zoneID)
				}
				return fake.Fault{}
			}
		}, dns.ReasonPartialRead},
	} {
		t.Run(name, func(t *testing.T) {
			b := fill(t)
			b.server.Break(c.fault(b))
			if got, err := b.List(t.Context(), "example.org"); got != nil || code(err) != c.want {
				t.Errorf("%d records, %v", len(got), err)
			}
		})
	}
}

func TestOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		set     func(*cloudflare.Options)
		before  func(*bench)
		changes []diff.Change
		state   dns.OutcomeState
		code    string
		records int
	}{
		"one bad change refuses its whole batch": {
			changes: []diff.Change{create(address("a.example.org", "192.0.2.1")), {Verb: diff.Delete, ID: "none", Owner: mark}},
			state:   dns.Refused, code: dns.ReasonRefused,
		},
		"a batch that is too large is refused": {
			changes: slices.Repeat([]diff.Change{create(address("a.example.org", "192.0.2.1"))}, 201), state: dns.Refused, code: dns.ReasonRefused,
		},
		"a token that is unknown": {
			set: func(o *cloudflare.Options) { o.Token = "other" }, state: dns.NotSent, code: dns.ReasonCredential,
		},
		"a token that was taken back": {
			before: func(b *bench) { b.server.Token("secret", false) }, state: dns.NotSent, code: dns.ReasonCredential,
		},
		"a token's file that is missing": {
			set: func(o *cloudflare.Options) { o.Token, o.TokenFile = "", "/nonexistent/token" }, state: dns.NotSent, code: dns.ReasonCredential,
		},
		"an answer of 500 may mean anything": {
			before: func(b *bench) {
				b.server.Break(func(*http.Request) fake.Fault { return fake.Fault{Status: 500, Made: true} })
			},
			state: dns.Unknown, code: dns.ReasonUnreachable, records: 1,
		},
		"no answer may mean anything": {
			set: func(o *cloudflare.Options) { o.Timeout = 50 * time.Millisecond },
			before: func(b *bench) {
				b.server.Break(func(*http.Request) fake.Fault { return fake.Fault{Hang: true, Made: true} })
			},
			state: dns.Unknown, code: dns.ReasonUnreachable, records: 1,
		},
		"an answer that does not say success may mean anything": {
			before: func(b *bench) { b.server.Break(func(*http.Request) fake.Fault { return fake.Fault{Cut: 30} }) },
			state:  dns.Unknown, code: dns.ReasonUnreachable, records: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c.set)
			if c.before != nil {
				c.before(b)
			}
			if c.changes == nil {
				c.changes = []diff.Change{create(address("a.example.org", "192.0.2.1"))}
			}
			outcomes := b.Apply(t.Context(), "example.org", c.changes)
			if len(outcomes) != len(c.changes) {
				t.Fatalf("%d outcomes of %d changes", len(outcomes), len(c.changes))
			}
			for _, o := range outcomes {
				if o.State != c.state || code(o.Err) != c.code {
					t.Fatalf("%s: %v", o.State, o.Err)
				}
			}
			if got := len(b.server.Records(zoneID)); got != c.records {
				t.Errorf("the zone holds %d records", got)
			}
			if all, _ := b.server.Requests(); all > 1 {
				t.Errorf("%d requests were made of one", all)
			}
		})
	}
}

func TestErrorsAreToldAsCloudflareHasThem(t *testing.T) {
	b := newBench(t, nil)
	if err := b.server.Put(zoneID, fake.Record{Name: "a", Type: "CNAME", Content: "x.example.net", TTL: 1}); err != nil {
		t.Fatal(err)
	}
	o := b.Apply(t.Context(), "example.org", []diff.Change{create(address("a.example.org", "192.0.2.1"))})
	if o[0].Err == nil || !strings.Contains(o[0].Err.Error(), "81054: A CNAME record with that host already exists.") {
		t.Errorf("says %v", o[0].Err)
	}
}

func TestTheTokenIsReadAnew(t *testing.T) {
	name := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("old\n")
	b := newBench(t, func(o *cloudflare.Options) { o.Token, o.TokenFile = "", name })
	if _, err := b.List(t.Context(), "example.org"); code(err) != dns.ReasonCredential || strings.Contains(err.Error(), "old") {
		t.Errorf("says %v", err)
	}
	write("secret\n")
	if _, err := b.List(t.Context(), "example.org"); err != nil {
		t.Error(err)
	}
	t.Setenv("A_TOKEN", "secret")
	b = newBench(t, func(o *cloudflare.Options) { o.Token, o.TokenEnv = "", "A_TOKEN" })
	if _, err := b.List(t.Context(), "example.org"); err != nil {
		t.Error(err)
	}
}

func TestTheBudgetIsKeptAndComesBack(t *testing.T) {
	b := newBench(t, nil)
	for i := range 600 {
		if _, err := b.List(t.Context(), "example.org"); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	b.move(time.Minute)
	_, err := b.List(t.Context(), "example.org")
	var f *dns.Failure
	if !errors.As(err, &f) || f.Code != dns.ReasonBudget || f.After != 4*time.Minute {
		t.Fatalf("says %v", err)
	}
	if all, _ := b.server.Requests(); all != 600 {
		t.Errorf("%d requests were sent", all)
	}
	b.move(f.After)
	if _, err := b.List(t.Context(), "example.org"); err != nil {
		t.Error(err)
	}
}

func TestWhoIsBlockedSendsNothingUntilItIsOver(t *testing.T) {
	b := newBench(t, func(o *cloudflare.Options) { o.Budget = 5000 })
	var err error
	sent := 0
	for err == nil {
		_, err = b.List(t.Context(), "example.org")
		sent++
	}
	var f *dns.Failure
	if !errors.As(err, &f) || f.Code != dns.ReasonRateLimited || f.After != 5*time.Minute || sent != fake.RequestLimit+1 {
		t.Fatalf("after %d requests: %v", sent, err)
	}
	b.move(4 * time.Minute)
	if _, err = b.List(t.Context(), "example.org"); code(err) != dns.ReasonRateLimited {
		t.Errorf("says %v", err)
	}
	if _, refused := b.server.Requests(); refused != 1 {
		t.Errorf("%d requests were refused", refused)
	}
	b.move(time.Minute)
	if _, err = b.List(t.Context(), "example.org"); err != nil {
		t.Error(err)
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	clock := func() units.Instant { return units.Instant{} }
	for name, o := range map[string]cloudflare.Options{
		"no clock":       {Token: "x"},
		"no token":       {Clock: clock},
		"two tokens":     {Clock: clock, Token: "x", TokenFile: "y"},
		"no id":          {Clock: clock, Token: "x", Zones: []cloudflare.Zone{{Name: "example.org"}}},
		"an id as path":  {Clock: clock, Token: "x", Zones: []cloudflare.Zone{{Name: "example.org", ID: "a/../b"}}},
		"one zone twice": {Clock: clock, Token: "x", Zones: []cloudflare.Zone{{Name: "example.org", ID: "a"}, {Name: "Example.org", ID: "b"}}},
	} {
		if _, err := cloudflare.New(o); err == nil {
			t.Errorf("%s is fine", name)
		}
	}
}
