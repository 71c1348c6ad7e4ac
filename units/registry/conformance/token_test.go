package conformance

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"github.com/nsched/nsched/units/registry"
)

// member starts an etcd as its own library does, on free ports of loopback.
func member(t *testing.T, alter func(*embed.Config)) *embed.Etcd {
	t.Helper()
	c := embed.NewConfig()
	c.Dir, c.LogLevel, c.LogOutputs, c.UnsafeNoFsync = t.TempDir(), "fatal", []string{os.DevNull}, true
	free := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	c.ListenClientUrls, c.AdvertiseClientUrls, c.ListenPeerUrls = free, free, free
	alter(c)
	m, err := embed.StartEtcd(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	select {
	case <-m.Server.ReadyNotify():
	case err := <-m.Err():
		t.Fatal(err)
	}
	return m
}

// clientURL is where a member's clients come.
func clientURL(m *embed.Etcd) string { return "http://" + m.Clients[0].Addr().String() }

// TestALoginThatExpiresIsMadeAnew has tokens that last a second and are forgotten when nobody uses them:
// whoever was silent for longer logs in anew, and notices nothing.
func TestALoginThatExpiresIsMadeAnew(t *testing.T) {
	t.Parallel()
	m := member(t, func(c *embed.Config) { c.AuthTokenTTL = 1 })
	enableAuth(t, clientURL(m))
	p := newProxy(t, strings.TrimPrefix(clientURL(m), "http://"))
	me := connect(t, registry.EtcdOptions{Endpoints: []string{p.url()}, Username: "me", Password: "password"})
	other := connect(t, registry.EtcdOptions{Endpoints: []string{clientURL(m)}, Username: "me", Password: "password"})
	// A token's own second, and the one in which etcd looks after its tokens.
	expire := func() { time.Sleep(2200 * time.Millisecond) }

	if err := commit(t.Context(), me, "mine/1"); err != nil {
		t.Fatal(err)
	}
	lease, err := me.Grant(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := me.KeepAlive(t.Context(), lease.ID); err != nil {
		t.Fatal(err)
	}
	w := record(t.Context(), me, registry.Watch{Key: "mine/", End: "mine0", Revision: 1})
	defer w.Close()
	seen(t, w, 1)

	t.Run("a token that nobody renews is refused, so this is no test of nothing", func(t *testing.T) {
		root, err := clientv3.New(clientv3.Config{Endpoints: []string{clientURL(m)}, Username: "root", Password: "secret", DialTimeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = root.Close() }()
		login, err := root.Authenticate(t.Context(), "me", "password")
		if err != nil {
			t.Fatal(err)
		}
		stale, err := clientv3.New(clientv3.Config{Endpoints: []string{clientURL(m)}, Token: login.Token, DialTimeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = stale.Close() }()
		if _, err := stale.Get(t.Context(), "mine/1"); err != nil {
			t.Fatal(err)
		}
		expire()
		if _, err := stale.Get(t.Context(), "mine/1"); !errors.Is(err, rpctypes.ErrInvalidAuthToken) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a write is made once, at its first try", func(t *testing.T) {
		expire()
		res, err := me.Txn(t.Context(), write("mine/2"))
		if err != nil {
			t.Fatal(err)
		}
		kept, err := me.Range(t.Context(), registry.Range{Key: "mine/2"})
		if err != nil || kept.KVs[0].Version != 1 || kept.KVs[0].ModRevision != res.Revision {
			t.Errorf("%+v, %v", kept, err)
		}
	})
	t.Run("a read, a renewal, a look at a lease and a new lease are answered", func(t *testing.T) {
		for name, do := range map[string]func() error{
			"read":  func() error { _, err := me.Range(t.Context(), registry.Range{Key: "mine/1"}); return err },
			"renew": func() error { _, err := me.KeepAlive(t.Context(), lease.ID); return err },
			"look":  func() error { _, err := me.TimeToLive(t.Context(), lease.ID); return err },
			"grant": func() error { _, err := me.Grant(t.Context(), time.Minute); return err },
		} {
			expire()
			if err := do(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("a watch goes on, and over a broken connection too", func(t *testing.T) {
		expire()
		if err := commit(t.Context(), other, "mine/3"); err != nil {
			t.Fatal(err)
		}
		seen(t, w, 3)
		expire()
		p.cut()
		expire()
		if err := commit(t.Context(), other, "mine/4"); err != nil {
			t.Fatal(err)
		}
		if diff := diffOf([]string{"mine/1", "mine/2", "mine/3", "mine/4"}, seen(t, w, 4)); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
	})
	t.Run("a renewal over a broken connection is made by a new login", func(t *testing.T) {
		expire()
		p.cut()
		until(t, "renew", func() error {
			_, err := me.KeepAlive(t.Context(), lease.ID)
			return err
		})
	})
	t.Run("a role that changes meanwhile makes logins old, and nobody notices", func(t *testing.T) {
		root, err := clientv3.New(clientv3.Config{Endpoints: []string{clientURL(m)}, Username: "root", Password: "secret", DialTimeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = root.Close() }()
		for i := range 3 {
			if _, err := root.RoleGrantPermission(t.Context(), "mine", fmt.Sprint("more/", i), "", clientv3.PermissionType(clientv3.PermReadWrite)); err != nil {
				t.Fatal(err)
			}
			if err := commit(t.Context(), me, fmt.Sprint("more/", i)); err != nil {
				t.Errorf("write: %v", err)
			}
			if _, err := me.KeepAlive(t.Context(), lease.ID); err != nil {
				t.Errorf("renew: %v", err)
			}
		}
		if err := commit(t.Context(), other, "mine/5"); err != nil {
			t.Fatal(err)
		}
		seen(t, w, 5)
	})
}

// TestANewPasswordNeedsNoRestart: a password used to be read once, so that a daemon whose password was changed
// was refused until it was started again.
func TestANewPasswordNeedsNoRestart(t *testing.T) {
	t.Parallel()
	m := member(t, func(*embed.Config) {})
	enableAuth(t, clientURL(m))
	file := filepath.Join(t.TempDir(), "password")
	say := func(password string) {
		if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	say("password\n")
	me := connect(t, registry.EtcdOptions{Endpoints: []string{clientURL(m)}, Username: "me", PasswordFile: file})
	root := connect(t, registry.EtcdOptions{Endpoints: []string{clientURL(m)}, Username: "root", Password: "secret"})
	lease, err := me.Grant(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := me.KeepAlive(t.Context(), lease.ID); err != nil {
		t.Fatal(err)
	}
	w := record(t.Context(), me, registry.Watch{Key: "mine/", End: "mine0", Revision: 1})
	defer w.Close()
	if err := commit(t.Context(), me, "mine/1"); err != nil {
		t.Fatal(err)
	}
	seen(t, w, 1)
	change := func(password string) {
		c, err := clientv3.New(clientv3.Config{Endpoints: []string{clientURL(m)}, Username: "root", Password: "secret", DialTimeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := c.UserChangePassword(t.Context(), "me", password); err != nil {
			t.Fatal(err)
		}
	}

	change("second")
	wantError(t, commit(t.Context(), me, "mine/2"), registry.ErrPermission)
	say("second\n")
	t.Run("a write is made once", func(t *testing.T) {
		if err := commit(t.Context(), me, "mine/2"); err != nil {
			t.Fatal(err)
		}
		res, err := me.Range(t.Context(), registry.Range{Key: "mine/2"})
		if err != nil || len(res.KVs) != 1 || res.KVs[0].Version != 1 {
			t.Errorf("%+v, %v", res, err)
		}
	})
	t.Run("a watch goes on", func(t *testing.T) {
		if err := commit(t.Context(), root, "mine/3"); err != nil {
			t.Fatal(err)
		}
		if diff := diffOf([]string{"mine/1", "mine/2", "mine/3"}, seen(t, w, 3)); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
	})
	change("third")
	say("third")
	t.Run("a renewal is made, by whoever does nothing else", func(t *testing.T) {
		if _, err := me.KeepAlive(t.Context(), lease.ID); err != nil {
			t.Error(err)
		}
	})
	change("fourth")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	t.Run("without the file it is refused, and asked no more than once", func(t *testing.T) {
		wantError(t, commit(t.Context(), me, "mine/4"), registry.ErrPermission)
	})
	say("fourth")
	t.Run("and goes on when it is back", func(t *testing.T) {
		if err := commit(t.Context(), me, "mine/4"); err != nil {
			t.Error(err)
		}
	})
}
