package conformance

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"github.com/nsched/nsched/units/registry"
)

// trio is an etcd of three members in this process.
type trio struct {
	t       *testing.T
	peers   map[string]string // by name
	members map[string]*embed.Etcd
}

// freeURL is a URL of a port that was free a moment ago.
func freeURL(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return "http://" + l.Addr().String()
}

func newTrio(t *testing.T) *trio {
	c := &trio{t: t, peers: map[string]string{}, members: map[string]*embed.Etcd{}}
	for _, name := range []string{"a", "b", "c"} {
		c.peers[name] = freeURL(t)
	}
	t.Cleanup(func() {
		for _, m := range c.members {
			m.Close()
		}
	})
	type result struct {
		name string
		m    *embed.Etcd
		err  error
	}
	started := make(chan result, 3)
	for name := range c.peers {
		go func() {
			m, err := c.launch(name, embed.ClusterStateFlagNew)
			started <- result{name, m, err}
		}()
	}
	var failed error
	for range 3 {
		r := <-started
		if r.err != nil {
			failed = r.err
			continue
		}
		c.members[r.name] = r.m
	}
	if failed != nil {
		t.Fatal(failed)
	}
	return c
}

// launch starts a member and waits until it serves.
func (c *trio) launch(name, state string) (*embed.Etcd, error) {
	o := embed.NewConfig()
	o.Name, o.Dir, o.LogLevel, o.UnsafeNoFsync = name, c.t.TempDir(), "fatal", true
	o.TickMs, o.ElectionMs = 50, 500
	var initial []string
	for name, peer := range c.peers {
		initial = append(initial, name+"="+peer)
	}
	peer, err := url.Parse(c.peers[name])
	if err != nil {
		return nil, err
	}
	client := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	o.ListenPeerUrls, o.AdvertisePeerUrls, o.ListenClientUrls, o.AdvertiseClientUrls = []url.URL{*peer}, []url.URL{*peer}, client, client
	o.InitialCluster, o.ClusterState = strings.Join(initial, ","), state
	m, err := embed.StartEtcd(o)
	if err != nil {
		return nil, err
	}
	select {
	case <-m.Server.ReadyNotify():
		return m, nil
	case <-time.After(30 * time.Second):
		m.Close()
		return nil, fmt.Errorf("member %s was not ready", name)
	}
}

// lose ends a member for good, disk and all.
func (c *trio) lose(name string) {
	c.members[name].Close()
	delete(c.members, name)
}

// replace makes a new member in the place of a lost one, at another address.
func (c *trio) replace(lost, name string) {
	c.t.Helper()
	op, err := clientv3.New(clientv3.Config{Endpoints: c.endpoints(), DialTimeout: 5 * time.Second})
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = op.Close() }()
	until(c.t, "replace the member", func() error {
		ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
		defer cancel()
		list, err := op.MemberList(ctx)
		if err != nil {
			return err
		}
		for _, m := range list.Members {
			if m.Name == lost {
				if _, err := op.MemberRemove(ctx, m.ID); err != nil {
					return err
				}
			}
		}
		_, err = op.MemberAdd(ctx, []string{freshPeer(c, lost, name)})
		return err
	})
	m, err := c.launch(name, embed.ClusterStateFlagExisting)
	if err != nil {
		c.t.Fatal(err)
	}
	c.members[name] = m
}

// freshPeer is the address of the new member, chosen once.
func freshPeer(c *trio, lost, name string) string {
	if c.peers[name] == "" {
		delete(c.peers, lost)
		c.peers[name] = freeURL(c.t)
	}
	return c.peers[name]
}

func (c *trio) endpoints() []string {
	var list []string
	for _, m := range c.members {
		list = append(list, clientURL(m))
	}
	return list
}

// behindProxies puts a proxy before each member; the URLs lead to those.
func (c *trio) behindProxies() (proxies map[string]*proxy, urls []string) {
	proxies = map[string]*proxy{}
	for name, m := range c.members {
		proxies[name] = newProxy(c.t, strings.TrimPrefix(clientURL(m), "http://"))
		urls = append(urls, proxies[name].url())
	}
	return proxies, urls
}

// TestMembersAreLostAndReplaced goes through the life of an etcd of three with one Etcd, whose endpoints lead
// through proxies, as addresses of machines do: each member is lost and replaced in turn, until none of the
// first is left.
func TestMembersAreLostAndReplaced(t *testing.T) {
	t.Parallel()
	c := newTrio(t)
	proxies, urls := c.behindProxies()
	e := connect(t, registry.EtcdOptions{Endpoints: urls, RequestTimeout: 2 * time.Second})
	until(t, "write", func() error { return commit(t.Context(), e, "k/0") })
	lease, err := e.Grant(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	w := record(t.Context(), e, registry.Watch{Key: "k/", End: "k0", Revision: 1})
	defer w.Close()
	want := []string{"k/0"}
	goesOn := func(key string) {
		t.Helper()
		until(t, "write "+key, func() error { return commit(t.Context(), e, key) })
		until(t, "renew", func() error {
			_, err := e.KeepAlive(t.Context(), lease.ID)
			return err
		})
		want = append(want, key)
		if diff := diffOf(want, seen(t, w, len(want))); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
	}
	for i, name := range []string{"a", "b", "c"} {
		at := proxies[name]
		c.lose(name)
		at.lead("127.0.0.1:1") // nobody is there
		goesOn(fmt.Sprintf("k/%d/lost", i))
		c.replace(name, name+"2")
		goesOn(fmt.Sprintf("k/%d/unseen", i)) // at an address that this Etcd does not have
		at.lead(strings.TrimPrefix(clientURL(c.members[name+"2"]), "http://"))
		goesOn(fmt.Sprintf("k/%d/replaced", i))
	}

	// A linearizable read is true, whichever member answers it.
	for range 20 {
		got, err := e.Range(t.Context(), registry.Range{Key: "k/", End: "k0"})
		if err != nil || got.Count != int64(len(want)) {
			t.Errorf("%d keys, %v", got.Count, err)
		}
	}

	// With no member in reach nothing is written, and the watch is silent; when they are back all goes on.
	for _, p := range proxies {
		p.lead("127.0.0.1:1")
	}
	silent(t, e, "to any member")
	for name := range proxies {
		proxies[name].lead(strings.TrimPrefix(clientURL(c.members[name+"2"]), "http://"))
	}
	goesOn("k/end")
}

// TestAMemberThatHangsHoldsUpNoRead has each member in turn take connections and answer nothing. A third of all
// reads led to it, and waited until their time was over: so did verbs while a member's cable was out.
func TestAMemberThatHangsHoldsUpNoRead(t *testing.T) {
	t.Parallel()
	c := newTrio(t)
	proxies, urls := c.behindProxies()
	e := connect(t, registry.EtcdOptions{Endpoints: urls})
	until(t, "write", func() error { return commit(t.Context(), e, "a") })
	read := func() error {
		got, err := e.Range(t.Context(), registry.Range{Key: "a"})
		if err == nil && got.Count != 1 {
			err = fmt.Errorf("%d keys", got.Count)
		}
		return err
	}
	for name, p := range proxies {
		until(t, "read before", func() error { // every member is connected
			for range 6 {
				if err := read(); err != nil {
					return err
				}
			}
			return nil
		})
		p.hang(true)
		for range 6 {
			if err := read(); err != nil {
				t.Errorf("member %s hangs: %v", name, err)
			}
		}
		p.hang(false)
	}
}

// TestAMemberThatHangsHoldsUpNoRenewal has each member in turn take connections and answer nothing, as one
// does that is stopped or whose machine vanished. A guard gives up a renewal after 2 s and all that is
// bound to its tenure 6 s after the latest that succeeded, and gRPC finds a dead peer after 15 s: a
// renewal that waited for the one member its stream leads to would stop every singleton on a third of all
// nodes.
func TestAMemberThatHangsHoldsUpNoRenewal(t *testing.T) {
	t.Parallel()
	c := newTrio(t)
	proxies, urls := c.behindProxies()
	e := connect(t, registry.EtcdOptions{Endpoints: urls})
	until(t, "write", func() error { return commit(t.Context(), e, "a") })
	lease, err := e.Grant(t.Context(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range proxies {
		until(t, "renew before", func() error { // every member is connected
			for range 6 {
				if _, err := e.Range(t.Context(), registry.Range{Key: "a"}); err != nil {
					return err
				}
			}
			_, err := e.KeepAlive(t.Context(), lease.ID)
			return err
		})
		p.hang(true)
		for range 6 {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			if got, err := e.KeepAlive(ctx, lease.ID); err != nil || got.Granted != 10*time.Second {
				t.Errorf("member %s hangs: %+v, %v", name, got, err)
			}
			cancel()
		}
		p.hang(false)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}
