package nix_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsched/nsched/nix"
	"github.com/nsched/nsched/nix/nixtest"
	"github.com/nsched/nsched/units"
)

func TestRealiseNamesEachFault(t *testing.T) {
	cases := []struct {
		name        string
		compression string
		fault       nixtest.Fault
		kind        error
		behaviour   error
	}{
		{"no cache has the path", "none", nixtest.Missing, nix.ErrNotFound, nix.ErrPermanent},
		{"the cache answers 500 to everything", "none", nixtest.Broken, nix.ErrFetch, nix.ErrRetry},
		{"the cache answers 500 for narinfo files", "none", nixtest.BrokenNarinfo, nix.ErrFetch, nix.ErrRetry},
		{"the cache is a captive portal", "none", nixtest.Nonsense, nix.ErrFetch, nix.ErrRetry},
		{"the archive is gone", "none", nixtest.MissingNAR, nix.ErrFetch, nix.ErrRetry},
		{"the archive answers 500", "none", nixtest.BrokenNAR, nix.ErrFetch, nix.ErrRetry},
		{"the archive hangs in the middle", "none", nixtest.Hanging, nix.ErrFetch, nix.ErrRetry},
		{"the archive is truncated", "none", nixtest.Truncated, nix.ErrFetch, nix.ErrRetry},
		{"the compressed archive is truncated", "xz", nixtest.Truncated, nix.ErrFetch, nix.ErrRetry},
		{"the archive has another hash", "none", nixtest.Corrupt, nix.ErrFetch, nix.ErrRetry},
		{"the compressed archive is corrupt", "xz", nixtest.Corrupt, nix.ErrFetch, nix.ErrRetry},
		{"nothing is signed", "none", nixtest.Unsigned, nix.ErrUnsigned, nix.ErrPermanent},
		{"the signatures are forged", "none", nixtest.Forged, nix.ErrBadSignature, nix.ErrPermanent},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.compression)
			b.server.Set(c.fault)
			_, err := b.realise(t)
			wantError(t, err, c.kind, c.behaviour)
			wantNoRoot(t, b.store)

			b.server.Set(nixtest.Healthy)
			if _, err := b.realise(t); err != nil {
				t.Errorf("after the cache has recovered: %v", err)
			}
		})
	}
}

func TestRealiseNamesACacheThatIsDown(t *testing.T) {
	b := newBench(t, "none")
	b.server.Stop()
	_, err := b.realise(t)
	wantError(t, err, nix.ErrFetch, nix.ErrRetry)
	wantNoRoot(t, b.store)
}

func TestRealiseUsesAnotherCacheWhenOneFails(t *testing.T) {
	faults := map[string]func(*nixtest.Server){
		"is down":                     func(s *nixtest.Server) { s.Stop() },
		"answers 500":                 func(s *nixtest.Server) { s.Set(nixtest.Broken) },
		"answers 500 for its narinfo": func(s *nixtest.Server) { s.Set(nixtest.BrokenNarinfo) },
		"lacks the path":              func(s *nixtest.Server) { s.Set(nixtest.Missing) },
		"lost the archive":            func(s *nixtest.Server) { s.Set(nixtest.MissingNAR) },
		"serves it unsigned":          func(s *nixtest.Server) { s.Set(nixtest.Unsigned) },
	}
	for name, fault := range faults {
		t.Run("because it "+name, func(t *testing.T) {
			b := newBench(t, "none")
			first := nixtest.Serve(t, b.dir)
			fault(first)
			r := b.request()
			r.Substituters = []string{first.URL}
			mustRealise(t, b.store, r)
		})
	}
}

func TestRealiseNamesADependencyThatNoCacheHas(t *testing.T) {
	b := newBench(t, "none")
	lib := units.StorePath(b.closure.Lib)
	if err := os.Remove(filepath.Join(b.dir, lib.Hash()+".narinfo")); err != nil {
		t.Fatal(err)
	}
	_, err := b.realise(t)
	wantError(t, err, nix.ErrNotFound, nix.ErrPermanent)
	if !strings.Contains(err.Error(), b.closure.Lib) {
		t.Errorf("error %q does not name %s", err, lib)
	}
}

func TestRealiseNamesAFullDisk(t *testing.T) {
	b := newBenchOf(t, "none", 3<<20)
	// Room for Nix' database, and not for the library.
	nixtest.Fresh(t, "2m")
	_, err := b.realise(t)
	wantError(t, err, nix.ErrDiskFull, nix.ErrRetry)
}

func TestRealiseNamesADamagedStore(t *testing.T) {
	b := newBench(t, "none")
	mustRealise(t, b.store, b.request())
	if err := os.RemoveAll(b.closure.Lib); err != nil {
		t.Fatal(err)
	}
	_, err := b.realise(t)
	wantError(t, err, nix.ErrDamaged, nix.ErrPermanent)
}

func TestRealiseNamesANixThatIsNotThere(t *testing.T) {
	s := nix.New(nix.Options{NixStore: filepath.Join(t.TempDir(), "nix-store"), AllowUnsigned: true})
	_, err := s.Realise(t.Context(), nix.Request{
		Path: "/nix/store/00000000000000000000000000000000-x", Root: root,
	})
	wantError(t, err, nix.ErrNoNix, nix.ErrPermanent)
}

func TestRealiseRefusesWhatIsMalformed(t *testing.T) {
	good := nix.Request{Path: "/nix/store/00000000000000000000000000000000-x", Root: root}
	cases := map[string]func(*nix.Request){
		"a derivation":                     func(r *nix.Request) { r.Path += ".drv" },
		"a file below a path":              func(r *nix.Request) { r.Path += "/bin" },
		"a root's name with a slash":       func(r *nix.Request) { r.Root = "a.b/../../c.1" },
		"a root's name that is an option":  func(r *nix.Request) { r.Root = "--help" },
		"a cache with a line break":        func(r *nix.Request) { r.Substituters = []string{"http://a\nmax-jobs = 9"} },
		"a cache with a space":             func(r *nix.Request) { r.Substituters = []string{"http://a http://b"} },
		"a cache with a comment's sign":    func(r *nix.Request) { r.Substituters = []string{"http://a#b"} },
		"a cache that is no URL":           func(r *nix.Request) { r.Substituters = []string{"cache"} },
		"a generation with a leading zero": func(r *nix.Request) { r.Root = "a.b.01" },
	}
	s := nix.New(nix.Options{AllowUnsigned: true})
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			r := good
			change(&r)
			_, err := s.Realise(t.Context(), r)
			wantError(t, err, nix.ErrInvalid, nix.ErrPermanent)
		})
	}
}
