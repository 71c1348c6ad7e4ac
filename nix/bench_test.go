package nix_test

import (
	"testing"

	"github.com/nsched/nsched/nix"
	"github.com/nsched/nsched/nix/nixtest"
	"github.com/nsched/nsched/units"
)

// What every start of a unit costs when its closure is on the node: two runs of Nix.
func BenchmarkRealiseWhatIsThere(b *testing.B) {
	b.Run("paths=3", func(b *testing.B) {
		nixtest.Fresh(b, "")
		closure := nixtest.Build(b, "demo", 1000)
		s := nix.New(nix.Options{AllowUnsigned: true})
		for b.Loop() {
			r := nix.Request{Path: units.StorePath(closure.App), Root: root}
			if _, err := s.Realise(b.Context(), r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// What a submit costs before the cluster is asked: a walk over the cache.
func BenchmarkFetchClosureInfo(b *testing.B) {
	b.Run("paths=3", func(b *testing.B) {
		nixtest.Fresh(b, "")
		closure, key, dir := nixtest.Build(b, "demo", 1000), nixtest.NewKey(b, "demo-1"), b.TempDir()
		nixtest.Push(b, dir, key, "none", closure.App)
		caches, trusted := []string{nixtest.Serve(b, dir).URL}, keys(b, key)
		for b.Loop() {
			if _, err := nix.FetchClosureInfo(b.Context(), caches, units.StorePath(closure.App), trusted); err != nil {
				b.Fatal(err)
			}
		}
	})
}
