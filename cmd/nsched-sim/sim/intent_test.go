package sim

import (
	"maps"
	"testing"
	"time"
)

// The faults of a run leave alone what people have written. An app, a generation or a node's wishes that nobody can
// read, or that is of a newer version, stops nothing and moves nothing, whoever leads meanwhile. The
// cluster's key that was JSON, and said nothing, made every guard give up its tenure: singletons stopped everywhere.
func TestWhatAPersonWroteAndNobodyCanReadStopsNothing(t *testing.T) {
	for _, kind := range []string{"key overwritten", "key of a newer version"} {
		for _, target := range []string{"apps", "generations", "operator", "cluster"} {
			t.Run(kind+", "+target, func(t *testing.T) {
				for pick := uint32(1); pick <= 4; pick++ {
					b := newBrokenWorld(t)
					b.Operator.Cordon("n1", true)
					before, ran := b.Watchman.Stops, runningNow(b.World)
					b.Strike(Strike{At: Span(time.Second), Kind: kind, Target: target, Lasts: Span(90 * time.Second), Pick: pick})
					b.Strike(Strike{At: Span(20 * time.Second), Kind: "leader crash", Target: "s1/scheduler", Lasts: Span(10 * time.Second)})
					b.until(b.now + 80*time.Second)
					if b.Trace.Kinds["strike"] != 2 || b.Watchman.Stops != before || !maps.Equal(ran, runningNow(b.World)) {
						t.Errorf("pick %d: %d faults, %d stops", pick, b.Trace.Kinds["strike"], b.Watchman.Stops-before)
					}
					b.until(b.now + 2*time.Minute)
					if err := b.Watchman.Settled(b.Operator); err != nil {
						t.Errorf("pick %d: %v", pick, err)
					}
				}
			})
		}
	}
}
