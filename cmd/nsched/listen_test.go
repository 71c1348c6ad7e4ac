package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/node"
)

// signer is an authority whose files lie in a directory.
type signer struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	s := &signer{t: t, dir: t.TempDir()}
	s.cert, s.key = s.sign("ca")
	return s
}

func (s *signer) file(name string) string { return filepath.Join(s.dir, name) }

// sign writes NAME.pem and NAME.key; the first is the authority's own.
func (s *signer) sign(name string) (*x509.Certificate, *ecdsa.PrivateKey) {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: s.cert == nil, BasicConstraintsValid: true,
	}
	parent, by := s.cert, s.key
	if s.cert == nil {
		parent, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		s.t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "EC PRIVATE KEY", Bytes: raw},
	} {
		if err := os.WriteFile(s.file(file), pem.EncodeToMemory(block), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		s.t.Fatal(err)
	}
	return cert, key
}

// TestTheAPIOverTLSReadsItsFilesAnew serves a node's API where its configuration says and asks it as the
// command line does, while the files change under it.
func TestTheAPIOverTLSReadsItsFilesAnew(t *testing.T) {
	servers, clients := newSigner(t), newSigner(t)
	servers.sign("node")
	clients.sign("me")
	c := nodeConfig().fixed(map[string]any{
		"api.listen": "127.0.0.1:0", "api.tlsCert": servers.file("node.pem"), "api.tlsKey": servers.file("node.key"),
		"api.tlsClientCA": clients.file("ca.pem"),
	})
	l, err := apiListener(c)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	server := &http.Server{Handler: node.API{Overview: func() node.Overview { return node.Overview{Node: "n1"} }}.Handler()}
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	base := apiURL(l, true, nil)
	if !strings.HasPrefix(base, "https://127.0.0.1:") {
		t.Fatalf("it is reached at %s", base)
	}
	ask := func(cacert, cert, key string) error {
		s := newSession(nil, nil, nil)
		s.flags.cacert, s.flags.cert, s.flags.key = cacert, cert, key
		a, err := s.api()
		if err != nil {
			t.Fatal(err)
		}
		defer a.http.CloseIdleConnections()
		return a.isNode(t.Context(), base, "n1")
	}
	mine := func() error { return ask(servers.file("ca.pem"), clients.file("me.pem"), clients.file("me.key")) }
	if err := mine(); err != nil {
		t.Errorf("with the right certificates: %v", err)
	}
	if ask(servers.file("ca.pem"), "", "") == nil {
		t.Error("a client without a certificate was answered")
	}
	if ask(clients.file("ca.pem"), clients.file("me.pem"), clients.file("me.key")) == nil {
		t.Error("a server of another authority was believed")
	}
	if ask(servers.file("ca.pem"), servers.file("node.pem"), servers.file("node.key")) == nil {
		t.Error("a client of another authority was answered")
	}

	// The clients' authority is replaced, and the server's certificate renewed.
	clients.cert = nil
	clients.cert, clients.key = clients.sign("ca")
	if mine() == nil {
		t.Error("a client of the authority that was replaced was answered")
	}
	clients.sign("me")
	servers.sign("node")
	if err := mine(); err != nil {
		t.Errorf("with what was renewed: %v", err)
	}
	if err := os.WriteFile(servers.file("node.key"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if mine() == nil {
		t.Error("it answered without a key")
	}
	servers.sign("node")
	if err := mine(); err != nil {
		t.Errorf("with what was renewed again: %v", err)
	}
}
