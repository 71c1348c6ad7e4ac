package sim

import (
	"testing"
	"time"

	"github.com/nsched/nsched/units"
)

func TestADaemonRemovesTheFilesOfUnitsThatAreNoMore(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	// A daemon died after the unit's end and before its record's.
	left := helloUnit(7)
	n.files[left] = true
	if err := w.Run(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	if n.files[left] {
		t.Fatal("the record of a unit that is no more was kept")
	}
	for slot := range 5 {
		assign(t, w, n, slot, units.DesiredRun)
	}
	if err := w.Run(15 * time.Second); err != nil {
		t.Fatal(err)
	}
	n.files[left] = true
	n.Daemon.Kill()
	n.Daemon.Start()
	assign(t, w, n, 5, units.DesiredRun)
	if err := w.Run(25 * time.Second); err != nil {
		t.Fatal(err)
	}
	if len(n.files) != 6 || n.files[left] || len(n.Running()) != 6 {
		t.Fatalf("%v is kept, %v runs", n.files, n.Running())
	}
	n.files[left] = true
	if err := w.Run(65 * time.Minute); err != nil {
		t.Fatal(err)
	}
	if n.files[left] {
		t.Fatal("nothing was removed within an hour")
	}
}
