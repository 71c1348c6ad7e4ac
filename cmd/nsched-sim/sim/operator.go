package sim

import (
	"fmt"
	"maps"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// Operator is a person with a command line: it submits, scales and stops apps, over a network that does
// not fail. What it wants is what a run is judged by.
type Operator struct {
	w     *World
	want  map[units.AppID]units.Intent
	last  map[units.AppID]units.Generation
	flaws map[string]string // by generation key
	nodes map[units.NodeName]units.Operator
}

// NewOperator returns an operator who has done nothing yet.
func (w *World) NewOperator() *Operator {
	w.Operator = &Operator{
		w: w, want: map[units.AppID]units.Intent{}, last: map[units.AppID]units.Generation{},
		flaws: map[string]string{}, nodes: map[units.NodeName]units.Operator{},
	}
	return w.Operator
}

// Submit stores a new generation and makes it the target.
func (o *Operator) Submit(app units.AppID, count, cpu int) { o.SubmitFlawed(app, count, cpu, "") }

// SubmitFlawed is Submit of a generation of which something is wrong.
func (o *Operator) SubmitFlawed(app units.AppID, count, cpu int, flaw string) {
	g := o.last[app] + 1
	o.last[app] = g
	o.flaws[Keys.Generation(app, g)] = flaw
	intent := units.Intent{Generation: g, Count: count}
	o.put(Keys.Generation(app, g), units.Submission{Document: document(app, g, cpu), Submitter: "operator"})
	o.intend(app, intent)
}

// Scale changes the count.
func (o *Operator) Scale(app units.AppID, count int) {
	intent, ok := o.want[app]
	if !ok {
		return
	}
	intent.Count = count
	o.intend(app, intent)
}

// Stop ends the app.
func (o *Operator) Stop(app units.AppID) {
	intent, ok := o.want[app]
	if !ok {
		return
	}
	intent.Stopped = true
	o.intend(app, intent)
}

// Want is what the operator wants of every app. The caller does not change it.
func (o *Operator) Want() map[units.AppID]units.Intent { return o.want }

// Cordon keeps new units off a node, or lets them come again.
func (o *Operator) Cordon(node units.NodeName, cordon bool) {
	n := o.nodes[node]
	n.Cordon = cordon
	o.about(node, n)
}

// ConfirmLost vouches for it that a node which holds no tenure is lost. It is no lie: whoever does has looked at
// the machine, and nothing runs there, nor can anything begin that is bound to the tenure that is over.
func (o *Operator) ConfirmLost(node units.NodeName) {
	alive, err := o.w.Etcd.Range(o.w.ctx, rangeOf(Keys.Alive(node)))
	if err != nil || len(alive.KVs) > 0 || o.w.tenures[node] == 0 || o.w.node(string(node)).Fit() {
		return
	}
	n := o.nodes[node]
	n.ConfirmLost = o.w.tenures[node]
	o.about(node, n)
}

func (o *Operator) about(node units.NodeName, n units.Operator) {
	o.nodes[node] = n
	o.put(Keys.Operator(node), n)
}

func (o *Operator) intend(app units.AppID, i units.Intent) {
	o.want[app] = i
	o.put(Keys.App(app), i)
}

func (o *Operator) put(key string, value any) {
	raw, err := registry.Encode(value, registry.Extra{})
	if err == nil {
		o.w.Etcd.SetNoSpace(false) // a person waits until there is room
		_, err = o.w.Etcd.Txn(o.w.ctx, registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: raw}}})
		o.w.Etcd.SetNoSpace(o.w.full)
	}
	if err != nil {
		o.w.fail(fmt.Errorf("operator writes %s: %w", key, err))
	}
	o.w.Trace.Add(o.w.now, "operator", key)
}

// memory is what an operator wanted at one moment.
type memory struct {
	want  map[units.AppID]units.Intent
	nodes map[units.NodeName]units.Operator
}

func (o *Operator) remember() memory {
	if o == nil {
		return memory{}
	}
	return memory{maps.Clone(o.want), maps.Clone(o.nodes)}
}

// forget makes what was wanted later unsaid, as the restore of an older etcd does. The numbers of the
// generations go on: a person who looks at what runs does not give one twice.
func (o *Operator) forget(m memory) {
	if o != nil {
		o.want, o.nodes = m.want, m.nodes
	}
}
