package registry_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
	"github.com/nsched/nsched/units/registry/embedded"
)

// fullFor is longer than a leader's lease lasts, so that it shows when the lease is not renewed.
const fullFor = 7 * time.Second

// TestALeaderOutlivesAFullEtcd runs the parts of a leader over a real etcd that has no room for a while: it
// leads on, what it commits is refused and comes back to it, and when there is room it goes on in its term.
func TestALeaderOutlivesAFullEtcd(t *testing.T) {
	t.Parallel()
	server, etcd := realEtcd(t, t.TempDir())

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	mail := loop.NewMailbox()
	pool := loop.NewPool(ctx, mail)
	full := &fullPhase{t: t, server: server}
	w := newWriter(t, etcd, pool, mail, "s", 20)
	w.committer = registry.NewCommitter(registry.CommitterOptions{KV: etcd, Exec: pool, InFlight: 4, Done: full.done})
	w.finished = func() { full.turn(w) }
	full.writer = w
	done := &until{full, func() bool { return w.election.Done() }, cancel}
	if err := loop.Run(ctx, done, mail, loop.Now); err != nil {
		t.Fatal(err)
	}
	w.view.Close()
	pool.Wait()
	if full.refused == 0 || full.term == 0 || w.term != full.term {
		t.Errorf("%d groups were refused; term %d, then %d", full.refused, full.term, w.term)
	}
	s, err := registry.ReadSnapshot(t.Context(), etcd, w.keys, w.keys.Prefix())
	if err != nil || s.Len() != 40 {
		t.Errorf("%d keys, %v", s.Len(), err)
	}
}

// fullPhase is a writer that finds etcd full between its first 20 keys and the next 20.
type fullPhase struct {
	*writer
	t       *testing.T
	server  *embedded.Server
	term    int64 // in which it became full
	until   time.Duration
	refused int
	pause   time.Duration // after a refusal; a scheduler waits too
}

func (f *fullPhase) Step(ctx context.Context, now units.Instant) (units.Instant, error) {
	if f.until != 0 && now.Reached(f.until) {
		f.until = 0
		f.room(false)
	}
	f.idle = !now.Reached(f.pause)
	next, err := f.writer.Step(ctx, now)
	if term, leads := f.election.Term(now); f.term != 0 && !f.resigned && (!leads || term.CreateRevision != f.term) {
		f.t.Errorf("it led in term %d and leads in %d: %v", f.term, term.CreateRevision, leads)
		f.election.Resign()
		f.resigned = true
	}
	return loop.Earliest(next, now.Add(100*time.Millisecond)), err
}

// turn fills etcd when the first keys are there, and ends when the rest are.
func (f *fullPhase) turn(w *writer) {
	if f.term != 0 {
		f.resigned = true
		w.election.Resign()
		return
	}
	f.term, w.want = w.term, 40
	f.room(true)
	f.until = loop.Now().Boot + fullFor
}

func (f *fullPhase) room(none bool) {
	if err := f.server.SetNoSpace(f.t.Context(), none); err != nil {
		f.t.Error(err)
	}
}

func (f *fullPhase) done(now units.Instant, results []registry.Result) {
	for _, r := range results {
		if r.Outcome == registry.Rejected && errors.Is(r.Err, registry.ErrNoSpace) {
			f.refused++
			f.pause = now.Boot + 200*time.Millisecond
		}
	}
}
