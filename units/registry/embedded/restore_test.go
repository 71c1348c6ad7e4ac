package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
	"github.com/nsched/nsched/units/registry/embedded"
)

func keysOf(t *testing.T) registry.Keys {
	t.Helper()
	keys, err := registry.NewKeys("")
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// write puts a value of units and returns the revision.
func write[T any](t *testing.T, kv registry.KV, key string, v T) int64 {
	t.Helper()
	raw, err := registry.Encode(v, registry.Extra{})
	if err != nil {
		t.Fatal(err)
	}
	res, err := kv.Txn(t.Context(), put(key, string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return res.Revision
}

// taken is a snapshot of an etcd that holds a small cluster, something else, and something deleted.
type taken struct {
	file, data string // the snapshot, and the directory of the etcd, which runs no more
	revision   int64
}

func take(t *testing.T) taken {
	t.Helper()
	keys, dir := keysOf(t), t.TempDir()
	got := taken{file: filepath.Join(dir, "snapshot"), data: filepath.Join(dir, "data")}
	s := start(t, embedded.Options{Dir: got.data, Listen: []string{"http://127.0.0.1:0"}})
	e := connect(t, registry.EtcdOptions{Endpoints: s.Endpoints()})
	write(t, e, keys.Cluster(), units.Cluster{ID: "c", Epoch: 2, Schema: 1})
	write(t, e, keys.Clock(), units.Clock{N: 6, TimeMs: 1000})
	write(t, e, keys.Clock(), units.Clock{N: 7, TimeMs: 2000})
	write(t, e, keys.Node("n1"), units.Node{Key: "k"})
	write(t, e, keys.Node("gone"), units.Node{Key: "k"})
	write(t, e, keys.App(units.AppID{Namespace: "default", Name: "hello"}), units.Intent{Generation: 1, Count: 2})
	for _, txn := range []registry.Txn{
		put(keys.Prefix()+"units/n1/broken", "{"), put(keys.Prefix()+"later/x", "{}"), put("other", "x"),
		{Then: []registry.Op{{Kind: registry.OpDelete, Key: keys.Node("gone")}}},
	} {
		res, err := e.Txn(t.Context(), txn)
		if err != nil {
			t.Fatal(err)
		}
		got.revision = res.Revision
	}
	var copied bytes.Buffer
	n, err := e.Snapshot(t.Context(), &copied)
	if err != nil || n != int64(copied.Len()) {
		t.Fatalf("%d of %d bytes, %v", n, copied.Len(), err)
	}
	if err := os.WriteFile(got.file, copied.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Close()
	return got
}

func TestASnapshotSaysWhatItHolds(t *testing.T) {
	from := take(t)
	for _, c := range []struct {
		name, file string
		hashed     bool
	}{
		{"as it was taken", from.file, true},
		{"as a member that does not run has it", filepath.Join(from.data, "member", "snap", "db"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := embedded.ReadSnapshot(c.file, keysOf(t))
			if err != nil {
				t.Fatal(err)
			}
			kinds := map[registry.Kind]int{
				registry.KindCluster: 1, registry.KindClock: 1, registry.KindNode: 1, registry.KindApp: 1, registry.KindUnit: 1, registry.KindUnknown: 1,
			}
			if diff := cmp.Diff(kinds, s.Kinds); diff != "" {
				t.Error(diff)
			}
			clock, _ := registry.Lookup[units.Clock](s.State, keysOf(t).Clock())
			if s.Revision != from.revision || s.Hashed != c.hashed || s.Foreign != 1 || s.Storage == "" || s.Bytes < 1024 || clock.N != 7 {
				t.Errorf("%+v, clock %+v", s, clock)
			}
		})
	}
}

func TestARestoredEtcdNeverGoesBackAndIsMarked(t *testing.T) {
	from, keys := take(t), keysOf(t)
	for name, o := range map[string]embedded.RestoreOptions{
		"of a snapshot": {File: from.file}, "of a member's own file": {File: filepath.Join(from.data, "member", "snap", "db"), NoHash: true},
	} {
		t.Run(name, func(t *testing.T) {
			o.Dir, o.Keys = filepath.Join(t.TempDir(), "new", "etcd"), keys
			if _, err := embedded.Restore(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			for range 2 { // also after a restart
				s := start(t, embedded.Options{Dir: o.Dir, Listen: []string{"http://127.0.0.1:0"}})
				e := connect(t, registry.EtcdOptions{Endpoints: s.Endpoints()})
				got, err := registry.ReadSnapshot(t.Context(), e, keys, keys.Prefix())
				if err != nil {
					t.Fatal(err)
				}
				cluster, _ := registry.Lookup[units.Cluster](got, keys.Cluster())
				if want := (units.Cluster{ID: "c", Epoch: 2, Schema: 1, Restored: true}); cluster != want {
					t.Errorf("the cluster is %+v", cluster)
				}
				if app, ok := registry.Lookup[units.Intent](got, keys.App(units.AppID{Namespace: "default", Name: "hello"})); !ok || app.Count != 2 {
					t.Errorf("the app is %+v", app)
				}
				if _, ok := got.Item(keys.Node("gone")); ok || got.Len() != 5 {
					t.Errorf("%d keys", got.Len())
				}
				if lowest := from.revision + embedded.RestoreBump; got.Revision() <= lowest {
					t.Errorf("revision %d is not beyond %d", got.Revision(), lowest)
				}
				if raised := write(t, e, keys.Node("n2"), units.Node{}); raised != got.Revision()+1 {
					t.Errorf("revision %d follows %d", raised, got.Revision())
				}
				ended := make(chan error, 1)
				w := e.Watch(t.Context(), registry.Watch{Key: "a", End: "z", Revision: from.revision + 100}, func(r registry.WatchResponse) {
					if r.Err != nil {
						ended <- r.Err
					}
				})
				if err := <-ended; !errors.Is(err, registry.ErrCompacted) {
					t.Errorf("a watch from before ended with %v", err)
				}
				w.Close()
				if _, err := e.Txn(t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpDelete, Key: keys.Node("n2")}}}); err != nil {
					t.Error(err)
				}
				s.Close()
			}
		})
	}
}

func TestMembersRestoredOneByOneAreOneCluster(t *testing.T) {
	from, keys, dir := take(t), keysOf(t), t.TempDir()
	var names, peers, initial []string
	for i := range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		names, peers = append(names, fmt.Sprint("m", i)), append(peers, "http://"+l.Addr().String())
		initial = append(initial, names[i]+"="+peers[i])
		_ = l.Close()
	}
	var members []*embed.Etcd
	for i, name := range names {
		o := embedded.RestoreOptions{
			File: from.file, Dir: filepath.Join(dir, name), Keys: keys, Name: name, Cluster: strings.Join(initial, ","),
			Peers: []string{peers[i]}, Token: "again",
		}
		if _, err := embedded.Restore(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		c := embed.NewConfig()
		peer, _ := url.Parse(peers[i])
		client, _ := url.Parse("http://127.0.0.1:0")
		c.Name, c.Dir, c.LogLevel, c.LogOutputs, c.UnsafeNoFsync = name, o.Dir, "error", []string{os.DevNull}, true
		c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
		c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
		c.InitialCluster, c.InitialClusterToken, c.ClusterState = o.Cluster, o.Token, embed.ClusterStateFlagExisting
		m, err := embed.StartEtcd(c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Close)
		members = append(members, m)
	}
	var endpoints []string
	for _, m := range members {
		<-m.Server.ReadyNotify()
		endpoints = append(endpoints, "http://"+m.Clients[0].Addr().String())
	}
	e := connect(t, registry.EtcdOptions{Endpoints: endpoints})
	write(t, e, keys.Node("n2"), units.Node{})
	c, err := clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	var hashes []uint32
	res, err := c.Get(t.Context(), "x") // linearizable, so that each is asked for a revision that it has
	if err != nil {
		t.Fatal(err)
	}
	for _, endpoint := range endpoints {
		one := connect(t, registry.EtcdOptions{Endpoints: []string{endpoint}})
		if _, err := one.Range(t.Context(), registry.Range{Key: "x"}); err != nil {
			t.Fatal(err)
		}
		h, err := c.HashKV(t.Context(), endpoint, res.Header.Revision)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, h.Hash)
	}
	if slices.Max(hashes) != slices.Min(hashes) {
		t.Errorf("the members differ: %v", hashes)
	}
}

func TestARestoreIsRefusedAndLeavesNothing(t *testing.T) {
	from := take(t)
	whole, err := os.ReadFile(from.file)
	if err != nil {
		t.Fatal(err)
	}
	member := filepath.Join(from.data, "member", "snap", "db")
	bare, err := os.ReadFile(member)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(whole)/2] ^= 1
	for _, c := range []struct {
		name string
		file []byte
		o    embedded.RestoreOptions
		want error
		says string
	}{
		{name: "a flipped bit", file: flipped, want: registry.ErrSnapshot, says: "does not fit"},
		{name: "a part of it", file: whole[:len(whole)-4096], want: registry.ErrSnapshot, says: "does not fit"},
		{name: "a part of it that is no multiple of anything", file: whole[:len(whole)-1000], want: registry.ErrSnapshot, says: "no whole database"},
		{name: "nothing", file: []byte{}, want: registry.ErrSnapshot, says: "no whole database"},
		{name: "something else", file: bytes.Repeat([]byte("nsched "), 4096/7*512), want: registry.ErrSnapshot},
		{name: "zeroes", file: make([]byte, 32<<10), want: registry.ErrSnapshot},
		{name: "a member's own file, unasked", file: bare, want: registry.ErrSnapshot, says: "there is no hash"},
		{name: "a half of a member's own file", file: bare[:len(bare)/2/4096*4096], o: embedded.RestoreOptions{NoHash: true}, want: registry.ErrSnapshot},
		{name: "a snapshot of another prefix", file: whole, o: embedded.RestoreOptions{Keys: prefixed(t, "/other/")}, says: "no cluster under /other/"},
		{name: "a name that is not among the members", file: whole, o: embedded.RestoreOptions{Name: "m1", Cluster: "m2=http://127.0.0.1:1"}, says: "m1"},
		{name: "members that make no sense", file: whole, o: embedded.RestoreOptions{Cluster: "nsched=ftp://x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			o := c.o
			if o.Keys == (registry.Keys{}) {
				o.Keys = keysOf(t)
			}
			o.File, o.Dir = filepath.Join(dir, "file"), filepath.Join(dir, "etcd")
			if err := os.WriteFile(o.File, c.file, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := embedded.Restore(t.Context(), o)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			list, err := os.ReadDir(dir)
			if err != nil || len(list) != 1 {
				t.Errorf("there is %v, %v", list, err)
			}
		})
	}
	t.Run("a directory that is not empty", func(t *testing.T) {
		o := embedded.RestoreOptions{File: from.file, Dir: from.data, Keys: keysOf(t)}
		if _, err := embedded.Restore(t.Context(), o); !errors.Is(err, embedded.ErrNotEmpty) || !strings.Contains(err.Error(), "it holds ") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("when nobody waits for it any more", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		dir := t.TempDir()
		o := embedded.RestoreOptions{File: from.file, Dir: filepath.Join(dir, "new", "etcd"), Keys: keysOf(t)}
		if _, err := embedded.Restore(ctx, o); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		o.Dir = dir
		if _, err := embedded.Restore(ctx, o); !errors.Is(err, context.Canceled) || len(names(t, dir)) != 0 {
			t.Errorf("got %v and %v", err, names(t, dir))
		}
	})
	t.Run("the file of an etcd that runs", func(t *testing.T) {
		s := start(t, embedded.Options{Dir: from.data, Listen: []string{"http://127.0.0.1:0"}})
		defer s.Close()
		if _, err := embedded.ReadSnapshot(member, keysOf(t)); !errors.Is(err, embedded.ErrInUse) {
			t.Errorf("got %v", err)
		}
	})
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := []string{}
	for _, entry := range list {
		found = append(found, entry.Name())
	}
	return found
}

// TestAnEmptyDirectoryIsFilled: the directory that a package makes for its etcd, or a disk that is mounted there,
// used to be refused, for a directory cannot be renamed over another.
func TestAnEmptyDirectoryIsFilled(t *testing.T) {
	from, dir := take(t), t.TempDir()
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.Restore(t.Context(), embedded.RestoreOptions{File: from.file, Dir: dir, Keys: keysOf(t)}); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(dir)
	if err != nil || !os.SameFile(before, after) || after.Mode().Perm() != 0o711 {
		t.Errorf("it is another directory, or of mode %v; %v", after.Mode(), err)
	}
	if diff := cmp.Diff([]string{"member"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}
	start(t, embedded.Options{Dir: dir, Listen: []string{"http://127.0.0.1:0"}}).Close()
}

// TestWhatAKilledRestoreLeftIsRemovedByTheNext: and nothing that somebody still works on, or that is another's.
func TestWhatAKilledRestoreLeftIsRemovedByTheNext(t *testing.T) {
	from := take(t)
	for _, c := range []struct {
		name string
		dir  string // what is to be made, below where the halves lie
		want []string
	}{
		{"beside the directory", "new", []string{embedded.HalfPrefix + "held", "new", "other"}},
		{"in the directory", ".", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range []string{embedded.HalfPrefix + "left", embedded.HalfPrefix + "held", "other"} {
				if err := os.MkdirAll(filepath.Join(dir, name, "member", "snap"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			held, err := os.Open(filepath.Join(dir, embedded.HalfPrefix+"held"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = held.Close() }()
			if err := embedded.HoldHalf(held); err != nil {
				t.Fatal(err)
			}
			o := embedded.RestoreOptions{File: from.file, Dir: filepath.Join(dir, c.dir), Keys: keysOf(t)}
			_, err = embedded.Restore(t.Context(), o)
			if c.want == nil {
				if !errors.Is(err, embedded.ErrNotEmpty) {
					t.Errorf("got %v", err)
				}
				_ = held.Close()
				if err := os.RemoveAll(filepath.Join(dir, "other")); err != nil {
					t.Fatal(err)
				}
				_, err = embedded.Restore(t.Context(), o)
				c.want = []string{"member"}
			}
			if diff := cmp.Diff(c.want, names(t, dir)); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func prefixed(t *testing.T, prefix string) registry.Keys {
	t.Helper()
	keys, err := registry.NewKeys(prefix)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestASnapshotThatBreaksOffIsNoSnapshot(t *testing.T) {
	s := start(t, embedded.Options{Dir: t.TempDir(), Listen: []string{"http://127.0.0.1:0"}})
	e := connect(t, registry.EtcdOptions{Endpoints: s.Endpoints()})
	for i := range 8 { // more than is under way at once
		if _, err := e.Txn(t.Context(), put(fmt.Sprint(i), strings.Repeat("x", 1<<20))); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	n, err := e.Snapshot(ctx, writer(func([]byte) { cancel() }))
	if !errors.Is(err, registry.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %d bytes, %v", n, err)
	}
	full := errors.New("full")
	if _, err := e.Snapshot(t.Context(), failing{full}); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	s.Close()
	if _, err := e.Snapshot(t.Context(), &bytes.Buffer{}); !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

type failing struct{ error }

func (f failing) Write([]byte) (int, error) { return 0, f.error }
