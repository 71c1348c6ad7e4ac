package sim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nsched/nsched/units"
)

// Act is one thing that the operator does, as data.
type Act struct {
	At   Span   `json:"at"`
	Kind string `json:"kind"`
	// App numbers the app; Node names the node, for what is done to one.
	App   int    `json:"app,omitempty"`
	Node  string `json:"node,omitempty"`
	Count int    `json:"count,omitempty"`
	CPU   int    `json:"cpuMilli,omitempty"`
	Flaw  string `json:"flaw,omitempty"`
}

// String tells it on one line.
func (a Act) String() string {
	if a.Node != "" {
		return fmt.Sprintf("%v %s %s", a.At.D(), a.Kind, a.Node)
	}
	return fmt.Sprintf("%v %s %s %d x %dm %s", a.At.D(), a.Kind, App(a.App).Name, a.Count, a.CPU, a.Flaw)
}

// The kinds of acts.
const (
	actSubmit      = "submit"
	actScale       = "scale"
	actStop        = "stop"
	actCordon      = "cordon"
	actUncordon    = "uncordon"
	actConfirmLost = "confirm-lost"
)

// Do makes the operator do it at its time, counted from now.
func (o *Operator) Do(a Act) {
	o.w.After(a.At.D(), func() {
		o.w.Trace.Add(o.w.now, "act", a.String())
		node := units.NodeName(a.Node)
		if a.Node != "" && o.w.node(a.Node) == nil {
			return // it was taken out of the schedule
		}
		switch a.Kind {
		case actSubmit:
			o.SubmitFlawed(App(a.App), a.Count, a.CPU, a.Flaw)
		case actScale:
			o.Scale(App(a.App), a.Count)
		case actStop:
			o.Stop(App(a.App))
		case actCordon, actUncordon:
			o.Cordon(node, a.Kind == actCordon)
		case actConfirmLost:
			o.ConfirmLost(node)
		default:
			o.w.fail(fmt.Errorf("nobody knows how to %q", a.Kind))
		}
	})
}

// drawActs draws what is done to a number of apps and to the nodes: every app is submitted within the first
// half minute, and from then on something changes all the time until the end is near. At rest each app is
// given what it can have: a generation without a flaw, of a size for which there is room.
func drawActs(r *rand.Rand, apps int, nodes []string, to, rest time.Duration) []Act {
	var acts []Act
	submit := func(at time.Duration, app int, flaw string) {
		p := profileOf(App(app))
		count := p.least + r.IntN(p.most-p.least+1)
		acts = append(acts, Act{At: Span(at), Kind: actSubmit, App: app, Count: count, CPU: 50 + 25*r.IntN(7), Flaw: flaw})
	}
	for app := range apps {
		submit(uniform(r, 5*time.Second, 30*time.Second), app, "")
	}
	for at := 40 * time.Second; at < to; at += uniform(r, 10*time.Second, time.Minute) {
		app := r.IntN(apps)
		p := profileOf(App(app))
		switch n := r.IntN(20); {
		case n < 6:
			acts = append(acts, Act{At: Span(at), Kind: actScale, App: app, Count: p.least + r.IntN(p.most-p.least+1)})
		case n < 10:
			submit(at, app, "")
		case n < 12:
			submit(at, app, pick(r, harmful))
		case n < 14:
			submit(at, app, pick(r, harmless))
		case n < 16:
			acts = append(acts, Act{At: Span(at), Kind: actStop, App: app})
		case n < 18:
			node := pick(r, nodes)
			acts = append(acts, Act{At: Span(at), Kind: actCordon, Node: node},
				Act{At: Span(at + uniform(r, 10*time.Second, 2*time.Minute)), Kind: actUncordon, Node: node})
		default:
			acts = append(acts, Act{At: Span(at), Kind: actConfirmLost, Node: pick(r, nodes)})
		}
	}
	for app := range apps {
		p := profileOf(App(app))
		a := Act{At: Span(uniform(r, rest, rest+20*time.Second)), Kind: actSubmit, App: app, Count: p.least + r.IntN(p.most-p.least+1), CPU: 100, Flaw: pick(r, append([]string{""}, harmless...))}
		if r.IntN(6) == 0 {
			a.Kind = actStop
		}
		acts = append(acts, a)
	}
	slices.SortStableFunc(acts, func(a, b Act) int { return cmp.Compare(a.At, b.At) })
	return acts
}
