package node

import (
	"testing"

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
	d := &Daemon{o: Options{Node: "n1", Keys: keys}, place: place{}}
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
	if _, _, err := d.part(u, &registry.Txn{}); err != nil {
		t.Fatal(err)
	}
	r.endpoint = nil
	if !r.published() {
		t.Error("one that is being written does not count as published")
	}
}
