package nix_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/nix"
	"github.com/nsched/nsched/nix/nixtest"
	"github.com/nsched/nsched/units"
)

const (
	pathA units.StorePath = "/nix/store/00000000000000000000000000000000-a"
	pathB units.StorePath = "/nix/store/11111111111111111111111111111111-b"
)

// rootsStore is a store whose roots are plain files of the test; Nix is not asked.
func rootsStore(t *testing.T) (*nix.Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "roots")
	return nix.New(nix.Options{RootsDir: dir, NixStore: "/nonexistent/nix-store"}), dir
}

func link(t *testing.T, dir, name, target string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func mustRoots(t *testing.T, s *nix.Store) map[nix.RootName]units.StorePath {
	t.Helper()
	roots, err := s.Roots()
	if err != nil {
		t.Fatal(err)
	}
	return roots
}

func TestRootsOfADirectoryThatIsNotThereAreNone(t *testing.T) {
	s, _ := rootsStore(t)
	if roots := mustRoots(t, s); len(roots) != 0 {
		t.Errorf("roots are %v", roots)
	}
	if removed, err := s.Sweep(nil); err != nil || len(removed) != 0 {
		t.Errorf("swept %v, %v", removed, err)
	}
}

func TestSweepKeepsWhatItIsToldAndNeverTouchesAForeignRoot(t *testing.T) {
	s, dir := rootsStore(t)
	link(t, dir, "default.hello.1", string(pathA))
	link(t, dir, "default.hello.2", string(pathB))
	link(t, dir, "prod.hello.1", string(pathB))
	foreign := []string{"result", "default.hello", "default.hello.1.2", "default.hello.01", "Default.hello.1"}
	for _, name := range foreign {
		link(t, dir, name, string(pathA))
	}
	link(t, dir, "other.tool.7", "/home/someone/result")
	write(t, filepath.Join(dir, "other.file.7"), "kept")
	if err := os.Mkdir(filepath.Join(dir, "other.dir.7"), 0o755); err != nil {
		t.Fatal(err)
	}

	want := map[nix.RootName]units.StorePath{"default.hello.1": pathA, "default.hello.2": pathB, "prod.hello.1": pathB}
	if diff := cmp.Diff(want, mustRoots(t, s)); diff != "" {
		t.Errorf("roots (-want +got):\n%s", diff)
	}
	for range 2 {
		removed, err := s.Sweep(map[nix.RootName]bool{"default.hello.2": true})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("removed %v", removed)
	}
	if diff := cmp.Diff(map[nix.RootName]units.StorePath{"default.hello.2": pathB}, mustRoots(t, s)); diff != "" {
		t.Errorf("roots (-want +got):\n%s", diff)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1+len(foreign)+3 {
		t.Errorf("%d entries are left, want all foreign ones and one of ours: %v", len(entries), err)
	}
}

func TestRemoveRootIsIdempotentAndLeavesForeignOnes(t *testing.T) {
	s, dir := rootsStore(t)
	link(t, dir, "default.hello.1", string(pathA))
	link(t, dir, "default.hello.2", "/etc/passwd")
	for range 2 {
		if err := s.RemoveRoot("default.hello.1"); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, s.RemoveRoot("default.hello.2"), nix.ErrForeignRoot, nix.ErrPermanent)
	wantError(t, s.RemoveRoot("../x"), nix.ErrInvalid, nix.ErrPermanent)
	if _, err := os.Lstat(filepath.Join(dir, "default.hello.2")); err != nil {
		t.Error(err)
	}
}

func TestRealiseRefusesAForeignRootAndReplacesItsOwn(t *testing.T) {
	b := newBench(t, "none")
	link(t, nix.DefaultRootsDir, string(root), "/etc/passwd")
	_, err := b.realise(t)
	wantError(t, err, nix.ErrForeignRoot, nix.ErrPermanent)
	if target, err := os.Readlink(filepath.Join(nix.DefaultRootsDir, string(root))); err != nil || target != "/etc/passwd" {
		t.Errorf("the foreign root is %q, %v", target, err)
	}

	if err := os.Remove(filepath.Join(nix.DefaultRootsDir, string(root))); err != nil {
		t.Fatal(err)
	}
	// An app was purged and submitted again: the same name, another path.
	link(t, nix.DefaultRootsDir, string(root), string(pathA))
	r := b.request()
	r.TrustedKeys = keys(t, nixtest.NewKey(t, "other-1"))
	if _, err := b.store.Realise(t.Context(), r); err == nil {
		t.Fatal("a key that is not trusted was accepted")
	}
	if got := mustRoots(t, b.store)[root]; got != pathA {
		t.Errorf("after a failure the root is %q, want it as it was", got)
	}
	mustRealise(t, b.store, b.request())
	if got := mustRoots(t, b.store)[root]; string(got) != b.closure.App {
		t.Errorf("root is %q", got)
	}
	// The path is there now, and fails only at the check after the root was made.
	if err := b.store.RemoveRoot(root); err != nil {
		t.Fatal(err)
	}
	link(t, nix.DefaultRootsDir, string(root), string(pathA))
	if _, err := b.store.Realise(t.Context(), r); err == nil {
		t.Fatal("a key that is not trusted was accepted")
	}
	if got := mustRoots(t, b.store)[root]; got != pathA {
		t.Errorf("after a failed check the root is %q, want it as it was", got)
	}
}

func TestGarbageCollectionSparesWhatIsRooted(t *testing.T) {
	b := newBench(t, "none")
	mustRealise(t, b.store, b.request())
	nixtest.Collect(t)
	for _, p := range b.closure.Paths() {
		if _, err := os.Lstat(p); err != nil {
			t.Errorf("collected while rooted: %v", err)
		}
	}
	if err := b.store.RemoveRoot(root); err != nil {
		t.Fatal(err)
	}
	nixtest.Collect(t)
	for _, p := range b.closure.Paths() {
		if _, err := os.Lstat(p); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", p, err)
		}
	}
	_, err := b.store.Closure(t.Context(), units.StorePath(b.closure.App))
	wantError(t, err, nix.ErrAbsent, nix.ErrPermanent)
	mustRealise(t, b.store, b.request())
}

func TestRootNames(t *testing.T) {
	name := nix.NewRootName(units.AppID{Namespace: "prod", Name: "web-1"}, 12)
	if name != "prod.web-1.12" {
		t.Errorf("name is %q", name)
	}
	if got, err := nix.ParseRootName(string(name)); err != nil || got != name {
		t.Errorf("parsed %q, %v", got, err)
	}
	for _, bad := range []string{"", "a.b", "a.b.0", "a.b.-1", "a.b.+1", "a.b.1.2", "A.b.1", "a..1", "a.b.1 ", "a/b.c.1"} {
		if _, err := nix.ParseRootName(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
