package conformance

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nsched/nsched/units/registry"
	"github.com/nsched/nsched/units/registry/embedded"
)

// backend is a KV and what an operator or the world does to it.
type backend interface {
	registry.KV
	compact(t *testing.T, rev int64) error
	setNoSpace(t *testing.T, on bool)
	// pass lets time pass for leases.
	pass(d time.Duration)
}

// twin is the back end in memory. Its clock moves only in pass.
type twin struct {
	*registry.Memory
	now time.Duration
}

func newTwin() *twin { return &twin{Memory: registry.NewMemory(registry.MemoryOptions{})} }

func (b *twin) compact(_ *testing.T, rev int64) error { return b.Compact(rev) }
func (b *twin) setNoSpace(_ *testing.T, on bool)      { b.SetNoSpace(on) }

func (b *twin) pass(d time.Duration) {
	b.now += d
	b.Advance(b.now)
}

// realEtcd is the back end over a connection.
type realEtcd struct {
	*registry.Etcd
	server *embedded.Server
}

func newReal(t *testing.T) *realEtcd {
	t.Helper()
	s, err := embedded.Start(t.Context(), embedded.Options{
		Dir: t.TempDir(), Listen: []string{"http://127.0.0.1:0"}, NoSync: true, CompactAfter: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return &realEtcd{Etcd: connect(t, registry.EtcdOptions{Endpoints: s.Endpoints()}), server: s}
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

func (b *realEtcd) compact(t *testing.T, rev int64) error { return b.server.Compact(t.Context(), rev) }

func (b *realEtcd) setNoSpace(t *testing.T, on bool) {
	t.Helper()
	if err := b.server.SetNoSpace(t.Context(), on); err != nil {
		t.Fatal(err)
	}
}

func (b *realEtcd) pass(d time.Duration) { time.Sleep(d) }

// recorder keeps what a watch delivers.
type recorder struct {
	registry.Watcher
	mu   sync.Mutex
	got  []registry.WatchResponse
	news chan struct{}
	req  registry.Watch
	told int64 // by what was forgotten
	seen int   // how many of got the last upTo looked at
}

func record(ctx context.Context, kv registry.KV, w registry.Watch) *recorder {
	r := &recorder{news: make(chan struct{}, 1), req: w}
	r.Watcher = kv.Watch(ctx, w, func(resp registry.WatchResponse) {
		r.mu.Lock()
		r.got = append(r.got, resp)
		r.mu.Unlock()
		select {
		case r.news <- struct{}{}:
		default:
		}
	})
	return r
}

func (r *recorder) responses() []registry.WatchResponse {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// wait returns once done says yes to what was delivered. It asks for progress on the way.
func (r *recorder) wait(t *testing.T, what string, done func([]registry.WatchResponse) bool) []registry.WatchResponse {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for {
		if got := r.responses(); done(got) {
			return got
		}
		r.RequestProgress()
		select {
		case <-r.news:
		case <-time.After(10 * time.Millisecond):
		case <-deadline.C:
			t.Fatalf("the watch %+v did not come to %s; it delivered %v", r.req, what, r.responses())
		}
	}
}

// upTo waits until everything up to rev has been delivered, or the watch has ended, and returns the
// responses without progress.
func (r *recorder) upTo(t *testing.T, rev int64) []registry.WatchResponse {
	t.Helper()
	got := r.wait(t, fmt.Sprintf("revision %d", rev), func(got []registry.WatchResponse) bool {
		if len(got) == 0 {
			return false
		}
		last := got[len(got)-1]
		return last.Err != nil || (len(last.Changes) == 0 && last.Revision >= rev)
	})
	r.seen = len(got)
	told := r.told
	out := make([]registry.WatchResponse, 0, len(got))
	for _, resp := range got {
		if resp.Revision < told && resp.Err == nil {
			t.Fatalf("the revision of the watch fell: %v", r.responses())
		}
		told = max(told, resp.Revision)
		if resp.Err != nil || len(resp.Changes) > 0 {
			out = append(out, resp)
		}
	}
	return out
}

// forget drops what the last upTo looked at.
func (r *recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resp := range r.got[:r.seen] {
		r.told = max(r.told, resp.Revision)
	}
	r.got, r.seen = r.got[r.seen:], 0
}
