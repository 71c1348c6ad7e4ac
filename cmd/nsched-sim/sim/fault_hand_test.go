package sim

import (
	"bytes"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
)

// An etcd without room refused the hand that set an assignment right, and it came no more: nobody else can
// mend such a key, so the node held unit, note and root for ever.
func TestAHandThatEtcdHasNoRoomForComesAgain(t *testing.T) {
	w := nodeWorld(t, 1, 1)
	n := w.Nodes()[0]
	assign(t, w, n, 0, units.DesiredRun)
	if err := w.Run(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	key := Keys.Unit(units.NodeName(n.Name), helloUnit(0))
	value := func() []byte {
		t.Helper()
		read, err := w.Etcd.Range(t.Context(), rangeOf(key))
		if err != nil || len(read.KVs) != 1 {
			t.Fatalf("%v, %v", read, err)
		}
		return read.KVs[0].Value
	}
	before := value()
	w.Strike(Strike{Kind: "key overwritten", Target: "units", Lasts: Span(10 * time.Second), Pick: 1})
	w.After(5*time.Second, func() { w.fill(true) })
	w.After(25*time.Second, func() { w.fill(false) })
	if err := w.Run(25 * time.Second); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(value(), before) {
		t.Fatal("the hand did nothing, or etcd had room")
	}
	if err := w.Run(40 * time.Second); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(value(), before) {
		t.Fatalf("the assignment is %q, and was %q", value(), before)
	}
}
