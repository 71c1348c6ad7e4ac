package cloudflare_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nsched/nsched/dns"
	"github.com/nsched/nsched/dns/cloudflare"
	"github.com/nsched/nsched/dns/cloudflare/fake"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/loop/looptest"
	"github.com/nsched/nsched/units/registry"
)

// cluster is a leader that syncs to a fake which it shares with others.
type cluster struct {
	*looptest.Bench
	*dns.Syncer
	t    *testing.T
	id   string
	keys registry.Keys
	rev  int64
	live map[string]bool // addresses of live units
}

func newCluster(t *testing.T, server *fake.Server, now *units.Instant, id, host string) *cluster {
	t.Helper()
	keys, err := registry.NewKeys("")
	if err != nil {
		t.Fatal(err)
	}
	p, err := cloudflare.New(cloudflare.Options{
		Zones: []cloudflare.Zone{{Name: "example.org", ID: zoneID}}, Token: "secret", BaseURL: server.URL, PageSize: 5,
		Clock: func() units.Instant { return *now }, Timeout: 2 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{Bench: looptest.NewBench(t), t: t, id: id, keys: keys, live: map[string]bool{}}
	c.Now = *now
	c.Syncer, err = dns.New(dns.Options{
		Exec: c.Exec, Keys: keys, Providers: map[units.DNSProvider]dns.Provider{units.ProviderCloudflare: p},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Use(c)
	doc := fmt.Sprintf(`{"schema":1,"namespace":"prod","name":"web","type":"service","path":"/nix/store/00000000000000000000000000000000-web",
		"command":["bin/web"],"dns":[{"name":"%s.example.org","type":"A","provider":"cloudflare"},
		{"name":"both.example.org","type":"A","provider":"cloudflare"}]}`, host)
	c.put(keys.Cluster(), units.Cluster{ID: id, Epoch: 1})
	c.put(keys.Generation(web, 1), units.Submission{Document: doc})
	c.put(keys.App(web), units.Intent{Generation: 1, Count: 3})
	return c
}

// Step implements loop.Stepper.
func (c *cluster) Step(ctx context.Context, now units.Instant) (units.Instant, error) {
	c.Mail.Apply(now)
	c.Lead(now, false)
	return c.Syncer.Step(ctx, now)
}

var _ loop.Stepper = (*cluster)(nil)

func (c *cluster) put(key string, value any) {
	raw, err := registry.Encode(value, registry.Extra{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.rev++
	c.Apply(registry.Batch{After: c.rev - 1, Revision: c.rev, Changes: []registry.Change{
		{KeyValue: registry.KeyValue{Key: key, Value: raw, ModRevision: c.rev, CreateRevision: c.rev}},
	}})
}

// unit is the one whose address is 192.0.2.n or, in the other cluster, 203.0.113.n.
func (c *cluster) unit(n int) (units.NodeName, units.UnitID, string) {
	net := "192.0.2."
	if c.id != "c1" {
		net = "203.0.113."
	}
	return units.NodeName(fmt.Sprintf("n%d", n)),
		units.UnitID{Namespace: web.Namespace, App: web.Name, Slot: units.IndexSlot(n), Generation: 1, Attempt: 1}, net + fmt.Sprint(n)
}

func (c *cluster) up(n int) {
	node, unit, addr := c.unit(n)
	c.put(c.keys.Endpoint(node, unit), units.Endpoint{Addresses: []string{addr}})
	c.live[addr] = true
}

func (c *cluster) down(n int) {
	node, unit, addr := c.unit(n)
	c.rev++
	c.Apply(registry.Batch{After: c.rev - 1, Revision: c.rev, Changes: []registry.Change{
		{Deleted: true, KeyValue: registry.KeyValue{Key: c.keys.Endpoint(node, unit), ModRevision: c.rev}},
	}})
	delete(c.live, addr)
}

// of returns the contents of the records under a name that carry a cluster's mark, in order.
func of(server *fake.Server, id, name string) (contents []string) {
	for _, r := range server.Records(zoneID) {
		owned := strings.HasPrefix(r.Comment, "nsched:"+id+" ")
		if r.Name == name && (owned || id == "" && !strings.HasPrefix(r.Comment, "nsched:")) {
			contents = append(contents, r.Content)
		}
	}
	slices.Sort(contents)
	return contents
}

// faults are what may happen to a request. Half of them do it.
func faults(rnd *rand.Rand) func(*http.Request) fake.Fault {
	return func(*http.Request) fake.Fault {
		switch rnd.IntN(8) {
		case 0:
			return fake.Fault{Status: 500, Made: rnd.IntN(2) == 0}
		case 1:
			return fake.Fault{Status: 503}
		case 2:
			return fake.Fault{Cut: 20 + rnd.IntN(100)}
		case 3:
			return fake.Fault{Status: 200}
		}
		return fake.Fault{}
	}
}

// Two clusters and a person share a zone, units come and go, and half of all requests fail, some of them
// after they were made.
func TestClustersAndPeopleShareAZone(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			now := units.Instant{Wall: time.Unix(1_800_000_000, 0).UTC(), Boot: time.Hour}
			server := fake.New(func() time.Time { return now.Wall })
			t.Cleanup(server.Close)
			server.Token("secret", true)
			server.Zone(zoneID, "example.org")
			var foreign []string
			for i := range 12 {
				if err := server.Put(zoneID, fake.Record{Name: fmt.Sprintf("f%d", i), Type: "A", Content: "198.51.100.1", TTL: 1, Comment: "mine"}); err != nil {
					t.Fatal(err)
				}
				foreign = append(foreign, fmt.Sprintf("f%d.example.org", i))
			}
			clusters := []*cluster{newCluster(t, server, &now, "c1", "one"), newCluster(t, server, &now, "c2", "two")}
			for _, c := range clusters {
				c.up(1)
				c.up(2)
			}
			server.Break(faults(rnd))
			run := func(seconds int) {
				for range seconds {
					now = now.Add(time.Second)
					for _, c := range clusters {
						c.Now = now
						before := of(server, c.id, host(c))
						c.Settle()
						after := of(server, c.id, host(c))
						for _, addr := range before {
							if c.live[addr] && !slices.Contains(after, addr) {
								t.Fatalf("%s of a live unit went", addr)
							}
						}
					}
				}
			}
			for range 20 {
				c := clusters[rnd.IntN(2)]
				if n := 1 + rnd.IntN(5); rnd.IntN(2) == 0 {
					c.up(n)
				} else if len(c.live) > 1 {
					c.down(n)
				}
				run(10 + rnd.IntN(30))
			}
			server.Break(nil)
			run(15 * 60)
			for _, c := range clusters {
				want := slices.Sorted(maps.Keys(c.live))
				if d := cmp.Diff(want, of(server, c.id, host(c)), cmpopts.EquateEmpty()); d != "" {
					t.Errorf("%s of %s: %s\n%+v", host(c), c.id, d, c.Status()[1])
				}
			}
			for _, name := range foreign {
				if len(of(server, "", name)) != 1 {
					t.Errorf("%s was touched", name)
				}
			}
			// The name that both want is one cluster's, and the other says so.
			first, second := of(server, "c1", "both.example.org"), of(server, "c2", "both.example.org")
			if (len(first) == 0) == (len(second) == 0) {
				t.Errorf("both.example.org has %v of one and %v of the other", first, second)
			}
			if all, refused := server.Requests(); refused > 0 {
				t.Errorf("%d of %d requests were refused for their rate", refused, all)
			}
		})
	}
}

func host(c *cluster) string {
	if c.id == "c1" {
		return "one.example.org"
	}
	return "two.example.org"
}
