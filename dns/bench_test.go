package dns_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/nsched/nsched/dns"
	"github.com/nsched/nsched/dns/dnstest"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/loop/looptest"
	"github.com/nsched/nsched/units/registry"
)

const cluster = "c1"

var web = units.AppID{Namespace: "prod", Name: "web"}

// leader is the least shell that a Syncer is a component of. It commits to a map in place of etcd.
type leader struct {
	*dns.Syncer
	*looptest.Bench
	t       *testing.T
	keys    registry.Keys
	zone    *dnstest.Memory
	rests   bool
	frozen  bool
	rev     int64
	mods    map[string]int64 // mod revision by key
	refused int              // groups whose comparisons did not hold
	history []registry.Change
}

func newLeader(t *testing.T) *leader {
	t.Helper()
	keys, err := registry.NewKeys("")
	if err != nil {
		t.Fatal(err)
	}
	l := &leader{Bench: looptest.NewBench(t), t: t, keys: keys, zone: dnstest.NewMemory("example.org"), mods: map[string]int64{}}
	l.restart()
	l.put(keys.Cluster(), units.Cluster{ID: cluster, Epoch: 1, Schema: 1})
	return l
}

// restart makes a new process of it, which has heard of nothing.
func (l *leader) restart() {
	l.t.Helper()
	s, err := dns.New(dns.Options{
		Exec: l.Exec, Keys: l.keys, Providers: map[units.DNSProvider]dns.Provider{units.ProviderCloudflare: l.zone},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.Syncer = s
	l.Use(l)
}

// Step implements loop.Stepper.
func (l *leader) Step(ctx context.Context, now units.Instant) (units.Instant, error) {
	l.Mail.Apply(now)
	if l.rests {
		l.Rest()
	} else {
		l.Lead(now, l.frozen)
	}
	for _, g := range l.Writes(now) {
		l.commit(g)
	}
	return l.Syncer.Step(ctx, now)
}

// Advance settles first, as a watch's event wakes a shell.
func (l *leader) Advance(d time.Duration) {
	l.t.Helper()
	l.Settle()
	l.Bench.Advance(d)
}

func (l *leader) commit(g registry.Group) {
	for _, c := range g.If {
		if l.mods[c.Key] != c.Number {
			l.refused++
			return
		}
	}
	for _, op := range g.Then {
		if op.Kind == registry.OpDelete {
			l.remove(op.Key)
		} else {
			l.set(op.Key, op.Value)
		}
	}
}

func (l *leader) put(key string, value any) {
	l.t.Helper()
	raw, err := registry.Encode(value, registry.Extra{})
	if err != nil {
		l.t.Fatal(err)
	}
	l.set(key, raw)
}

func (l *leader) set(key string, value []byte) {
	l.rev++
	l.mods[key] = l.rev
	l.change(registry.Change{KeyValue: registry.KeyValue{Key: key, Value: value, ModRevision: l.rev, CreateRevision: l.rev}})
}

func (l *leader) remove(key string) {
	l.rev++
	delete(l.mods, key)
	l.change(registry.Change{Deleted: true, KeyValue: registry.KeyValue{Key: key, ModRevision: l.rev}})
}

func (l *leader) change(c registry.Change) {
	l.history = append(l.history, c)
	l.Apply(registry.Batch{After: l.rev - 1, Revision: l.rev, Changes: []registry.Change{c}})
}

func unit(slot units.Slot) units.UnitID {
	return units.UnitID{Namespace: web.Namespace, App: web.Name, Slot: slot, Generation: 1, Attempt: 1}
}

// app stores an app with a port http and the records, and its claims.
func (l *leader) app(records ...map[string]any) {
	l.t.Helper()
	doc, err := json.Marshal(map[string]any{
		"schema": 1, "namespace": web.Namespace, "name": web.Name, "type": "service", "count": 3,
		"path": "/nix/store/00000000000000000000000000000000-web", "command": []string{"bin/web"},
		"ports": []map[string]any{{"name": "http"}}, "dns": records,
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.put(l.keys.Generation(web, 1), units.Submission{Document: string(doc)})
	l.put(l.keys.App(web), units.Intent{Generation: 1, Count: 3})
	for _, r := range records {
		l.put(l.keys.Name(r["name"].(string)), units.Claim{App: web})
	}
}

func (l *leader) node(n units.NodeName, addresses ...string) {
	l.put(l.keys.Node(n), units.Node{Addresses: addresses, AppSchema: 1})
	l.put(l.keys.Build(registry.Key{Kind: registry.KindAlive, Node: n}), units.Alive{BootID: "b"})
}

// up starts a unit on a node and makes it healthy.
func (l *leader) up(n units.NodeName, slot units.Slot, port uint16, addresses ...string) {
	l.put(l.keys.Unit(n, unit(slot)), units.Assignment{Desired: units.DesiredRun})
	l.put(l.keys.Endpoint(n, unit(slot)), units.Endpoint{Addresses: addresses, Ports: map[string]uint16{"http": port}})
}

// stop tells a unit to stop, and it does.
func (l *leader) stop(n units.NodeName, slot units.Slot) {
	l.put(l.keys.Unit(n, unit(slot)), units.Assignment{Desired: units.DesiredStop})
	l.remove(l.keys.Endpoint(n, unit(slot)))
	l.remove(l.keys.Unit(n, unit(slot)))
}

// lose ends a node's lease.
func (l *leader) lose(n units.NodeName, slots ...units.Slot) {
	l.remove(l.keys.Build(registry.Key{Kind: registry.KindAlive, Node: n}))
	for _, slot := range slots {
		l.remove(l.keys.Endpoint(n, unit(slot)))
	}
}

// external returns the addresses that the zone outside has, with the mark of a cluster.
func (l *leader) external(owner string) (values []string) {
	for _, e := range l.zone.Records("example.org") {
		if e.Owner.Cluster == owner {
			values = append(values, e.Name+" "+e.Value())
		}
	}
	return values
}

func (l *leader) status() dns.Status { return l.Status()[1] }

// A pass is at most this much: the wait of a new leader, and some to gather changes.
const while = 40 * time.Second

var _ loop.Stepper = (*leader)(nil)
