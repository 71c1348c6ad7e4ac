package registry_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
	"github.com/nsched/nsched/units/registry/embedded"
)

// writer is the smallest leader: it campaigns, and writes one key for each number below want that the
// view does not hold. It ends when the view holds them all.
type writer struct {
	keys      registry.Keys
	mail      *loop.Mailbox
	store     *registry.Store
	view      *registry.View
	election  *registry.Election
	committer *registry.Committer
	want      int
	doubted   int
	term      int64
	idle      bool // nothing is planned
	resigned  bool
	finished  context.CancelFunc
}

func newWriter(t *testing.T, kv registry.KV, x loop.Executor, mail *loop.Mailbox, name string, want int) *writer {
	w := &writer{keys: defaultKeys(t), mail: mail, want: want}
	w.store = registry.NewStore(w.keys)
	var err error
	w.view, err = registry.NewView(registry.ViewOptions{
		KV: kv, Exec: x, Mail: mail, Sink: w.store, PageSize: 50,
		Prefixes: []string{w.keys.Under(registry.KindOperator), w.keys.Under(registry.KindFence)}, Keys: []string{w.keys.Cluster()},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.election, err = registry.NewElection(registry.ElectionOptions{
		KV: kv, Exec: x, Mail: mail, Keys: w.keys, Self: units.Leader{Name: name},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.committer = registry.NewCommitter(registry.CommitterOptions{KV: kv, Exec: x, InFlight: 4, Done: func(units.Instant, []registry.Result) {}})
	return w
}

func (w *writer) Step(ctx context.Context, now units.Instant) (units.Instant, error) {
	w.mail.Apply(now)
	a, err := w.view.Step(ctx, now)
	if err != nil {
		return a, err
	}
	b, err := w.election.Step(ctx, now)
	if err != nil {
		return b, err
	}
	if term, ok := w.election.Term(now); ok {
		w.committer.Begin(now, term)
		w.term = term.CreateRevision
		w.view.Want(w.committer.Floor())
		w.plan()
	}
	c, err := w.committer.Step(ctx, now)
	return loop.Earliest(loop.Earliest(a, b), c), err
}

// plan writes what is missing, once what was sent before is known.
func (w *writer) plan() {
	if queued, flying := w.committer.Busy(); w.idle || queued+flying > 0 || !w.committer.Ready(w.view.Revision()) {
		return
	}
	held := w.store.Snapshot()
	var groups []registry.Group
	for i := range w.want {
		key := w.keys.Operator(nodeName(i))
		if _, ok := held.Item(key); !ok {
			groups = append(groups, registry.Group{
				Tag: i, If: []registry.Compare{absent(key)}, Then: []registry.Op{put(key, fmt.Sprintf(`{"v":1,"confirmLost":%d}`, w.term))},
			})
		}
	}
	if len(groups) == 0 {
		w.finished()
		return
	}
	if err := w.committer.Commit(w.view.Revision(), groups...); err != nil {
		w.doubted++
	}
}

// TestALeaderWritesThroughTheFenceOnRealEtcdAndHandsOver runs the parts together over etcd itself: the
// first leader writes 300 keys and resigns, the second finds them and writes 300 more.
func TestALeaderWritesThroughTheFenceOnRealEtcdAndHandsOver(t *testing.T) {
	_, etcd := realEtcd(t, t.TempDir())

	var terms []int64
	for round, want := range []int{300, 600} {
		ctx, cancel := context.WithCancel(t.Context())
		mail := loop.NewMailbox()
		pool := loop.NewPool(ctx, mail)
		w := newWriter(t, etcd, pool, mail, fmt.Sprint("s", round), want)
		var once sync.Once
		w.finished = func() { once.Do(w.election.Resign) }
		done := &until{w, func() bool { return w.election.Done() }, cancel}
		if err := loop.Run(ctx, done, mail, loop.Now); err != nil {
			t.Fatal(err)
		}
		w.view.Close()
		pool.Wait()
		terms = append(terms, w.term)
	}
	if terms[1] <= terms[0] {
		t.Fatalf("terms %v", terms)
	}
	keys := defaultKeys(t)
	s, err := registry.ReadSnapshot(t.Context(), etcd, keys, keys.Prefix())
	if err != nil {
		t.Fatal(err)
	}
	by := map[int64]int{}
	for _, o := range registry.All[operator](s, keys.Under(registry.KindOperator)) {
		by[o.ConfirmLost]++
	}
	if by[terms[0]] != 300 || by[terms[1]] != 300 || s.Len() != 600 {
		t.Fatalf("%d keys, by term %v", s.Len(), by)
	}
}

// until ends a shell when it is done.
type until struct {
	loop.Stepper
	done func() bool
	end  context.CancelFunc
}

func (u *until) Step(ctx context.Context, now units.Instant) (units.Instant, error) {
	next, err := u.Stepper.Step(ctx, now)
	if u.done() {
		u.end()
	}
	return next, err
}

// realEtcd serves a directory by etcd itself until the test ends.
func realEtcd(t *testing.T, dir string) (*embedded.Server, *registry.Etcd) {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Options{
		Dir: dir, Listen: []string{"http://127.0.0.1:0"}, NoSync: true, CompactAfter: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	etcd, err := registry.NewEtcd(registry.EtcdOptions{Endpoints: server.Endpoints()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = etcd.Close() })
	return server, etcd
}
