package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsched/nsched/nix"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
	"github.com/nsched/nsched/units/registry/embedded"
)

// fatal is what a test and a script have in common.
type fatal interface {
	Fatalf(format string, args ...any)
}

// stage is a real etcd, with nodes that are only registered and a binary cache on disk: all that the
// verbs need of a cluster. What schedulers and nodes would write, a test writes.
type stage struct {
	cluster
	etcd     *embedded.Server
	endpoint string
	cache    string // directory
	signer   ed25519.PrivateKey
	trusted  string // the signer's public key, as Nix writes it
}

// newStage starts an etcd below dir.
func newStage(ctx context.Context, t fatal, dir string) *stage {
	server, err := embedded.Start(ctx, embedded.Options{Dir: filepath.Join(dir, "etcd"), Listen: []string{"http://127.0.0.1:0"}, NoSync: true})
	if err != nil {
		t.Fatalf("start etcd: %v", err)
	}
	keys, err := registry.NewKeys("")
	if err != nil {
		t.Fatalf("%v", err)
	}
	kv, err := registry.NewEtcd(registry.EtcdOptions{Endpoints: server.Endpoints()})
	if err != nil {
		t.Fatalf("%v", err)
	}
	s := &stage{
		cluster: cluster{KV: kv, keys: keys}, etcd: server, endpoint: server.Endpoints()[0], cache: filepath.Join(dir, "cache"),
		signer: ed25519.NewKeyFromSeed([]byte("this seed is 32 bytes of no worth")[:ed25519.SeedSize]),
	}
	public, _ := s.signer.Public().(ed25519.PublicKey)
	s.trusted = "test-1:" + base64.StdEncoding.EncodeToString(public)
	if err := os.MkdirAll(s.cache, 0o755); err != nil {
		t.Fatalf("%v", err)
	}
	return s
}

func (s *stage) close() {
	if kv, ok := s.KV.(*registry.Etcd); ok {
		_ = kv.Close()
	}
	s.etcd.Close()
}

// revision is etcd's header revision.
func (s *stage) revision(t fatal) int64 {
	res, err := s.Range(context.Background(), registry.Range{Key: s.keys.Cluster()})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return res.Revision
}

// put writes a value as it is.
func (s *stage) put(t fatal, key string, value []byte) int64 {
	res, err := s.Txn(context.Background(), registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: value}}})
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	return res.Revision
}

// putValue writes a value of units.
func putValue[T any](t fatal, s *stage, key string, v T) int64 {
	raw, err := registry.Encode(v, registry.Extra{})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return s.put(t, key, raw)
}

// register adds a node that lives.
func (s *stage) register(t fatal, name units.NodeName, alter func(*units.Node)) {
	n := units.Node{
		Key: "key of " + string(name), BootID: "boot", System: "x86_64-linux", OS: "debian 12", Kernel: "6.1",
		Capacity:  units.Capacity{CPUMilli: 2000, MemoryBytes: 4 << 30, DiskBytes: 20 << 30},
		Addresses: []string{"10.0.0.1"}, Caches: []string{"file://" + s.cache}, PublicKeys: []string{s.trusted},
		Labels: map[string]string{"zone": "a"}, AppSchema: units.AppSchema, Versions: units.Versions{Nsched: "test"},
	}
	if alter != nil {
		alter(&n)
	}
	putValue(t, s, s.keys.Node(name), n)
	putValue(t, s, s.keys.Alive(name), units.Alive{BootID: n.BootID})
	putValue(t, s, s.keys.Agent(name), units.Agent{BootID: n.BootID})
}

// push puts a path into the cache, as far as asking for it goes: its narinfo, signed or not.
func (s *stage) push(t fatal, path units.StorePath, signed bool, references ...units.StorePath) {
	hash, err := nix.ParseHash("sha256:" + strings.Repeat("0", 52))
	if err != nil {
		t.Fatalf("%v", err)
	}
	p := nix.PathInfo{Path: path, NarHash: hash, NarSize: 4096, References: references}
	var b strings.Builder
	fmt.Fprintf(&b, "StorePath: %s\nURL: nar/%s.nar\nCompression: none\nNarHash: %s\nNarSize: %d\nReferences:", path, path.Hash(), hash, p.NarSize)
	if len(references) == 0 {
		b.WriteString(" ")
	}
	for _, r := range references {
		b.WriteString(" " + strings.TrimPrefix(string(r), units.StoreDir))
	}
	b.WriteString("\n")
	if signed {
		signature := ed25519.Sign(s.signer, []byte(p.Fingerprint()))
		fmt.Fprintf(&b, "Sig: test-1:%s\n", base64.StdEncoding.EncodeToString(signature))
	}
	if err := os.WriteFile(filepath.Join(s.cache, path.Hash()+".narinfo"), []byte(b.String()), 0o644); err != nil {
		t.Fatalf("%v", err)
	}
}

// result is how a run ended.
type result struct {
	code      int
	out, errs string
}

// nsched runs the program inside this process.
func nsched(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, errs strings.Builder
	code := newSession(strings.NewReader(stdin), &out, &errs).run(t.Context(), args)
	return result{code, out.String(), errs.String()}
}
