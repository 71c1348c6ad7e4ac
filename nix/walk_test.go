package nix_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/nsched/nsched/nix"
	"github.com/nsched/nsched/nix/nixtest"
	"github.com/nsched/nsched/units"
)

func TestACacheIsWalkedWithoutFetching(t *testing.T) {
	b := newBench(t, "xz")
	app := units.StorePath(b.closure.App)
	for name, url := range map[string]string{"over HTTP": b.server.URL, "in a directory": "file://" + b.dir} {
		t.Run(name, func(t *testing.T) {
			info, err := nix.FetchClosureInfo(t.Context(), []string{url}, app, keys(t, b.key))
			if err != nil {
				t.Fatal(err)
			}
			if len(info.Paths) != 3 || info.NarSize() < libSize {
				t.Errorf("closure has %d paths and %d bytes", len(info.Paths), info.NarSize())
			}
			for _, p := range info.Paths {
				if p.DownloadSize == 0 {
					t.Errorf("%s has no download size", p.Path)
				}
			}
			if err := info.Check(keys(t, b.key)); err != nil {
				t.Error(err)
			}
			wantError(t, info.Check(keys(t, nixtest.NewKey(t, "x-1"))), nix.ErrBadSignature, nix.ErrPermanent)
		})
	}
	if slices.ContainsFunc(b.server.Requests(), func(p string) bool { return len(p) > 4 && p[:5] == "/nar/" }) {
		t.Error("an archive was fetched")
	}
}

func TestTheWalkAndNixAgreeOnTheClosure(t *testing.T) {
	b := newBench(t, "none")
	app := units.StorePath(b.closure.App)
	walked, err := nix.FetchClosureInfo(t.Context(), []string{b.server.URL}, app, keys(t, b.key))
	if err != nil {
		t.Fatal(err)
	}
	local := mustRealise(t, b.store, b.request())
	for i, p := range walked.Paths {
		q := local.Paths[i]
		if p.Fingerprint() != q.Fingerprint() || !slices.Equal(p.Signatures, q.Signatures) || p.CA != q.CA {
			t.Errorf("cache says %+v, store says %+v", p, q)
		}
	}
}

func TestTheWalkNamesWhatIsWrong(t *testing.T) {
	b := newBench(t, "none")
	app := units.StorePath(b.closure.App)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down := "http://" + nobody.Addr().String()
	nobody.Close()
	empty := "file://" + t.TempDir()

	cases := []struct {
		name            string
		caches          []string
		path            units.StorePath
		kind, behaviour error
	}{
		{"no cache is named", nil, app, nix.ErrNotFound, nix.ErrPermanent},
		{"the path is in no cache", []string{b.server.URL, empty}, pathA, nix.ErrNotFound, nix.ErrPermanent},
		{"the path is not in one cache and the other is down", []string{empty, down}, app, nix.ErrFetch, nix.ErrRetry},
		{"the only cache is down", []string{down}, app, nix.ErrFetch, nix.ErrRetry},
		{"the directory is not there", []string{"file:///nonexistent"}, app, nix.ErrFetch, nix.ErrRetry},
		{"the cache is of a kind that cannot be asked", []string{"s3://bucket"}, app, nix.ErrInvalid, nix.ErrPermanent},
		{"the cache is on another machine's disk", []string{"file://host/dir"}, app, nix.ErrInvalid, nix.ErrPermanent},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := nix.FetchClosureInfo(t.Context(), c.caches, c.path, keys(t, b.key))
			wantError(t, err, c.kind, c.behaviour)
		})
	}
	t.Run("one cache is down and the other has all", func(t *testing.T) {
		if _, err := nix.FetchClosureInfo(t.Context(), []string{down, b.server.URL}, app, keys(t, b.key)); err != nil {
			t.Error(err)
		}
	})
	t.Run("the caller gives up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := nix.FetchClosureInfo(ctx, []string{b.server.URL}, app, nil)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
	})
}

func TestACacheThatAnswersWithAnotherPathIsNotBelieved(t *testing.T) {
	b := newBench(t, "none")
	c, err := nix.OpenCache(b.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	renamed := units.StorePath(units.StoreDir + units.StorePath(b.closure.App).Hash() + "-evil")
	_, err = c.Narinfo(t.Context(), renamed)
	wantError(t, err, nix.ErrFetch, nix.ErrRetry)
}

func TestAPasswordInACacheURLIsNotShown(t *testing.T) {
	b := newBench(t, "none")
	b.server.Stop()
	url := "http://user:geheim@" + b.server.URL[len("http://"):]
	_, err := nix.FetchClosureInfo(t.Context(), []string{url}, pathA, nil)
	wantError(t, err, nix.ErrFetch, nix.ErrRetry)
	if strings.Contains(err.Error(), "geheim") {
		t.Errorf("error %q shows the password", err)
	}
}
