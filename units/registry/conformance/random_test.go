package conformance

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/units/registry"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "seed of the random operations; 0 draws one")
	stepsFlag = flag.Int("steps", 10_000, "number of random operations")
)

// watchInterval is how many steps lie between two comparisons of all watches. A watch from an old
// revision costs etcd up to 100 ms.
const watchInterval = 200

// TestTwinAnswersAsEtcdDoes plays the same random operations to the twin and to a real etcd.
func TestTwinAnswersAsEtcdDoes(t *testing.T) {
	t.Parallel()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d: go test -run %s -seed %d -steps %d", seed, t.Name(), seed, *stepsFlag)
	etcd := newReal(t)
	steps := generate(seed, *stepsFlag)
	at, diff := compare(t, etcd, steps)
	if diff == "" {
		return
	}
	t.Errorf("step %d differs (-twin +etcd):\n%s", at, diff)
	short := shrink(steps[:at+1], time.Now().Add(60*time.Second), func(s []step) bool {
		_, diff := compare(t, etcd, s)
		return diff != ""
	})
	_, diff = compare(t, etcd, short)
	lines := make([]string, 0, len(short))
	for _, s := range short {
		lines = append(lines, s.String())
	}
	t.Errorf("the shortest sequence found, %d steps:\n%s\ndiffers in (-twin +etcd):\n%s", len(short), strings.Join(lines, "\n"), diff)
}

// compare plays steps to a new twin and to etcd until an answer differs. It returns which, and how.
func compare(t *testing.T, etcd *realEtcd, steps []step) (at int, diff string) {
	t.Helper()
	etcd.setNoSpace(t, false)
	memory, real := newPlayer(t, newTwin()), newPlayer(t, etcd)
	defer memory.close()
	defer real.close()
	for i, s := range steps {
		// A compaction ends the watches that have not caught up, which on etcd are those that are young.
		if s.kind == "compact" || i%watchInterval == watchInterval-1 {
			if diff := compareWatches(t, memory, real); diff != "" {
				return i, diff
			}
		}
		want, got := memory.play(t, s), real.play(t, s)
		if diff := cmp.Diff(want, got); diff != "" {
			return i, fmt.Sprintf("%s\n%s", s, diff)
		}
		if memory.newest != real.newest {
			return i, fmt.Sprintf("%s\nthe newest revision is %d on the twin, %d on etcd", s, memory.newest, real.newest)
		}
	}
	return len(steps) - 1, compareWatches(t, memory, real)
}

func compareWatches(t *testing.T, memory, real *player) string {
	t.Helper()
	settle(t, memory, real)
	for _, id := range sortedKeys(memory.watches) {
		want, got := memory.history(t, id, memory.watches[id]), real.history(t, id, real.watches[id])
		if diff := cmp.Diff(want, got); diff != "" {
			return diff
		}
		if want.Error != "" || memory.closing[id] {
			memory.closeWatch(id)
			real.closeWatch(id)
		}
	}
	return ""
}

// settle learns the newest revision, which a revocation moves without saying so.
func settle(t *testing.T, players ...*player) {
	t.Helper()
	for _, p := range players {
		res, err := p.b.Range(t.Context(), registry.Range{Key: "a"})
		if err != nil {
			t.Fatal(err)
		}
		p.newest = res.Revision - p.base
	}
}

func sortedKeys[V any](m map[int]V) []int {
	keys := make([]int, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// shrink leaves out steps, many at a time and then fewer, as long as the rest still fails.
func shrink(steps []step, deadline time.Time, fails func([]step) bool) []step {
	for size := len(steps) / 2; size > 0; size /= 2 {
		for i := 0; i+size <= len(steps); {
			if time.Now().After(deadline) {
				return steps
			}
			shorter := slices.Concat(steps[:i], steps[i+size:])
			if fails(shorter) {
				steps = shorter
			} else {
				i += size
			}
		}
	}
	return steps
}
