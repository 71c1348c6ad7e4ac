package nix_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/nix"
	"github.com/nsched/nsched/nix/nixtest"
	"github.com/nsched/nsched/units"
)

// bench is a store that is empty, and a cache that holds a signed closure.
type bench struct {
	closure nixtest.Closure
	key     nixtest.Key
	dir     string
	server  *nixtest.Server
	store   *nix.Store
}

const libSize = 300_000

// pushed are the caches that this process has filled: building and signing is the slow part of a test.
var pushed = map[string]bench{}

func newBench(t *testing.T, compression string) *bench {
	t.Helper()
	return newBenchOf(t, compression, libSize)
}

func newBenchOf(t *testing.T, compression string, size int) *bench {
	t.Helper()
	what := fmt.Sprintf("%s-%d", compression, size)
	b, ok := pushed[what]
	if !ok {
		nixtest.Fresh(t, "")
		b = bench{closure: nixtest.Build(t, "demo", size), key: nixtest.NewKey(t, "demo-1"), dir: filepath.Join(shared, what)}
		nixtest.Push(t, b.dir, b.key, compression, b.closure.App)
		pushed[what] = b
	}
	nixtest.Fresh(t, "")
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(b.dir)); err != nil {
		t.Fatal(err)
	}
	b.dir, b.server = dir, nixtest.Serve(t, dir)
	b.store = nix.New(nix.Options{
		TrustedKeys:    keys(t, b.key),
		Substituters:   []string{b.server.URL},
		StalledTimeout: time.Second,
	})
	return &b
}

func keys(t testing.TB, ks ...nixtest.Key) []nix.PublicKey {
	t.Helper()
	var parsed []nix.PublicKey
	for _, k := range ks {
		p, err := nix.ParsePublicKey(k.Public)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, p)
	}
	return parsed
}

const root nix.RootName = "default.demo.1"

func (b *bench) request() nix.Request {
	return nix.Request{Path: units.StorePath(b.closure.App), Root: root}
}

func (b *bench) realise(t *testing.T) (nix.Closure, error) {
	t.Helper()
	return b.store.Realise(t.Context(), b.request())
}

func mustRealise(t *testing.T, s *nix.Store, r nix.Request) nix.Closure {
	t.Helper()
	c, err := s.Realise(t.Context(), r)
	if err != nil {
		t.Fatalf("realise: %v", err)
	}
	return c
}

func wantNoRoot(t *testing.T, s *nix.Store) {
	t.Helper()
	roots, err := s.Roots()
	if err != nil {
		t.Fatal(err)
	}
	if len(roots) != 0 {
		t.Errorf("roots left behind: %v", roots)
	}
}

func wantError(t *testing.T, err, kind, behaviour error) {
	t.Helper()
	if !errors.Is(err, kind) || !errors.Is(err, behaviour) {
		t.Fatalf("error is %v, want %v (%v)", err, kind, behaviour)
	}
	other := nix.ErrRetry
	if behaviour == nix.ErrRetry {
		other = nix.ErrPermanent
	}
	if errors.Is(err, other) {
		t.Errorf("error %v is both worth a retry and permanent", err)
	}
	t.Logf("a person reads: %v", err)
}

func TestRealiseFetchesPinsAndChecksTheWholeClosure(t *testing.T) {
	for _, compression := range []string{"none", "xz", "zstd"} {
		t.Run("from a cache with compression "+compression, func(t *testing.T) {
			b := newBench(t, compression)
			var steps []nix.Progress
			r := b.request()
			r.Progress = func(p nix.Progress) { steps = append(steps, p) }
			c := mustRealise(t, b.store, r)

			var paths []string
			for _, p := range c.Paths {
				paths = append(paths, string(p.Path))
			}
			want := b.closure.Paths()
			slices.Sort(want)
			if !slices.Equal(paths, want) {
				t.Errorf("closure is %v, want %v", paths, want)
			}
			if c.FetchedBytes != c.NarSize() || c.NarSize() < libSize {
				t.Errorf("fetched %d of %d bytes", c.FetchedBytes, c.NarSize())
			}
			if target, err := os.Readlink(filepath.Join(nix.DefaultRootsDir, string(root))); err != nil || target != b.closure.App {
				t.Errorf("root points to %q, %v", target, err)
			}
			if _, err := os.Stat(filepath.Join(b.closure.Lib, "data")); err != nil {
				t.Error(err)
			}
			if len(steps) == 0 || steps[len(steps)-1] != (nix.Progress{Done: c.NarSize(), Total: c.NarSize()}) {
				t.Errorf("progress ends with %v, want all of %d", steps, c.NarSize())
			}
			for i := 1; i < len(steps); i++ {
				if steps[i].Done < steps[i-1].Done || steps[i].Total < steps[i-1].Total {
					t.Errorf("progress went back: %v then %v", steps[i-1], steps[i])
				}
			}
		})
	}
}

func TestRealiseAsksNoCacheForWhatIsThere(t *testing.T) {
	b := newBench(t, "none")
	mustRealise(t, b.store, b.request())
	if len(b.server.Requests()) == 0 {
		t.Fatal("the first time fetched nothing")
	}
	second := b.request()
	second.Root = "default.demo.2"
	c := mustRealise(t, b.store, second)
	if asked := b.server.Requests(); len(asked) != 0 || c.FetchedBytes != 0 {
		t.Errorf("asked for %v and fetched %d bytes", asked, c.FetchedBytes)
	}
	b.server.Stop()
	mustRealise(t, b.store, b.request())
	if _, err := b.store.Verify(t.Context(), units.StorePath(b.closure.App), keys(t, b.key)); err != nil {
		t.Errorf("verify without a network: %v", err)
	}
}

func TestRealiseNamesAKeyThatIsNotTrusted(t *testing.T) {
	b := newBench(t, "none")
	other, namesake := nixtest.NewKey(t, "other-1"), nixtest.NewKey(t, "demo-1")
	for name, k := range map[string]nixtest.Key{"another name": other, "the same name": namesake} {
		t.Run("of "+name, func(t *testing.T) {
			r := b.request()
			r.TrustedKeys = keys(t, k)
			_, err := b.store.Realise(t.Context(), r)
			wantError(t, err, nix.ErrBadSignature, nix.ErrPermanent)
			wantNoRoot(t, b.store)
		})
	}
	t.Run("for paths that are there already", func(t *testing.T) {
		mustRealise(t, b.store, b.request())
		r := b.request()
		r.Root, r.TrustedKeys = "staging.demo.1", keys(t, other)
		_, err := b.store.Realise(t.Context(), r)
		wantError(t, err, nix.ErrBadSignature, nix.ErrPermanent)
		roots, err := b.store.Roots()
		if err != nil || len(roots) != 1 || roots[root] == "" {
			t.Errorf("roots are %v, %v; want only the first namespace's", roots, err)
		}
	})
	t.Run("and leaves a root that was there before", func(t *testing.T) {
		r := b.request()
		r.TrustedKeys = keys(t, other)
		_, err := b.store.Realise(t.Context(), r)
		wantError(t, err, nix.ErrBadSignature, nix.ErrPermanent)
		if roots, err := b.store.Roots(); err != nil || string(roots[root]) != b.closure.App {
			t.Errorf("roots are %v, %v", roots, err)
		}
	})
}

func TestAnAppsOwnKeysNarrowTrustAndNeverGrantIt(t *testing.T) {
	b := newBench(t, "none")
	other := nixtest.NewKey(t, "other-1")
	r := b.request()
	r.NarrowKeys = keys(t, other)
	_, err := b.store.Realise(t.Context(), r)
	wantError(t, err, nix.ErrNoTrustedKey, nix.ErrPermanent)

	r.TrustedKeys, r.NarrowKeys = keys(t, b.key, other), keys(t, other)
	_, err = b.store.Realise(t.Context(), r)
	wantError(t, err, nix.ErrBadSignature, nix.ErrPermanent)

	r.NarrowKeys = keys(t, b.key)
	mustRealise(t, b.store, r)
}

func TestContentAddressedPathsNeedASignatureToo(t *testing.T) {
	b := newBench(t, "none")
	b.server.Set(nixtest.Unsigned)
	r := b.request()
	r.Path = units.StorePath(b.closure.Note)
	_, err := b.store.Realise(t.Context(), r)
	wantError(t, err, nix.ErrUnsigned, nix.ErrPermanent)
	wantNoRoot(t, b.store)
	b.server.Set(nixtest.Healthy)
	mustRealise(t, b.store, r)
}

func TestLocalPathsWithoutASignature(t *testing.T) {
	nixtest.Fresh(t, "")
	built := nixtest.Build(t, "local", 1000)
	key, dir := nixtest.NewKey(t, "demo-1"), t.TempDir()
	s := nix.New(nix.Options{TrustedKeys: keys(t, key)})
	r := nix.Request{Path: units.StorePath(built.App), Root: root}

	t.Run("are refused", func(t *testing.T) {
		_, err := s.Realise(t.Context(), r)
		wantError(t, err, nix.ErrUnsigned, nix.ErrPermanent)
		wantNoRoot(t, s)
	})
	t.Run("are accepted where the operator allows it", func(t *testing.T) {
		r := r
		r.AllowUnsigned = true
		mustRealise(t, s, r)
		if err := s.RemoveRoot(root); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("take the cache's signature over the same bytes, and keep it", func(t *testing.T) {
		nixtest.Push(t, dir, key, "none", built.App)
		server := nixtest.Serve(t, dir)
		r := r
		r.Substituters = []string{server.URL}
		c := mustRealise(t, s, r)
		if c.FetchedBytes != 0 {
			t.Errorf("fetched %d bytes that were there", c.FetchedBytes)
		}
		server.Stop()
		if _, err := s.Verify(t.Context(), r.Path, keys(t, key)); err != nil {
			t.Errorf("verify without the cache: %v", err)
		}
	})
}

func TestRealiseAsksTheAppsCacheBeforeTheNodes(t *testing.T) {
	b := newBench(t, "none")
	// The app's cache gives itself a low rank, which Nix would follow by itself.
	write(t, filepath.Join(b.dir, "nix-cache-info"), "StoreDir: /nix/store\nPriority: 90\n")
	apps := nixtest.Serve(t, b.dir)
	r := b.request()
	r.Substituters = []string{apps.URL}
	mustRealise(t, b.store, r)
	nars := func(asked []string) (n int) {
		for _, p := range asked {
			if strings.HasPrefix(p, "/nar/") {
				n++
			}
		}
		return n
	}
	if a, n := nars(apps.Requests()), nars(b.server.Requests()); a != 3 || n != 0 {
		t.Errorf("fetched %d archives from the app's cache and %d from the node's, want 3 and 0", a, n)
	}
}

func TestCancelEndsNix(t *testing.T) {
	b := newBench(t, "none")
	b.server.SetSpeed(50_000)
	b.server.Set(nixtest.Slow)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := b.request()
	r.Progress = func(p nix.Progress) {
		if p.Done > 0 {
			cancel()
		}
	}
	_, err := b.store.Realise(ctx, r)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v, want %v", err, context.Canceled)
	}
	if errors.Is(err, nix.ErrRetry) || errors.Is(err, nix.ErrPermanent) {
		t.Errorf("a cancelled call says something about the path: %v", err)
	}
	wantNoRoot(t, b.store)
	wantNoChildren(t)
}

// wantNoChildren reads /proc: no process of this one is left, not even a zombie.
func wantNoChildren(t *testing.T) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(tasks) == 0 {
		t.Fatalf("list children: %v %v", tasks, err)
	}
	for _, f := range tasks {
		if pids, err := os.ReadFile(f); err == nil && len(pids) > 0 {
			t.Errorf("children are left: %s", pids)
		}
	}
}

func TestUnitsOfOneAppRealiseSideBySide(t *testing.T) {
	b := newBench(t, "none")
	errs := make(chan error)
	const many = 5
	for range many {
		go func() {
			_, err := b.store.Realise(t.Context(), b.request())
			errs <- err
		}()
	}
	for range many {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	asked := b.server.Requests()
	slices.Sort(asked)
	if n := len(slices.DeleteFunc(asked, func(p string) bool { return !strings.HasPrefix(p, "/nar/") })); n != 3 {
		t.Errorf("fetched %d archives, want each of 3 once", n)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
