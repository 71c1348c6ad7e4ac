package node

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/node/guard"
	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop/looptest"
	"github.com/nsched/nsched/units/registry"
)

const (
	testRoot = "/nsched/"
	testPath = "/nix/store/00000000000000000000000000000000-app"
)

// machine is a daemon with everything around it in memory: etcd, systemd, guard, store and disk. What is
// on the disk outlives the daemon and the machine's boots.
type machine struct {
	*looptest.Bench
	t       *testing.T
	memory  *registry.Memory
	keys    registry.Keys
	d       *Daemon
	systemd *systemd.Fake
	away    bool // etcd does not answer
	deaf    bool // its watches tell nothing
	down    bool // the machine is shutting down
	boot    string
	disk    map[units.UnitID]Record
	past    map[units.UnitID]Record
	contact time.Time
	seen    registry.Seen
	key     string
	address string
	place   guard.State
	fresh   bool // the guard is
	stuck   map[units.UnitID]bool
	started map[units.UnitID]systemd.Record
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	keys, err := registry.NewKeys(testRoot)
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{
		t: t, memory: registry.NewMemory(registry.MemoryOptions{}), keys: keys, key: "key-of-n1", address: "10.0.0.1",
		disk: map[units.UnitID]Record{}, past: map[units.UnitID]Record{}, stuck: map[units.UnitID]bool{}, started: map[units.UnitID]systemd.Record{}, fresh: true,
	}
	m.put(keys.Cluster(), units.Cluster{ID: "c", Epoch: 1, Schema: 1})
	m.put(keys.Clock(), units.Clock{N: 1, TimeMs: 1})
	m.claim()
	m.bootUp()
	return m
}

// bootUp starts the machine anew, and a daemon on it.
func (m *machine) bootUp() {
	m.boot += "b"
	m.systemd, m.down = systemd.NewFake(nil), false
	m.restart()
}

// restart starts another daemon.
func (m *machine) restart() {
	now := units.Instant{Wall: time.Unix(1_800_000_000, 0), Boot: time.Hour}
	if m.Bench != nil {
		now = m.Now
		m.Exec.Crash()
	}
	m.Bench = looptest.NewBench(m.t)
	m.Now = now
	m.Tick = func(time.Duration) { m.systemd.Advance(m.Now) }
	m.systemd.Advance(now)
	var err error
	m.d, err = New(Options{
		Node: "n1", BootID: m.boot, Version: "test", Keys: m.keys, KV: unreliable{m},
		Store: bareStore{}, Services: Systemd{
			Manager: m.systemd, Files: bareFiles{m}, Bounds: sticky{m, m.systemd.Bounds()}, GuardUnit: "g.service", GuardSocket: "/run/g.sock",
			Down: func(context.Context) (bool, error) { return m.down, nil },
		},
		Prober: nil, Records: bareDisk{m.disk}, Past: bareDisk{m.past}, Guard: bareGuard{m}, Ports: noPorts{}, Machine: bareMachine{m}, Contact: bareContact{m},
		Seen: bareSeen{m}, Mail: m.Mail, Executor: m.Exec,
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.systemd.OnChange(func(units.UnitID) { m.d.Hint() })
	m.Use(m.d)
	m.t.Cleanup(m.d.Close)
}

func encoded[T any](t *testing.T, v T) []byte {
	t.Helper()
	raw, err := registry.Encode(v, registry.Extra{})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (m *machine) put(key string, v any) int64 {
	m.t.Helper()
	var raw []byte
	switch v := v.(type) {
	case []byte:
		raw = v
	case units.Cluster:
		raw = encoded(m.t, v)
	case units.Clock:
		raw = encoded(m.t, v)
	case units.Alive:
		raw = encoded(m.t, v)
	case units.Node:
		raw = encoded(m.t, v)
	case units.Status:
		raw = encoded(m.t, v)
	case units.Assignment:
		raw = encoded(m.t, v)
	case units.Submission:
		raw = encoded(m.t, v)
	default:
		m.t.Fatalf("no encoding for %T", v)
	}
	r, err := m.memory.Txn(m.t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: raw}}})
	if err != nil {
		m.t.Fatal(err)
	}
	return r.Revision
}

func (m *machine) delete(key string) {
	m.t.Helper()
	_, err := m.memory.Txn(m.t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpDelete, Key: key}}})
	if err != nil {
		m.t.Fatal(err)
	}
}

// claim begins another tenure.
func (m *machine) claim() {
	m.delete(m.keys.Alive("n1"))
	tenure := m.put(m.keys.Alive("n1"), units.Alive{BootID: m.boot})
	m.place = guard.State{Phase: guard.PhaseHolding, Lease: 1, Tenure: tenure}
}

// lease makes the lease that endpoints hang on.
func (m *machine) lease() {
	l, err := m.memory.Grant(m.t.Context(), time.Hour)
	if err != nil {
		m.t.Fatal(err)
	}
	m.place.Lease = l.ID
}

const (
	keepApp      = `{"name":"APP","path":"` + testPath + `","command":["bin/app"],"resources":{"cpu":"100m","memory":"64Mi"}}`
	singletonApp = `{"name":"APP","path":"` + testPath + `","command":["bin/app"],"singleton":true,"resources":{"cpu":"100m","memory":"64Mi"}}`
)

// assign puts an assignment of the app, which the document describes, and returns the unit.
func (m *machine) assign(app, document string, desired units.Desired) units.UnitID {
	m.t.Helper()
	id := units.UnitID{Namespace: "default", App: units.AppName(app), Slot: "0", Generation: 1, Attempt: 1}
	m.put(m.keys.Generation(id.AppID(), 1), units.Submission{Document: strings.ReplaceAll(document, "APP", app)})
	m.put(m.keys.Unit("n1", id), units.Assignment{Desired: desired, Tenure: m.place.Tenure})
	return id
}

// status returns what the registry holds of the unit.
func (m *machine) status(id units.UnitID) (s units.Status) {
	m.t.Helper()
	r, err := m.memory.Range(m.t.Context(), registry.Range{Key: m.keys.Status("n1", id)})
	if err != nil {
		m.t.Fatal(err)
	}
	if len(r.KVs) == 0 {
		return s
	}
	if s, _, err = registry.Decode[units.Status](r.KVs[0].Key, r.KVs[0].Value); err != nil {
		m.t.Fatal(err)
	}
	return s
}

// Advance lets time pass, after what is due now has been done.
func (m *machine) Advance(d time.Duration) {
	m.t.Helper()
	m.Settle()
	m.Bench.Advance(d)
}

// runs reports whether a process of the unit does.
func (m *machine) runs(id units.UnitID) bool { return slices.Contains(m.systemd.Live(), id) }

// wantStatus lets a minute pass and compares.
func (m *machine) wantStatus(id units.UnitID, state units.State, code string) {
	m.t.Helper()
	m.Advance(time.Minute)
	if s := m.status(id); s.State != state || s.Reason.Code != code {
		m.t.Errorf("%s is %s (%s), want %s (%s)", id, s.State, s.Reason, state, code)
	}
}

func (m *machine) wantRuns(id units.UnitID, want bool) {
	m.t.Helper()
	if m.runs(id) != want {
		m.t.Errorf("%s runs: %v", id, !want)
	}
}

// The parts around the daemon.
type (
	unreliable  struct{ m *machine }
	bareStore   struct{}
	bareFiles   struct{ m *machine }
	bareDisk    struct{ records map[units.UnitID]Record }
	bareGuard   struct{ m *machine }
	bareMachine struct{ m *machine }
	bareContact struct{ m *machine }
	bareSeen    struct{ m *machine }
	noPorts     struct{}
	sticky      struct {
		m *machine
		Bounds
	}
)

func (u unreliable) err() error {
	if u.m.away {
		return registry.ErrUnavailable
	}
	return nil
}

func (u unreliable) Range(ctx context.Context, r registry.Range) (registry.RangeResult, error) {
	if err := u.err(); err != nil {
		return registry.RangeResult{}, err
	}
	return u.m.memory.Range(ctx, r)
}

func (u unreliable) Txn(ctx context.Context, t registry.Txn) (registry.TxnResult, error) {
	if err := u.err(); err != nil {
		return registry.TxnResult{}, err
	}
	return u.m.memory.Txn(ctx, t)
}

func (u unreliable) Grant(ctx context.Context, ttl time.Duration) (registry.Lease, error) {
	if err := u.err(); err != nil {
		return registry.Lease{}, err
	}
	return u.m.memory.Grant(ctx, ttl)
}

func (u unreliable) KeepAlive(ctx context.Context, id registry.LeaseID) (registry.Lease, error) {
	if err := u.err(); err != nil {
		return registry.Lease{}, err
	}
	return u.m.memory.KeepAlive(ctx, id)
}

func (u unreliable) TimeToLive(ctx context.Context, id registry.LeaseID) (registry.Lease, error) {
	return u.m.memory.TimeToLive(ctx, id)
}

func (u unreliable) Revoke(ctx context.Context, id registry.LeaseID) error {
	return u.m.memory.Revoke(ctx, id)
}

func (u unreliable) Watch(ctx context.Context, w registry.Watch, deliver func(registry.WatchResponse)) registry.Watcher {
	return u.m.memory.Watch(ctx, w, func(r registry.WatchResponse) {
		if !u.m.away && !u.m.deaf {
			deliver(r)
		}
	})
}

func (bareStore) Realise(context.Context, Realisation) error       { return nil }
func (bareStore) Roots(context.Context) ([]string, error)          { return nil, nil }
func (bareStore) RemoveRoot(context.Context, string) error         { return nil }
func (noPorts) Busy(context.Context, []ListenPort) (uint16, error) { return 0, nil }

func (f bareFiles) Put(id units.UnitID, r systemd.Record) (record, shim string, err error) {
	f.m.started[id] = r
	return "/var/lib/nsched/records/" + id.String() + ".json", "/var/lib/nsched/exec/0/nsched-exec", nil
}
func (bareFiles) Remove(units.UnitID) error            { return nil }
func (bareFiles) Sweep([]units.UnitID, []string) error { return nil }

func (b bareDisk) Load() ([]Record, []error) {
	records := slices.Collect(maps.Values(b.records))
	slices.SortFunc(records, func(a, b Record) int { return a.ID.Compare(b.ID) })
	return records, nil
}
func (b bareDisk) Save(r Record) error          { b.records[r.ID] = r; return nil }
func (b bareDisk) Remove(id units.UnitID) error { delete(b.records, id); return nil }

func (g bareGuard) State(context.Context) (guard.State, error) {
	s := g.m.place
	if g.m.fresh {
		s.FreshUntil = g.m.Now.Boot + guard.FenceAfter
	}
	return s, nil
}

func (b bareMachine) Describe(context.Context) (units.Node, error) {
	return units.Node{Key: b.m.key, BootID: b.m.boot, System: "x86_64-linux", AppSchema: units.AppSchema, Addresses: []string{b.m.address}}, nil
}

func (c bareContact) Load() (time.Time, error)  { return c.m.contact, nil }
func (c bareContact) Save(t time.Time) error    { c.m.contact = t; return nil }
func (s bareSeen) Load() (registry.Seen, error) { return s.m.seen, nil }
func (s bareSeen) Save(v registry.Seen) error   { s.m.seen = v; return nil }

func (s sticky) Empty(ctx context.Context, id units.UnitID) (bool, error) {
	if s.m.stuck[id] {
		return false, nil
	}
	return s.Bounds.Empty(ctx, id)
}
