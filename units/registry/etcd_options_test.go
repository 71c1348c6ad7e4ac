package registry_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsched/nsched/units/registry"
)

func TestEtcdOptions(t *testing.T) {
	encrypted := &tls.Config{}
	for _, c := range []struct {
		name string
		o    registry.EtcdOptions
		says string // empty: taken
	}{
		{"loopback by address in plaintext", registry.EtcdOptions{Endpoints: []string{"http://127.0.0.1:1", "http://[::1]:1", "127.9.9.9:1"}}, ""},
		{"loopback by name in plaintext", registry.EtcdOptions{Endpoints: []string{"localhost:2379"}}, ""},
		{"a unix socket", registry.EtcdOptions{Endpoints: []string{"unix:///run/etcd.sock"}}, ""},
		{"another machine over TLS", registry.EtcdOptions{Endpoints: []string{"https://10.0.0.1:2379"}}, ""},
		{"another machine without a scheme, with TLS", registry.EtcdOptions{Endpoints: []string{"10.0.0.1:2379"}, TLS: encrypted}, ""},
		{"plaintext to another machine where it is allowed", registry.EtcdOptions{Endpoints: []string{"http://10.0.0.1:2379"}, AllowInsecure: true}, ""},
		{"plaintext to another machine", registry.EtcdOptions{Endpoints: []string{"http://10.0.0.1:2379"}}, `endpoint "http://10.0.0.1:2379": plaintext leaves this machine; write https://`},
		{"plaintext to the second of two", registry.EtcdOptions{Endpoints: []string{"127.0.0.1:1", "etcd.example:1"}}, `endpoint "etcd.example:1"`},
		{"plaintext by scheme though certificates are given", registry.EtcdOptions{Endpoints: []string{"http://etcd.example:1"}, TLS: encrypted}, "plaintext"},
		{"a name that only looks like loopback", registry.EtcdOptions{Endpoints: []string{"http://localhost.example:1"}}, "plaintext"},
		{"plaintext and TLS mixed", registry.EtcdOptions{Endpoints: []string{"https://10.0.0.1:1", "http://127.0.0.1:1"}}, "one is encrypted, the other is not"},
		{"no endpoint", registry.EtcdOptions{}, "no endpoint"},
		{"an endpoint without a port", registry.EtcdOptions{Endpoints: []string{"https://etcd.example"}}, "https://HOST:PORT"},
		{"an endpoint without a host", registry.EtcdOptions{Endpoints: []string{":2379"}}, "https://HOST:PORT"},
		{"an empty endpoint", registry.EtcdOptions{Endpoints: []string{""}}, "https://HOST:PORT"},
		{"an endpoint with a path", registry.EtcdOptions{Endpoints: []string{"https://etcd.example:1/v3"}}, "only a scheme"},
		{"an endpoint with a password", registry.EtcdOptions{Endpoints: []string{"https://u:p@etcd.example:1"}}, "only a scheme"},
		{"a scheme that etcd does not speak", registry.EtcdOptions{Endpoints: []string{"ftp://127.0.0.1:1"}}, `scheme "ftp"`},
		{"a unix socket without a path", registry.EtcdOptions{Endpoints: []string{"unix://"}}, "path of the socket"},
		{"a user without a password", registry.EtcdOptions{Endpoints: []string{"127.0.0.1:1"}, Username: "u"}, "belong together"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := registry.NewEtcd(c.o)
			switch {
			case err == nil && c.says != "":
				t.Error("it was taken")
			case err != nil && (c.says == "" || !strings.Contains(err.Error(), c.says)):
				t.Errorf("got %v", err)
			}
			if e != nil {
				if err := e.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestTLSFilesAreRefused(t *testing.T) {
	junk := filepath.Join(t.TempDir(), "junk")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]registry.TLSFiles{
		"a certificate without its key":    {Cert: junk},
		"an authority that does not exist": {CA: junk + "x"},
		"an authority that is not PEM":     {CA: junk},
		"a certificate that is not PEM":    {Cert: junk, Key: junk},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := f.Config(); err == nil {
				t.Error("it was taken")
			}
		})
	}
	if c, err := (registry.TLSFiles{}).Config(); c != nil || err != nil {
		t.Errorf("no files gave %v, %v", c, err)
	}
}
