package node

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/nsched/nsched/units"
)

// Whatever a registry says, and in which order, a restored one included: what was furthest stays.
func TestOfTwoWordsAboutAUnitTheFurthestCounts(t *testing.T) {
	words := []units.Desired{units.DesiredStage, units.DesiredRun, units.DesiredStop}
	rapid.Check(t, func(t *rapid.T) {
		u := &unit{}
		furthest := units.Desired("")
		for range rapid.IntRange(1, 8).Draw(t, "words") {
			word := rapid.SampledFrom(words).Draw(t, "word")
			furthest = furthest.Merge(word)
			u.desire(units.Assignment{Desired: word}, int64(rapid.IntRange(1, 3).Draw(t, "revision")))
			if got := u.rec.Assignment.Desired; got != furthest {
				t.Fatalf("%q after it was told %q", got, furthest)
			}
		}
	})
}
