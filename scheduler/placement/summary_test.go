package placement_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

func TestSummaries(t *testing.T) {
	w := newWorld(machine("n1"))
	w.submit(502, service("default/web", cpu(900)))
	w.plan()
	u := w.unit(t, "default.web.1.1.1")
	w.report(u, units.StateFailed, func(s *units.Status) { s.Reason = units.Reason{Code: units.ReasonExited, Message: "code 1"} })
	w.report(w.unit(t, "default.web.0.1.1"), units.StateRunning)
	w.submit(502, service("default/other"))
	o := placement.Plan(w.Snapshot, w.policy)
	got := placement.Summaries(*w.app(units.AppID{Namespace: "default", Name: "web"}), w.Units, o)
	if len(got) != 2 || len(got["0"].Slots) != 500 || len(got["1"].Slots) != 2 {
		t.Fatalf("%d chunks of %d and %d slots", len(got), len(got["0"].Slots), len(got["1"].Slots))
	}
	want := map[units.Slot]units.SlotSummary{
		"0": {Node: "n1", Unit: "default.web.0.1.1", State: units.StateRunning},
		"1": {Node: "n1", Unit: "default.web.1.1.1", State: units.StateFailed, Reason: units.Reason{Code: "backoff", Message: "failed once (exited: code 1); the next attempt is in 30s"}},
	}
	for slot, s := range want {
		if diff := cmp.Diff(s, got["0"].Slots[slot]); diff != "" {
			t.Errorf("slot %s (-want +got):\n%s", slot, diff)
		}
	}
	if s := got["1"].Slots["501"]; s.Reason.Code != "insufficient-cpu" || s.Unit != "" {
		t.Errorf("slot 501 shows %+v", s)
	}
}

func TestSummaryShowsTheUnitAtWorkDuringAnUpdate(t *testing.T) {
	w := newWorld(machine("n1"))
	w.submit(1, service("default/web", checked))
	w.converge(t)
	w.submit(1, service("default/web", checked))
	o := w.plan()
	show := func() string {
		return placement.Summaries(*w.app(units.AppID{Namespace: "default", Name: "web"}), w.Units, o)["0"].Slots["0"].Unit
	}
	if got := show(); got != "default.web.0.1.1" {
		t.Errorf("before: %s", got)
	}
	w.obey()
	o = w.plan()
	if got := show(); got != "default.web.0.2.2" {
		t.Errorf("after: %s", got)
	}
}
