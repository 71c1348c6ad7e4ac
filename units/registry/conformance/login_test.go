package conformance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nsched/nsched/units/registry"
	"github.com/nsched/nsched/units/registry/embedded"
)

// enableAuth makes a root and a user who may only touch what begins with mine/.
func enableAuth(t *testing.T, url string) {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{url}, DialTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	ctx := t.Context()
	for _, step := range []func() error{
		func() error { _, err := c.UserAdd(ctx, "root", "secret"); return err },
		func() error { _, err := c.UserGrantRole(ctx, "root", "root"); return err },
		func() error { _, err := c.UserAdd(ctx, "me", "password"); return err },
		func() error { _, err := c.RoleAdd(ctx, "mine"); return err },
		func() error {
			_, err := c.RoleGrantPermission(ctx, "mine", "mine/", "mine0", clientv3.PermissionType(clientv3.PermReadWrite))
			return err
		},
		func() error { _, err := c.UserGrantRole(ctx, "me", "mine"); return err },
		func() error { _, err := c.AuthEnable(ctx); return err },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLoginByPassword(t *testing.T) {
	t.Parallel()
	c := newChild(t)
	c.start()
	enableAuth(t, c.url)
	me := c.connect(registry.EtcdOptions{Username: "me", Password: "password"})

	t.Run("a user may do what the roles say and nothing else", func(t *testing.T) {
		if err := commit(t.Context(), me, "mine/a"); err != nil {
			t.Error(err)
		}
		wantError(t, commit(t.Context(), me, "other"), registry.ErrPermission)
		_, err := me.Range(t.Context(), registry.Range{Key: "other"})
		wantError(t, err, registry.ErrPermission)
		w := record(t.Context(), me, registry.Watch{Key: "other"})
		defer w.Close()
		got := w.wait(t, "the end", func(got []registry.WatchResponse) bool { return len(got) > 0 })
		wantError(t, got[0].Err, registry.ErrPermission)
	})
	t.Run("a wrong password and no login at all are refused", func(t *testing.T) {
		wrong := c.connect(registry.EtcdOptions{Username: "me", Password: "wrong"})
		wantError(t, commit(t.Context(), wrong, "mine/a"), registry.ErrPermission)
		w := record(t.Context(), wrong, registry.Watch{Key: "mine/a"})
		defer w.Close()
		got := w.wait(t, "the end", func(got []registry.WatchResponse) bool { return len(got) > 0 })
		wantError(t, got[0].Err, registry.ErrPermission)
		wantError(t, commit(t.Context(), c.connect(registry.EtcdOptions{}), "mine/a"), registry.ErrPermission)
	})
	t.Run("a login that etcd has forgotten is made anew, for requests, renewals and watches", func(t *testing.T) {
		lease, err := me.Grant(t.Context(), 60*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		w := record(t.Context(), me, registry.Watch{Key: "mine/", End: "mine0", Revision: 1})
		defer w.Close()
		seen(t, w, 1)
		c.kill() // logins live in etcd's memory
		c.start()
		until(t, "write", func() error { return commit(t.Context(), me, "mine/b") })
		until(t, "renew", func() error {
			_, err := me.KeepAlive(t.Context(), lease.ID)
			return err
		})
		if diff := diffOf([]string{"mine/a", "mine/b"}, seen(t, w, 2)); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
	})
}

// authority signs certificates of a test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.sign("ca", true)
	return a
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// sign writes NAME.pem and NAME.key, good for an hour.
func (a *authority) sign(name string, ca bool) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	return a.signUntil(name, ca, time.Now().Add(time.Hour))
}

// signUntil is sign with another end.
func (a *authority) signUntil(name string, ca bool, end time.Time) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: end,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: ca, BasicConstraintsValid: true,
	}
	parent, signer := a.cert, a.key
	if ca {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "EC PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(a.path(file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func TestLoginByCertificate(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.sign("server", false)
	a.sign("client", false)
	s, err := embedded.Start(t.Context(), embedded.Options{
		Dir: t.TempDir(), Listen: []string{"https://127.0.0.1:0"}, NoSync: true,
		CertFile: a.path("server.pem"), KeyFile: a.path("server.key"), CAFile: a.path("ca.pem"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	try := func(t *testing.T, f registry.TLSFiles) error {
		t.Helper()
		c, err := f.Config()
		if err != nil {
			t.Fatal(err)
		}
		return commit(t.Context(), connect(t, registry.EtcdOptions{Endpoints: s.Endpoints(), TLS: c}), "a")
	}
	full := registry.TLSFiles{CA: a.path("ca.pem"), Cert: a.path("client.pem"), Key: a.path("client.key")}
	t.Run("both sides prove themselves", func(t *testing.T) { wantError(t, try(t, full), nil) })
	t.Run("a client without a certificate reaches nothing", func(t *testing.T) {
		// The server hangs up after the handshake, so that a write can have been sent.
		err := try(t, registry.TLSFiles{CA: full.CA})
		if !errors.Is(err, registry.ErrUnavailable) && !errors.Is(err, registry.ErrUnknownOutcome) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a server that another authority signed is not talked to", func(t *testing.T) {
		other := full
		other.CA = newAuthority(t).path("ca.pem")
		wantError(t, try(t, other), registry.ErrUnavailable)
	})
	t.Run("a certificate that was renewed is used without a restart", func(t *testing.T) {
		c, err := full.Config()
		if err != nil {
			t.Fatal(err)
		}
		renewed, _ := a.sign("client", false)
		got, err := c.GetClientCertificate(nil)
		if err != nil || !renewed.Equal(got.Leaf) {
			t.Errorf("got %v, %v", got, err)
		}
	})
	t.Run("a request ends with its context though the server never answers the handshake", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		c, err := full.Config()
		if err != nil {
			t.Fatal(err)
		}
		e := connect(t, registry.EtcdOptions{Endpoints: []string{"https://" + l.Addr().String()}, TLS: c})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		err = commit(ctx, e, "a")
		wantError(t, err, registry.ErrUnavailable)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v does not say that the context ended", err)
		}
	})
}
