package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsched/nsched/units/registry"
	"github.com/nsched/nsched/units/registry/embedded"
)

// write is a transaction that puts one key.
func write(key string) registry.Txn { return registry.Txn{Then: []registry.Op{put(key, "")}} }

// commit is the error of putting a key.
func commit(ctx context.Context, kv registry.KV, key string) error {
	_, err := kv.Txn(ctx, write(key))
	return err
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if class(err) != class(want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// seen waits until a watch has delivered as many changes and returns their keys.
func seen(t *testing.T, w *recorder, n int) []string {
	t.Helper()
	var keys []string
	w.wait(t, fmt.Sprintf("%d changes", n), func(got []registry.WatchResponse) bool {
		keys = nil
		for _, r := range got {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			for _, c := range r.Changes {
				keys = append(keys, c.Key)
			}
		}
		return len(keys) >= n
	})
	return keys
}

func TestEtcdIsNotThere(t *testing.T) {
	t.Run("nothing can be asked and nothing is written, and the errors say both", func(t *testing.T) {
		e := newChild(t).connect(registry.EtcdOptions{})
		wantError(t, commit(t.Context(), e, "a"), registry.ErrUnavailable)
		_, err := e.Range(t.Context(), registry.Range{Key: "a"})
		wantError(t, err, registry.ErrUnavailable)
		_, err = e.Grant(t.Context(), time.Second)
		wantError(t, err, registry.ErrUnavailable)
		_, err = e.KeepAlive(t.Context(), 1)
		wantError(t, err, registry.ErrUnavailable)
		_, err = e.TimeToLive(t.Context(), 1)
		wantError(t, err, registry.ErrUnavailable)
		wantError(t, e.Revoke(t.Context(), 1), registry.ErrUnavailable)
	})
	t.Run("with a password it is the same", func(t *testing.T) {
		e := newChild(t).connect(registry.EtcdOptions{
			Username: "u", Password: "p", RequestTimeout: 200 * time.Millisecond, DialTimeout: 200 * time.Millisecond,
		})
		wantError(t, commit(t.Context(), e, "a"), registry.ErrUnavailable)
		_, err := e.KeepAlive(t.Context(), 1)
		wantError(t, err, registry.ErrUnavailable)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err = commit(ctx, e, "a")
		wantError(t, err, registry.ErrUnavailable)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v does not say that the context ended", err)
		}
	})
	t.Run("a watch is silent and begins when etcd comes", func(t *testing.T) {
		c := newChild(t)
		e := c.connect(registry.EtcdOptions{})
		w := record(t.Context(), e, registry.Watch{Key: "a", End: "z", Revision: 1})
		w.RequestProgress()
		_, _ = e.Range(t.Context(), registry.Range{Key: "a"})
		if got := w.responses(); len(got) > 0 {
			t.Errorf("it delivered %v", got)
		}
		c.start()
		until(t, "write once etcd is there", func() error { return commit(t.Context(), e, "a") })
		if got := seen(t, w, 1); got[0] != "a" {
			t.Errorf("got %v", got)
		}
		w.Close()
	})
	t.Run("a watch can be closed, by its context, by itself, and by closing the connection", func(t *testing.T) {
		e := newChild(t).connect(registry.EtcdOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		byContext := record(ctx, e, registry.Watch{Key: "a"})
		cancel()
		byContext.Close()
		record(t.Context(), e, registry.Watch{Key: "a"}).Close()
		left := record(t.Context(), e, registry.Watch{Key: "a"})
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		got := left.responses()
		if len(got) != 1 || !errors.Is(got[0].Err, registry.ErrClosed) {
			t.Errorf("got %v", got)
		}
		wantError(t, commit(t.Context(), e, "a"), registry.ErrUnavailable)
		noGoroutines(t)
	})
}

func TestEtcdIsKilledAndComesBack(t *testing.T) {
	t.Parallel()
	c := newChild(t)
	c.start()
	e := c.connect(registry.EtcdOptions{})
	lease, err := e.Grant(t.Context(), 60*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	w := record(t.Context(), e, registry.Watch{Key: "k", End: "l", Revision: 1})
	defer w.Close()
	want := []string{}
	for round := range 3 {
		for i := range 5 {
			key := fmt.Sprintf("k/%d/%d", round, i)
			until(t, "write "+key, func() error { return commit(t.Context(), e, key) })
			want = append(want, key)
		}
		if round != 1 { // in the second round the watch may not have seen what was written
			seen(t, w, len(want))
		}
		c.kill()
		// The connection may not have noticed yet.
		if err := commit(t.Context(), e, "x"); !errors.Is(err, registry.ErrUnavailable) && !errors.Is(err, registry.ErrUnknownOutcome) {
			t.Errorf("got %v", err)
		}
		c.start()
		until(t, "renew the lease", func() error {
			_, err := e.KeepAlive(t.Context(), lease.ID)
			return err
		})
	}
	until(t, "write at the end", func() error { return commit(t.Context(), e, "k/end") })
	want = append(want, "k/end")
	if diff := diffOf(want, seen(t, w, len(want))); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestEtcdHangs(t *testing.T) {
	c := newChild(t)
	c.start()
	e := c.connect(registry.EtcdOptions{RequestTimeout: 300 * time.Millisecond})
	until(t, "write", func() error { return commit(t.Context(), e, "a") })
	lease, err := e.Grant(t.Context(), 60*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.KeepAlive(t.Context(), lease.ID); err != nil {
		t.Fatal(err)
	}
	w := record(t.Context(), e, registry.Watch{Key: "a", End: "z", Revision: 1})
	seen(t, w, 1)
	w.upTo(t, 2)
	c.signal(syscall.SIGSTOP)
	before := len(w.responses())

	wantError(t, commit(t.Context(), e, "b"), registry.ErrUnknownOutcome)
	wantError(t, e.Revoke(t.Context(), 5), registry.ErrUnknownOutcome)
	_, err = e.Grant(t.Context(), time.Second)
	wantError(t, err, registry.ErrUnknownOutcome)
	_, err = e.Range(t.Context(), registry.Range{Key: "a"})
	wantError(t, err, registry.ErrUnavailable)
	_, err = e.Txn(t.Context(), registry.Txn{Then: []registry.Op{get("a", "")}})
	wantError(t, err, registry.ErrUnavailable)
	_, err = e.TimeToLive(t.Context(), lease.ID)
	wantError(t, err, registry.ErrUnavailable)
	_, err = e.KeepAlive(t.Context(), lease.ID)
	wantError(t, err, registry.ErrUnavailable)
	for range 1000 {
		w.RequestProgress()
	}
	if got := w.responses(); len(got) != before {
		t.Errorf("the watch delivered %v while etcd hung", got[before:])
	}
	other := record(t.Context(), e, registry.Watch{Key: "a"})
	other.RequestProgress()
	other.Close()

	c.signal(syscall.SIGCONT)
	until(t, "write again", func() error { return commit(t.Context(), e, "c") })
	until(t, "renew again", func() error {
		_, err := e.KeepAlive(t.Context(), lease.ID)
		return err
	})
	res, err := e.Range(t.Context(), registry.Range{Key: "a", End: "z"})
	if err != nil {
		t.Fatal(err)
	}
	w.upTo(t, res.Revision)
	w.Close()
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	noGoroutines(t)
}

func TestAnswersGetLost(t *testing.T) {
	t.Parallel()
	s, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir(), Listen: []string{"http://127.0.0.1:0"}, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	direct := connect(t, registry.EtcdOptions{Endpoints: s.Endpoints()})
	exists := func(key string) bool {
		res, err := direct.Range(t.Context(), registry.Range{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		return res.Count > 0
	}
	p := newProxy(t, strings.TrimPrefix(s.Endpoints()[0], "http://"))
	e := connect(t, registry.EtcdOptions{Endpoints: []string{p.url()}, RequestTimeout: 300 * time.Millisecond})
	if err := commit(t.Context(), e, "a"); err != nil {
		t.Fatal(err)
	}

	t.Run("a write whose answer is lost has an unknown outcome, and was applied", func(t *testing.T) {
		p.hold(fromEtcd, true)
		wantError(t, commit(t.Context(), e, "applied"), registry.ErrUnknownOutcome)
		until(t, "see the write", func() error {
			if !exists("applied") {
				return errors.New("it is not there")
			}
			return nil
		})
		p.hold(fromEtcd, false)
	})
	t.Run("a write that is held on its way has an unknown outcome, and may never be applied", func(t *testing.T) {
		until(t, "write", func() error { return commit(t.Context(), e, "b") })
		p.hold(toEtcd, true)
		wantError(t, commit(t.Context(), e, "held"), registry.ErrUnknownOutcome)
		p.cut()
		p.hold(toEtcd, false)
		until(t, "write", func() error { return commit(t.Context(), e, "b") })
		if exists("held") {
			t.Error("it was applied")
		}
	})
	t.Run("a connection that breaks during a write leaves its outcome unknown", func(t *testing.T) {
		patient := connect(t, registry.EtcdOptions{Endpoints: []string{p.url()}, RequestTimeout: time.Minute})
		until(t, "write", func() error { return commit(t.Context(), patient, "c") })
		p.hold(fromEtcd, true)
		over := make(chan error, 1)
		go func() { over <- commit(t.Context(), patient, "broken") }()
		until(t, "see the write", func() error {
			if !exists("broken") {
				return errors.New("it is not there")
			}
			return nil
		})
		p.cut()
		wantError(t, <-over, registry.ErrUnknownOutcome)
		p.hold(fromEtcd, false)
	})
	t.Run("a watch goes on over a broken connection without a gap or a repetition", func(t *testing.T) {
		w := record(t.Context(), e, registry.Watch{Key: "w", End: "x", Revision: 1})
		defer w.Close()
		var want []string
		for i := range 20 {
			key := fmt.Sprintf("w/%02d", i)
			if err := commit(t.Context(), direct, key); err != nil {
				t.Fatal(err)
			}
			want = append(want, key)
			if i%5 == 4 {
				p.cut()
			}
			if i%7 == 6 {
				seen(t, w, len(want))
			}
		}
		if diff := diffOf(want, seen(t, w, len(want))); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
	})
	t.Run("a watch that was away while etcd was compacted learns it", func(t *testing.T) {
		w := record(t.Context(), e, registry.Watch{Key: "y", End: "z", Revision: 1})
		defer w.Close()
		w.upTo(t, 1)
		p.hold(fromEtcd, true)
		p.hold(toEtcd, true)
		p.cut()
		var rev int64
		for range 3 {
			res, err := direct.Txn(t.Context(), write("y"))
			if err != nil {
				t.Fatal(err)
			}
			rev = res.Revision
		}
		if err := s.Compact(t.Context(), rev); err != nil {
			t.Fatal(err)
		}
		p.hold(fromEtcd, false)
		p.hold(toEtcd, false)
		got := w.wait(t, "the end", func(got []registry.WatchResponse) bool { return len(got) > 0 && got[len(got)-1].Err != nil })
		end := got[len(got)-1]
		wantError(t, end.Err, registry.ErrCompacted)
		if end.CompactRevision != rev {
			t.Errorf("compacted at %d, want %d", end.CompactRevision, rev)
		}
	})
	t.Run("a watch that expects more than a restored etcd has is silent", func(t *testing.T) {
		w := record(t.Context(), direct, registry.Watch{Key: "a", End: "z", Revision: 1_000_000})
		defer w.Close()
		for range 20 {
			w.RequestProgress()
			if err := commit(t.Context(), direct, "a"); err != nil {
				t.Fatal(err)
			}
		}
		if got := w.responses(); len(got) > 0 {
			t.Errorf("it delivered %v", got)
		}
	})
}

// noGoroutines waits until none of the registry's is left. It is for tests that run alone.
func noGoroutines(t *testing.T) {
	t.Helper()
	until(t, "see every goroutine end", func() error {
		var all bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&all, 2); err != nil {
			return err
		}
		for _, g := range strings.Split(all.String(), "\n\n") {
			if strings.Contains(g, "nsched/units/registry.(") && !strings.Contains(g, "testing.tRunner") {
				return errors.New(g)
			}
		}
		return nil
	})
}
