package node

import (
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// A new unit whose closure was there used to wait for the next regular listing before it was started, up
// to three seconds: systemd had never been asked about it.
func TestANewUnitHasSystemdAskedAtOnce(t *testing.T) {
	keys, err := registry.NewKeys("")
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{o: Options{Node: "n1", Keys: keys}, units: map[units.UnitID]*unit{}, bad: map[string]string{}}
	id := units.UnitID{Namespace: "default", App: "a", Slot: "0", Generation: 1, Attempt: 1}
	value, err := registry.Encode(units.Assignment{Desired: units.DesiredRun}, registry.Extra{})
	if err != nil {
		t.Fatal(err)
	}
	assign := func(revision int64) {
		d.listAt = time.Minute
		assignments{d}.Apply(registry.Batch{After: revision - 1, Revision: revision, Changes: []registry.Change{{
			KeyValue: registry.KeyValue{Key: keys.Unit("n1", id), Value: value, CreateRevision: 7, ModRevision: revision},
		}}})
	}
	assign(7)
	if d.listAt != 0 {
		t.Errorf("systemd is asked at %v", d.listAt)
	}
	assign(8)
	if d.listAt != time.Minute {
		t.Errorf("a unit that is known has systemd asked at %v", d.listAt)
	}
}
