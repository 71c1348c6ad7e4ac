package sim

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// A watchman who never cries proves nothing. In each of these worlds something is done that no shell does, by a
// hand that nobody is told of, and he has to say which promise it breaks: that one, and no other before it.
type broke struct {
	name    string
	promise Promise
	do      func(b *brokenWorld)
}

// brokenWorld is a cluster at rest: three nodes and two schedulers, five apps that run.
type brokenWorld struct {
	*Cluster
	t *testing.T
}

// The apps of such a world.
var (
	plainApp   = App(0)  // three units
	loneApp    = App(1)  // a singleton
	tiedApp    = App(2)  // two units, bound to their tenure
	patientApp = App(4)  // two units, which wait 45 s for their node
	largeApp   = App(10) // one unit that takes most of a machine
)

func newBrokenWorld(t *testing.T) *brokenWorld {
	t.Helper()
	b := &brokenWorld{NewCluster(t.Context(), 1, NewTrace(nil), Size{Nodes: 3, Schedulers: 2}), t}
	b.After(5*time.Second, func() {
		b.Operator.Submit(plainApp, 3, 100)
		b.Operator.Submit(loneApp, 1, 100)
		b.Operator.Submit(tiedApp, 2, 100)
		b.Operator.Submit(patientApp, 2, 100)
		b.Operator.Submit(largeApp, 1, 3000)
	})
	b.until(40 * time.Second)
	if err := b.Watchman.Settled(b.Operator); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *brokenWorld) until(at time.Duration) {
	b.t.Helper()
	if err := b.Run(at); err != nil {
		b.t.Fatalf("before anything was done: %v", err)
	}
}

// when does something as soon as it is time for it, and once.
func (b *brokenWorld) when(ready func() bool, do func()) {
	var look func()
	look = func() {
		if ready() {
			do()
			return
		}
		b.After(time.Millisecond, look)
	}
	look()
}

// of is the n-th unit of an app, where etcd has it.
func (b *brokenWorld) of(app units.AppID, nth int) unitKey {
	b.t.Helper()
	var all []unitKey
	for k := range b.Watchman.mirror.units { // order-free: it is sorted
		if k.id.AppID() == app {
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, c unitKey) int { return a.id.Compare(c.id) })
	if nth >= len(all) {
		b.t.Fatalf("%s has %d units", app, len(all))
	}
	return all[nth]
}

func (b *brokenWorld) machineOf(k unitKey) *NodeHost { return b.node(string(k.node)) }

// elsewhere is a machine that runs nothing of the unit's app.
func (b *brokenWorld) elsewhere(k unitKey) *NodeHost {
	for _, n := range b.nodes {
		if !slices.ContainsFunc(n.Live(), func(id units.UnitID) bool { return id.AppID() == k.id.AppID() }) {
			return n
		}
	}
	b.t.Fatalf("%s is everywhere", k.id.AppID())
	return nil
}

// next is the attempt after the unit's, on a machine.
func next(k unitKey, n *NodeHost) unitKey {
	k.id.Attempt++
	return unitKey{units.NodeName(n.Name), k.id}
}

func (b *brokenWorld) tenure(n *NodeHost) int64 {
	return b.Watchman.mirror.alive[units.NodeName(n.Name)].CreateRevision
}

// leader is the scheduler that leads, the other one, and when its key was put.
func (b *brokenWorld) leader() (leads, waits *Process, put time.Duration) {
	b.t.Helper()
	leads = b.leading()
	first, ok := b.Watchman.mirror.leader()
	if leads == nil || !ok {
		b.t.Fatal("nobody leads")
	}
	waits = b.schedulers[0]
	if waits == leads {
		waits = b.schedulers[1]
	}
	return leads, waits, first.put
}

// as is a transaction that a process asked for some time ago and that etcd comes to now.
func (b *brokenWorld) as(p *Process, ago time.Duration, ops ...registry.Op) {
	asked := context.WithValue(b.ctx, callKey{}, &call{sent: b.now - ago})
	_, err := b.Net.link(p).Txn(asked, registry.Txn{Then: ops})
	if err != nil && !errors.Is(err, registry.ErrUnknownOutcome) {
		b.t.Errorf("%s writes: %v", p.Name, err)
	}
}

// byEtcd is one that nobody asked for.
func (b *brokenWorld) byEtcd(ops ...registry.Op) {
	if _, err := b.Etcd.Txn(b.ctx, registry.Txn{Then: ops}); err != nil {
		b.t.Errorf("write: %v", err)
	}
}

func (b *brokenWorld) put(key string, value any) registry.Op {
	raw, err := registry.Encode(value, registry.Extra{})
	if err != nil {
		b.t.Errorf("encode %s: %v", key, err)
	}
	return registry.Op{Kind: registry.OpPut, Key: key, Value: raw}
}

func gone(key string) registry.Op { return registry.Op{Kind: registry.OpDelete, Key: key} }

func unitKeyOf(k unitKey) string   { return Keys.Unit(k.node, k.id) }
func statusKeyOf(k unitKey) string { return Keys.Status(k.node, k.id) }

// assigned is what a scheduler would write about the unit.
func (b *brokenWorld) assigned(k unitKey, d units.Desired) registry.Op {
	return b.put(unitKeyOf(k), units.Assignment{Desired: d, Tenure: b.tenure(b.machineOf(k))})
}

// says is what a node would write about the unit.
func (b *brokenWorld) says(k unitKey, change func(*units.Status)) registry.Op {
	s := b.Watchman.mirror.status[k].Status
	change(&s)
	return b.put(statusKeyOf(k), s)
}

// services is systemd as the machine's daemon has it.
func services(n *NodeHost) simServices {
	return simServices{n: n, Systemd: node.Systemd{Manager: n.Systemd, Files: simFiles{n}, Bounds: n.Systemd.Bounds()}}
}

// starts makes a machine run a unit: fetched and pinned, in a tenure, with a fence token. Whoever ends what is
// bound to the tenure knows nothing of it.
func (b *brokenWorld) starts(k unitKey, tenure, token int64) {
	n, app := b.machineOf(k), b.Watchman.spec(k.id)
	n.store[app.Path] = true
	n.roots[units.RootName(k.id.AppID(), k.id.Generation)] = app.Path
	n.tenures[k.id] = tenure
	n.OnStart(k.id, b.now, token)
	if err := n.Systemd.Start(b.ctx, systemd.Service{
		Unit: k.id, Exec: "/var/lib/nsched/exec/sim/nsched-exec", Record: "/var/lib/nsched/records/x.json",
		Readiness: app.Readiness, Stop: app.Stop, Resources: app.Resources, Sandbox: app.Sandbox,
	}); err != nil {
		b.t.Errorf("start %s: %v", k.id, err)
	}
}

func TestTheWatchmanSeesEachPromiseBroken(t *testing.T) {
	seen := map[Promise]bool{}
	for _, c := range slices.Concat(brokenOnMachines, brokenInEtcd, brokenBySchedulers, brokenAtRest) {
		seen[c.promise] = true
		t.Run(string(c.promise)+": "+c.name, func(t *testing.T) {
			b := newBrokenWorld(t)
			c.do(b)
			err := b.Run(b.now + 3*time.Minute)
			if err == nil {
				err = b.Watchman.Settled(b.Operator)
			}
			var broken *Broken
			if !errors.As(err, &broken) || broken.Promise != c.promise {
				t.Fatalf("he says: %v", err)
			}
		})
	}
	source, err := os.ReadFile("promises.go")
	if err != nil {
		t.Fatal(err)
	}
	promises := 0
	for line := range strings.Lines(string(source)) {
		if _, after, ok := strings.Cut(line, ` Promise = "`); ok {
			text, _, _ := strings.Cut(after, `"`)
			if promises++; !seen[Promise(text)] {
				t.Errorf("nothing breaks %q", text)
			}
		}
	}
	if promises < 20 {
		t.Errorf("%d promises", promises)
	}
}

// What is not broken he does not complain of, or the test above would prove nothing.
func TestTheWatchmanSaysNothingOfAWorldThatIsWhole(t *testing.T) {
	b := newBrokenWorld(t)
	b.until(b.now + 3*time.Minute)
	if err := b.Watchman.Settled(b.Operator); err != nil {
		t.Error(err)
	}
}
