package registry

import (
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestASortedMapIsAMapAndItsFrozenCopiesNeverChange is checked against Go's map; long runs of keys fill
// and empty blocks.
func TestASortedMapIsAMapAndItsFrozenCopiesNeverChange(t *testing.T) {
	type frozen struct {
		got  sorted[int]
		want map[string]int
	}
	rapid.Check(t, func(t *rapid.T) {
		var s sorted[int]
		want := map[string]int{}
		var copies []frozen
		check := func(got sorted[int], want map[string]int) {
			keys := slices.Sorted(maps.Keys(want))
			from := rapid.IntRange(0, 3000).Draw(t, "from")
			var seen []string
			for k, v := range got.ascend("", "") {
				if want[k] != v {
					t.Fatalf("%s is %d, want %d", k, v, want[k])
				}
				seen = append(seen, k)
			}
			if diff := cmp.Diff(keys, seen); diff != "" || got.len != len(want) {
				t.Fatalf("len %d, want %d: %s", got.len, len(want), diff)
			}
			var part, wantPart []string
			lo, hi := strconv.Itoa(from), strconv.Itoa(from+50)
			for k := range got.ascend(lo, hi) {
				part = append(part, k)
			}
			for _, k := range keys {
				if k >= lo && k < hi {
					wantPart = append(wantPart, k)
				}
			}
			if diff := cmp.Diff(wantPart, part); diff != "" {
				t.Fatalf("from %s to %s: %s", lo, hi, diff)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"put a run": func(t *rapid.T) {
				first, n := rapid.IntRange(0, 3000).Draw(t, "first"), rapid.IntRange(1, 600).Draw(t, "n")
				step := rapid.SampledFrom([]int{-1, 1, 7}).Draw(t, "step")
				for i := range n {
					k := strconv.Itoa(first + i*step)
					s.put(k, i)
					want[k] = i
				}
			},
			"delete a run": func(t *rapid.T) {
				first, n := rapid.IntRange(0, 3000).Draw(t, "first"), rapid.IntRange(1, 900).Draw(t, "n")
				for i := range n {
					k := strconv.Itoa(first + i)
					_, there := want[k]
					if s.delete(k) != there {
						t.Fatalf("delete %s", k)
					}
					delete(want, k)
				}
			},
			"look up": func(t *rapid.T) {
				k := strconv.Itoa(rapid.IntRange(0, 3000).Draw(t, "key"))
				got, ok := s.lookup(k)
				if v, there := want[k]; v != got || ok != there {
					t.Fatalf("%s: %d %v", k, got, ok)
				}
			},
			"freeze": func(*rapid.T) {
				copies = append(copies, frozen{s.freeze(), maps.Clone(want)})
			},
		})
		check(s, want)
		for _, c := range copies {
			check(c.got, c.want)
		}
	})
}

func BenchmarkSortedPutAfterFreeze(b *testing.B) {
	const n = 1_000_000
	var s sorted[int64]
	for i := range n {
		s.put(strconv.Itoa(i+n), 1)
	}
	b.Run("keys=1000000", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			s.freeze()
			s.put(strconv.Itoa(n+i%n), 2)
		}
	})
}
