package sim

import (
	"fmt"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// Operator is a person with a command line: it submits, scales and stops apps, over a network that does
// not fail. What it wants is what a run is judged by.
type Operator struct {
	w    *World
	want map[units.AppID]units.Intent
	last map[units.AppID]units.Generation
}

// NewOperator returns an operator who has done nothing yet.
func (w *World) NewOperator() *Operator {
	return &Operator{w: w, want: map[units.AppID]units.Intent{}, last: map[units.AppID]units.Generation{}}
}

// document is an app with a port and a check. Its generation is in its environment, so that generations
// differ, and in its path, so that each has a closure of its own.
func document(app units.AppID, g units.Generation, cpu int) string {
	const base32 = "0123456789abcdfghijklmnpqrsvwxyz"
	hash := make([]byte, 32)
	for i := range hash {
		hash[i] = base32[(int(g)*7+i*int(app.Name[len(app.Name)-1]))%32]
	}
	return fmt.Sprintf(`{"name":%q,"namespace":%q,"path":"/nix/store/%s-%s","command":["bin/app"],`+
		`"env":{"GENERATION":"%d"},"resources":{"cpu":"%dm","memory":"64Mi"},`+
		`"ports":[{"name":"http"}],"healthChecks":{"http":[{"port":"http","path":"/healthz"}]}}`,
		app.Name, app.Namespace, hash, app.Name, g, cpu)
}

// Submit stores a new generation and makes it the target.
func (o *Operator) Submit(app units.AppID, count, cpu int) {
	g := o.last[app] + 1
	o.last[app] = g
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

func (o *Operator) intend(app units.AppID, i units.Intent) {
	o.want[app] = i
	o.put(Keys.App(app), i)
}

func (o *Operator) put(key string, value any) {
	raw, err := registry.Encode(value, registry.Extra{})
	if err == nil {
		_, err = o.w.Etcd.Txn(o.w.ctx, registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: raw}}})
	}
	if err != nil {
		o.w.fail(fmt.Errorf("operator writes %s: %w", key, err))
	}
	o.w.Trace.Add(o.w.now, "operator", key)
}
