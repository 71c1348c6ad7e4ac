package node

import (
	"testing"
	"time"

	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/node/guard"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// A service that died within the fifth of a second between two batches of reports was written as failed
// together with the endpoint that nobody had withdrawn, since it was not out yet.
func TestAnEndpointThatIsWantedOrOnItsWayHasToBeWithdrawn(t *testing.T) {
	keys, err := registry.NewKeys("")
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{o: Options{Node: "n1", Keys: keys}, place: place{State: guard.State{Phase: guard.PhaseHolding, Lease: 1, Tenure: 1}}}
	u := &unit{rec: Record{ID: units.UnitID{Namespace: "default", App: "a", Slot: "0", Generation: 1, Attempt: 1}}}
	r := &u.report
	r.endpointOut = endpointAbsent
	if r.published() {
		t.Error("an endpoint that nobody wants counts as published")
	}
	r.endpoint = &units.Endpoint{}
	if !r.published() {
		t.Error("one that is wanted does not count as published")
	}
	if _, err := d.part(u, &registry.Txn{}); err != nil {
		t.Fatal(err)
	}
	r.endpoint = nil
	if !r.published() {
		t.Error("one that is being written does not count as published")
	}
}

// The first report of an end used to say that the unit had failed and not how: the result followed a
// moment later, when whoever waits for the end had read it already.
func TestTheFirstReportOfAnEndSaysHowItEnded(t *testing.T) {
	d := &Daemon{}
	u := &unit{rec: Record{ID: units.UnitID{Namespace: "default", App: "a", Slot: "0", Generation: 1, Attempt: 1}}}
	end := converge.Ending{State: units.StateFailed, Result: units.ResultExitCode, ExitCode: 7, Reason: units.Reason{Code: units.ReasonExited}}
	now := units.Instant{Boot: time.Minute}
	d.tell(u, converge.Verdict{
		State: end.State, Reason: end.Reason, Do: []converge.Action{{Kind: converge.End, Ending: &end}},
	}, now)
	if u.report.wantSet {
		t.Errorf("it is told before it is known for good: %+v", u.report.want)
	}
	u.rec.Ended = &end
	d.tell(u, converge.Verdict{State: end.State, Reason: end.Reason}, now)
	if got := u.report.want; got.Result != end.Result || got.ExitCode != end.ExitCode {
		t.Errorf("the report is %+v", got)
	}
}
