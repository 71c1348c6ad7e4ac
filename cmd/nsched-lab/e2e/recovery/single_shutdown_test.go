package recovery

import (
	"fmt"
	"testing"

	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// A machine that is shut down in good order tells the cluster everything while it still is in its place,
// and gives that up last.
func TestAShutdownReportsTheUnitsStoppedBeforeTheNodeGivesUpItsPlace(t *testing.T) {
	s := single.Led(t)
	n := s.Node(t, "n3")
	s.Submits(t, on(s.ActorApp("stays"), "n3"))
	s.Submits(t, on(s.ActorApp("alone"), "n3").With("singleton", true))
	kept, bound := roleOf(t, s, s.Up(t, "stays", 1, "", nil)[0]), roleOf(t, s, s.Up(t, "alone", 1, "", nil)[0])
	history := s.Follow(t)
	if err := n.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left int64
	stage.Eventually(t, "the node's place is given up", func() error {
		for _, c := range history.Of(t, s.Keys.Alive(n.Node)) {
			if c.Deleted {
				left = c.ModRevision
				return nil
			}
		}
		return fmt.Errorf("it is not")
	})
	for _, c := range []struct {
		role  *stage.Role
		state units.State
	}{{kept, units.StateStarting}, {bound, units.StateStopped}} {
		key := s.Keys.Status(n.Node, c.role.ID)
		told, at := units.Status{}, int64(0)
		for _, change := range history.Of(t, key) {
			if change.Deleted || change.ModRevision > left {
				continue
			}
			st, _, err := registry.Decode[units.Status](key, change.Value)
			if err != nil {
				t.Fatal(err)
			}
			told, at = st, change.ModRevision
		}
		if told.State != c.state || told.Reason.Code != units.ReasonNodeShutdown {
			t.Errorf("%s was last told at %d, before the node left at %d, as %+v", c.role.ID, at, left, told)
		}
		withdrawn := false
		for _, change := range history.Of(t, s.Keys.Endpoint(n.Node, c.role.ID)) {
			withdrawn = withdrawn || change.Deleted && change.ModRevision < left
		}
		if !withdrawn {
			t.Errorf("the endpoint of %s was not withdrawn", c.role.ID)
		}
	}
	if err := n.PowerOn(t.Context()); err != nil {
		t.Fatal(err)
	}
	stage.Eventually(t, "the node is ready again", func() error { return n.Ready(t.Context()) })
	s.Up(t, "stays", 1, "", nil)
	s.Up(t, "alone", 1, "", nil)
}
