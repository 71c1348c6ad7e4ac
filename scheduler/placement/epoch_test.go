package placement_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

// restored has a singleton wanted in a registry that was restored, and forgot it, while n1 and n2 are there
// with the tenures that they had.
func restored(change ...func(*units.App)) *world {
	w := newWorld(machines("n1", "n2", "n3")...)
	w.submit(1, service("default/mon", append([]func(*units.App){singleton}, change...)...))
	w.Epoch = placement.Epoch{Since: 600, SeenMs: w.NowMs}
	return w
}

func TestAfterARestoreASingletonWaitsForWhatTheRegistryForgot(t *testing.T) {
	for _, test := range []struct {
		name   string
		change []func(*units.App)
		event  func(w *world)
		does   []string
		why    string
	}{
		{name: "every node has its tenure of before", event: func(w *world) { w.wait(time.Hour) }, why: "singleton-waiting"},
		{
			name: "one node has its tenure of before", why: "singleton-waiting",
			event: func(w *world) { w.back("n1"); w.back("n2"); w.wait(time.Hour) },
		},
		{
			name: "every node has another tenure, and one that is not registered may be about", why: "singleton-waiting 5s",
			event: func(w *world) { w.back("n1"); w.back("n2"); w.back("n3"); w.wait(10 * time.Second) },
		},
		{
			name:  "every node has another tenure, and the time of any lease has passed",
			event: func(w *world) { w.back("n1"); w.back("n2"); w.back("n3"); w.wait(15 * time.Second) },
			does:  []string{"place default.mon.0.1.1"},
		},
		{
			name: "a node with its tenure of before was lost just now", why: "singleton-waiting 15s",
			event: func(w *world) { w.back("n1"); w.back("n2"); w.wait(time.Minute); w.lose("n3") },
		},
		{
			name: "a node with its tenure of before was lost long ago",
			event: func(w *world) {
				w.back("n1")
				w.back("n2")
				w.wait(time.Minute)
				w.lose("n3")
				w.wait(15 * time.Second)
			},
			does: []string{"place default.mon.0.1.1"},
		},
		{
			name: "what the registry says of the loss is of before the restore", why: "singleton-waiting 14s",
			event: func(w *world) {
				w.back("n1")
				w.back("n2")
				w.lose("n3")
				w.node("n3").LostAtMs -= time.Hour.Milliseconds()
				w.wait(time.Second)
			},
		},
		{
			name:   "a stop that takes longer than the budget is waited for",
			change: []func(*units.App){stopTimeout(10 * time.Second)},
			event:  func(w *world) { w.back("n1"); w.back("n2"); w.back("n3"); w.wait(15 * time.Second) },
			why:    "singleton-waiting 6s",
		},
		{
			name: "a person vouches for the loss of the node that is away",
			event: func(w *world) {
				w.back("n1")
				w.back("n2")
				w.wait(15 * time.Second)
				w.lose("n3")
				w.node("n3").Confirmed = true
			},
			does: []string{"place default.mon.0.1.1"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := restored(test.change...)
			test.event(w)
			o := placement.Plan(w.Snapshot, w.policy)
			var got []string
			for _, a := range o.Actions {
				if a.Kind != placement.KindRollout {
					got = append(got, string(a.Kind)+" "+a.Unit.String())
				}
			}
			if diff := cmp.Diff(test.does, got); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
			if got := w.said(o); got != test.why {
				t.Errorf("says %q, want %q: %+v", got, test.why, o.Unplaced)
			}
			checkPlan(t, w.Snapshot, o, w.policy)
		})
	}
}

func TestAfterARestoreBoundUnitsGoOnlyWhereTheTenureIsNew(t *testing.T) {
	w := newWorld(machines("n1", "n2")...)
	w.Epoch = placement.Epoch{Since: 600, SeenMs: w.NowMs}
	w.submit(2, service("default/web", onPartitionStop))
	w.submit(1, service("default/any"))
	o := w.plan()
	if got := why(o); !slices.Equal(got, []string{"default/web:0 former-tenure", "default/web:1 former-tenure"}) {
		t.Errorf("unplaced %v", got)
	}
	w.back("n2")
	w.plan()
	for _, u := range w.Units {
		if u.ID.App == "web" && u.Node != "n2" {
			t.Errorf("%s is on %s", u.ID, u.Node)
		}
	}
	if n := len(w.Units); n != 3 {
		t.Errorf("%d units", n)
	}
}
