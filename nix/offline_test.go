package nix_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/nix"
	"github.com/nsched/nsched/nix/nixtest"
	"github.com/nsched/nsched/units"
)

func TestOfflineNoCacheIsAsked(t *testing.T) {
	b := newBench(t, "none")
	r := b.request()
	r.Offline = true
	t.Run("for what is not here", func(t *testing.T) {
		_, err := b.store.Realise(t.Context(), r)
		wantError(t, err, nix.ErrFetch, nix.ErrRetry)
		wantNoRoot(t, b.store)
	})
	t.Run("for what is here without a signature", func(t *testing.T) {
		built := nixtest.Build(t, "local", 1000)
		r := r
		r.Path = units.StorePath(built.App)
		_, err := b.store.Realise(t.Context(), r)
		wantError(t, err, nix.ErrFetch, nix.ErrRetry)
		wantNoRoot(t, b.store)
	})
	if asked := b.server.Requests(); len(asked) != 0 {
		t.Errorf("asked for %v", asked)
	}
	t.Run("for what is here and signed", func(t *testing.T) {
		mustRealise(t, b.store, b.request())
		if err := b.store.RemoveRoot(root); err != nil {
			t.Fatal(err)
		}
		b.server.Requests()
		mustRealise(t, b.store, r)
		if asked := b.server.Requests(); len(asked) != 0 {
			t.Errorf("asked for %v", asked)
		}
		if mustRoots(t, b.store)[root] != r.Path {
			t.Error("there is no root")
		}
	})
}

func TestTheExecutableMustBeInTheClosure(t *testing.T) {
	b := newBench(t, "none")
	r := b.request()
	for name, rel := range map[string]string{
		"a file that is not there":      "bin/ap",
		"a directory that is not there": "sbin/app",
		"a directory":                   "bin",
		"the path above":                "../x",
		"an absolute path":              "/bin/sh",
	} {
		t.Run(name, func(t *testing.T) {
			r := r
			r.Executable = rel
			_, err := b.store.Realise(t.Context(), r)
			wantError(t, err, nix.ErrNoExecutable, nix.ErrPermanent)
			wantNoRoot(t, b.store)
		})
	}
	r.Executable = "bin/app"
	c := mustRealise(t, b.store, r)

	t.Run("a file that is not executable", func(t *testing.T) {
		lib := nix.ClosureInfo{Path: units.StorePath(b.closure.Lib), Paths: c.Paths}
		wantError(t, lib.Executable("data"), nix.ErrNoExecutable, nix.ErrPermanent)
	})
	t.Run("a link out of the closure", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Symlink("/bin/sh", filepath.Join(dir, "sh")); err != nil {
			t.Fatal(err)
		}
		path := nixtest.Run(t, "nix-store", "--add", dir)
		links := nix.ClosureInfo{Path: units.StorePath(path), Paths: []nix.PathInfo{{Path: units.StorePath(path)}}}
		err := links.Executable("sh")
		wantError(t, err, nix.ErrNoExecutable, nix.ErrPermanent)
		if !strings.Contains(err.Error(), "not in the closure") {
			t.Errorf("error is %v", err)
		}
	})
}

// NixOS and most multi-user installations have the daemon write the store; root talks to it as a client.
func TestItWorksThroughNixsDaemonToo(t *testing.T) {
	b := newBench(t, "xz")
	if err := os.MkdirAll("/nix/var/nix/daemon-socket", 0o755); err != nil {
		t.Fatal(err)
	}
	daemon := exec.Command("nix-daemon")
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = daemon.Process.Kill()
		_ = daemon.Wait()
	}()
	for {
		if _, err := os.Stat("/nix/var/nix/daemon-socket/socket"); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	s := nix.New(nix.Options{
		TrustedKeys: keys(t, b.key), Substituters: []string{b.server.URL},
		Environment: append(os.Environ(), "NIX_REMOTE=daemon"),
	})
	b.server.Set(nixtest.Missing)
	_, err := s.Realise(t.Context(), b.request())
	wantError(t, err, nix.ErrNotFound, nix.ErrPermanent)
	b.server.Set(nixtest.Corrupt)
	_, err = s.Realise(t.Context(), b.request())
	wantError(t, err, nix.ErrFetch, nix.ErrRetry)
	b.server.Set(nixtest.Healthy)
	c := mustRealise(t, s, b.request())
	if c.FetchedBytes != c.NarSize() {
		t.Errorf("fetched %d of %d bytes", c.FetchedBytes, c.NarSize())
	}
	nixtest.Collect(t)
	if _, err := s.Verify(t.Context(), c.Path, keys(t, b.key)); err != nil {
		t.Errorf("after garbage collection: %v", err)
	}
}
