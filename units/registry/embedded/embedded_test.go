package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/units/registry"
	"github.com/nsched/nsched/units/registry/embedded"
)

func start(t *testing.T, o embedded.Options) *embedded.Server {
	t.Helper()
	o.NoSync = true
	s, err := embedded.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func connect(t *testing.T, o registry.EtcdOptions) *registry.Etcd {
	t.Helper()
	e, err := registry.NewEtcd(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func put(key, value string) registry.Txn {
	return registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: []byte(value)}}}
}

func TestServer(t *testing.T) {
	// etcd gives its listeners in the order of a map, and this took the socket's path for a port's address
	// every other time.
	t.Run("it answers on a free loopback port and on a unix socket", func(t *testing.T) {
		socket := "unix://" + filepath.Join(t.TempDir(), "s")
		s := start(t, embedded.Options{Dir: t.TempDir(), Listen: []string{"http://127.0.0.1:0", socket}})
		for i, ep := range s.Endpoints() {
			e := connect(t, registry.EtcdOptions{Endpoints: []string{ep}})
			res, err := e.Txn(t.Context(), put("a", "b"))
			if err != nil || res.Revision != int64(i+2) {
				t.Errorf("%s: %+v, %v", ep, res, err)
			}
		}
	})
	t.Run("what was written is there after a restart on the same directory", func(t *testing.T) {
		dir := t.TempDir()
		s := start(t, embedded.Options{Dir: dir, Listen: []string{"http://127.0.0.1:0"}})
		if _, err := connect(t, registry.EtcdOptions{Endpoints: s.Endpoints()}).Txn(t.Context(), put("a", "b")); err != nil {
			t.Fatal(err)
		}
		s.Close()
		s = start(t, embedded.Options{Dir: dir, Listen: []string{"http://127.0.0.1:0"}})
		res, err := connect(t, registry.EtcdOptions{Endpoints: s.Endpoints()}).Range(t.Context(), registry.Range{Key: "a"})
		if err != nil || res.Count != 1 || string(res.KVs[0].Value) != "b" {
			t.Errorf("got %+v, %v", res, err)
		}
	})
	t.Run("a second server on the same directory is refused at once", func(t *testing.T) {
		dir := t.TempDir()
		start(t, embedded.Options{Dir: dir, Listen: []string{"http://127.0.0.1:0"}})
		_, err := embedded.Start(t.Context(), embedded.Options{Dir: dir, Listen: []string{"http://127.0.0.1:0"}})
		if !errors.Is(err, embedded.ErrInUse) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a context that has ended stops what was started", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		dir := t.TempDir()
		if s, err := embedded.Start(ctx, embedded.Options{Dir: dir, Listen: []string{"http://127.0.0.1:0"}}); err == nil {
			s.Close() // it may have been ready first
		}
		start(t, embedded.Options{Dir: dir, Listen: []string{"http://127.0.0.1:0"}})
	})
	t.Run("the logger gets what etcd says", func(t *testing.T) {
		var out bytes.Buffer
		s := start(t, embedded.Options{
			Dir: t.TempDir(), Listen: []string{"http://127.0.0.1:0"}, Logger: zerolog.New(zerolog.SyncWriter(&out)),
		})
		s.Close()
		if !bytes.Contains(out.Bytes(), []byte(`"level":"debug"`)) || !bytes.Contains(out.Bytes(), []byte(`"step":"etcd"`)) {
			t.Errorf("got %s", out.Bytes())
		}
	})
}

func TestOptionsAreRefused(t *testing.T) {
	for name, o := range map[string]embedded.Options{
		"without a directory":               {},
		"plaintext on every address":        {Listen: []string{"http://0.0.0.0:0"}},
		"https without a certificate":       {Listen: []string{"https://127.0.0.1:0"}},
		"a scheme that etcd does not speak": {Listen: []string{"ftp://127.0.0.1:0"}},
		"a host without a port":             {Listen: []string{"http://127.0.0.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			if len(o.Listen) > 0 {
				o.Dir = t.TempDir()
			}
			if s, err := embedded.Start(t.Context(), o); err == nil {
				s.Close()
				t.Error("it started")
			}
		})
	}
}
