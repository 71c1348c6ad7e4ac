package conformance

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/units/registry"
	"github.com/nsched/nsched/units/registry/embedded"
)

// take copies files of another authority over one's own, as whoever renews certificates does.
func (a *authority) take(from *authority, names ...string) {
	a.t.Helper()
	for _, name := range names {
		raw, err := os.ReadFile(from.path(name))
		if err == nil {
			err = os.WriteFile(a.path(name), raw, 0o600)
		}
		if err != nil {
			a.t.Fatal(err)
		}
	}
}

// silent waits until a write fails for want of a connection.
func silent(t *testing.T, e *registry.Etcd, why string) {
	t.Helper()
	until(t, "be without a connection "+why, func() error {
		err := commit(t.Context(), e, "x")
		switch {
		case err == nil:
			return errors.New("it was written")
		case errors.Is(err, registry.ErrUnavailable):
			return nil
		}
		return err // its connection broke only now
	})
}

// TestCertificatesAreRenewedWithoutARestart lives through what happens to the files of one Etcd: a certificate
// expires and is renewed, is half written, and at last the authority is another one.
func TestCertificatesAreRenewedWithoutARestart(t *testing.T) {
	t.Parallel()
	mine, data := newAuthority(t), t.TempDir()
	serve := func(by *authority) *embedded.Server {
		by.sign("server", false)
		s, err := embedded.Start(t.Context(), embedded.Options{
			Dir: data, Listen: []string{"https://127.0.0.1:0"}, NoSync: true, CompactAfter: -1,
			CertFile: by.path("server.pem"), KeyFile: by.path("server.key"), CAFile: by.path("ca.pem"),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}
	first := newAuthority(t)
	mine.take(first, "ca.pem")
	first.sign("client", false)
	mine.take(first, "client.pem", "client.key")
	s := serve(first)
	p := newProxy(t, strings.TrimPrefix(s.Endpoints()[0], "https://"))
	e := connect(t, registry.EtcdOptions{
		Endpoints: []string{strings.Replace(p.url(), "http:", "https:", 1)},
		Files:     registry.TLSFiles{CA: mine.path("ca.pem"), Cert: mine.path("client.pem"), Key: mine.path("client.key")},
	})
	until(t, "write", func() error { return commit(t.Context(), e, "k/1") })
	lease, err := e.Grant(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	w := record(t.Context(), e, registry.Watch{Key: "k/", End: "k0", Revision: 1})
	defer w.Close()
	seen(t, w, 1)
	goesOn := func(key string, want ...string) {
		t.Helper()
		until(t, "write again", func() error { return commit(t.Context(), e, key) })
		until(t, "renew again", func() error {
			_, err := e.KeepAlive(t.Context(), lease.ID)
			return err
		})
		if diff := diffOf(want, seen(t, w, len(want))); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
	}

	first.signUntil("client", false, time.Now().Add(-time.Hour))
	mine.take(first, "client.pem", "client.key")
	p.cut()
	silent(t, e, "by an expired certificate")
	first.sign("client", false)
	mine.take(first, "client.pem", "client.key")
	goesOn("k/2", "k/1", "k/2")

	if err := os.Truncate(mine.path("client.key"), 20); err != nil {
		t.Fatal(err)
	}
	p.cut()
	silent(t, e, "by half a key")
	mine.take(first, "client.key")
	goesOn("k/3", "k/1", "k/2", "k/3")

	second := newAuthority(t)
	s.Close()
	s = serve(second)
	p.lead(strings.TrimPrefix(s.Endpoints()[0], "https://"))
	silent(t, e, "to a server of an unknown authority")
	second.sign("client", false)
	mine.take(second, "client.pem", "client.key")
	silent(t, e, "while the authority is unknown still")
	mine.take(second, "ca.pem")
	goesOn("k/4", "k/1", "k/2", "k/3", "k/4")
}

func TestASnapshotThatEtcdHashesWronglyIsRefused(t *testing.T) {
	s, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir(), Listen: []string{"http://127.0.0.1:0"}, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	p := newProxy(t, strings.TrimPrefix(s.Endpoints()[0], "http://"))
	e := connect(t, registry.EtcdOptions{Endpoints: []string{p.url()}})
	until(t, "write", func() error { return commit(t.Context(), e, strings.Repeat("k", 100)) })
	p.alter(func(b []byte) {
		// A byte of the database on its way: gRPC has no checksum of its own.
		if i := strings.Index(string(b), strings.Repeat("k", 90)); i >= 0 {
			b[i] = 'K'
		}
	})
	if _, err := e.Snapshot(t.Context(), io.Discard); !errors.Is(err, registry.ErrSnapshot) {
		t.Errorf("got %v", err)
	}
	p.alter(nil)
	if _, err := e.Snapshot(t.Context(), io.Discard); err != nil {
		t.Error(err)
	}
}
