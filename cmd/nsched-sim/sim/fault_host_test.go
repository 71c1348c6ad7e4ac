package sim

import (
	"testing"
	"time"
)

// A new leader's patience with those who vanished while nobody led was put to the test by chance alone: a leader is
// missed for five seconds and a node for fifteen, so that hardly any fault made the one end within the other.
func TestANodesLeaseEndsWhileNobodyLeads(t *testing.T) {
	for _, c := range []struct {
		name   string
		pick   uint32
		before bool
	}{{"the leader is killed at once", 2, false}, {"the leader is killed later", 1, true}} {
		t.Run(c.name, func(t *testing.T) {
			b := NewCluster(t.Context(), 1, NewTrace(nil), Size{Nodes: 5, Schedulers: 2})
			b.After(5*time.Second, func() { b.Operator.Submit(App(0), 3, 100) })
			b.Strike(Strike{At: Span(40 * time.Second), Kind: "leader and node lost", Target: "n2", Lasts: Span(time.Minute), Pick: c.pick})
			if err := b.Run(90 * time.Second); err != nil {
				t.Fatal(err)
			}
			l := b.Watchman.losses
			if gone := l.gone["n2"]; gone.at == 0 || l.since < 40*time.Second || gone.at < l.since != c.before {
				t.Errorf("its lease ended at %v, and who leads has led since %v", gone.at, l.since)
			}
			if b.Watchman.Recorded != 1 {
				t.Errorf("%d losses are on record", b.Watchman.Recorded)
			}
		})
	}
}
