package sim

import (
	"bytes"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
)

// An etcd without room refused the hand that set an assignment right; a restored one took back what the hand
// had done. It came no more, and nobody else can mend such a key: the node held unit, note and root for ever.
func TestAHandComesUntilItsWorkStays(t *testing.T) {
	for name, disturb := range map[string]func(w *World){
		"etcd has no room": func(w *World) {
			w.After(5*time.Second, func() { w.fill(true) })
			w.After(25*time.Second, func() { w.fill(false) })
		},
		"a snapshot of before is restored": func(w *World) {
			w.Strike(Strike{At: Span(5 * time.Second), Kind: "etcd restored", Lasts: Span(15 * time.Second), Pick: 1})
		},
	} {
		t.Run(name, func(t *testing.T) {
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
			spoilt := false
			w.Strike(Strike{Kind: "key overwritten", Target: "units", Lasts: Span(10 * time.Second), Pick: 1})
			disturb(w)
			w.Every(time.Second, func() { spoilt = spoilt || w.Now() > 16*time.Second && !bytes.Equal(value(), before) })
			if err := w.Run(5 * time.Minute); err != nil {
				t.Fatal(err)
			}
			if !spoilt {
				t.Fatal("the hand did nothing, or nothing was in its way")
			}
			if !bytes.Equal(value(), before) {
				t.Fatalf("the assignment is %q, and was %q", value(), before)
			}
		})
	}
}
