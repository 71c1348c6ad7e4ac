package registry_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nsched/nsched/units/loop/looptest"
	"github.com/nsched/nsched/units/registry"
)

// world is the twin, what was true at each revision, and watches that can be spoiled.
type world struct {
	*registry.Memory
	t       testing.TB
	history map[int64]map[string]int64 // revision -> key -> mod revision
	due     []func()                   // deliveries of watches that are held
	held    bool
	watches []*spoiled
	asked   int // how far they are
}

type spoiled struct {
	registry.Watcher
	w       *world
	deaf    bool // what it delivers is thrown away
	closed  bool
	deliver func(registry.WatchResponse)
}

func (s *spoiled) Close() { s.closed = true; s.Watcher.Close() }

func (s *spoiled) RequestProgress() { s.w.asked++; s.Watcher.RequestProgress() }

func newWorld(t testing.TB) *world {
	w := &world{t: t, history: map[int64]map[string]int64{}}
	w.Memory = registry.NewMemory(registry.MemoryOptions{Deliver: func(run func()) {
		if w.held {
			w.due = append(w.due, run)
			return
		}
		run()
	}})
	return w
}

// flush runs the deliveries that are due.
func (w *world) flush() {
	for len(w.due) > 0 {
		run := w.due[0]
		w.due = w.due[1:]
		run()
	}
}

func (w *world) Watch(ctx context.Context, r registry.Watch, deliver func(registry.WatchResponse)) registry.Watcher {
	s := &spoiled{w: w, deliver: deliver}
	w.watches = append(w.watches, s)
	var first registry.WatchResponse
	s.Watcher = w.Memory.Watch(ctx, r, func(r registry.WatchResponse) {
		if s.deaf {
			return
		}
		if len(r.Changes) > 0 {
			// As etcd does, which tells its own revision and not how far the changes go.
			r.Revision = w.Revision()
			if len(first.Changes) > 0 {
				deliver(first) // what was seen already does no harm
			} else {
				first = r
			}
		}
		deliver(r)
	})
	return s
}

// hush makes the watches that are open silent.
func (w *world) hush() {
	for _, s := range w.watches {
		s.deaf = true
	}
}

// cancel ends the open watches with an error.
func (w *world) cancel(err error) {
	for _, s := range slices.Clone(w.watches) {
		if !s.closed && !s.deaf {
			s.deaf = true
			s.deliver(registry.WatchResponse{Err: err})
		}
	}
}

// note remembers what is true now.
func (w *world) note() {
	res, err := w.Range(context.Background(), registry.Range{Key: "\x00", End: "\x00"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.history[res.Revision] = mods(res.KVs)
}

func mods(kvs []registry.KeyValue) map[string]int64 {
	m := map[string]int64{}
	for _, kv := range kvs {
		m[kv.Key] = kv.ModRevision
	}
	return m
}

func (w *world) put(key, value string) {
	w.do(registry.Op{Kind: registry.OpPut, Key: key, Value: []byte(value)})
}

func (w *world) del(key string) { w.do(registry.Op{Kind: registry.OpDelete, Key: key}) }

func (w *world) do(ops ...registry.Op) {
	if _, err := w.Txn(context.Background(), registry.Txn{Then: ops}); err != nil {
		w.t.Fatal(err)
	}
	w.note()
}

// checker is a sink that asserts the one law of a view: after every batch, what it holds is what was true
// at the batch's revision.
type checker struct {
	t        interface{ Fatalf(string, ...any) }
	w        *world
	views    func(key string) bool
	got      map[string]int64
	revision int64
	batches  []registry.Batch
}

func (c *checker) Apply(b registry.Batch) {
	if b.After != c.revision || (b.Revision <= b.After && !b.Relisted) {
		c.t.Fatalf("a batch from %d to %d at %d", b.After, b.Revision, c.revision)
	}
	if b.Revision < b.After && !b.Regressed {
		c.t.Fatalf("went back from %d to %d and said nothing", b.After, b.Revision)
	}
	for i, ch := range b.Changes {
		if !b.Relisted && i > 0 && ch.ModRevision < b.Changes[i-1].ModRevision {
			c.t.Fatalf("a change of revision %d comes before one of %d", b.Changes[i-1].ModRevision, ch.ModRevision)
		}
		if ch.Deleted {
			delete(c.got, ch.Key)
		} else {
			c.got[ch.Key] = ch.ModRevision
		}
	}
	c.revision = b.Revision
	want := map[string]int64{}
	for k, v := range c.w.history[b.Revision] {
		if c.views(k) {
			want[k] = v
		}
	}
	if diff := cmp.Diff(want, c.got); diff != "" {
		c.t.Fatalf("not whole at %d (-want +got):\n%s", b.Revision, diff)
	}
	b.Changes = slices.Clone(b.Changes)
	c.batches = append(c.batches, b)
}

// rig is a view on a bench.
type rig struct {
	*looptest.Bench
	w    *world
	view *registry.View
	sink *checker
}

func newRig(t testing.TB, ft interface{ Fatalf(string, ...any) }, cover string) *rig {
	w := newWorld(t)
	w.note()
	b := looptest.NewBench(t)
	prefixes, keys := []string{"/a/", "/b/", "/c/x/"}, []string{"/d"}
	sink := &checker{t: ft, w: w, got: map[string]int64{}, views: func(k string) bool {
		return k == "/d" || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(k, p) })
	}}
	view, err := registry.NewView(registry.ViewOptions{
		KV: looptest.NewKV(w), Exec: b.Exec, Mail: b.Mail, Sink: sink, Prefixes: prefixes, Keys: keys, Cover: cover,
		PageSize: 3, Rand: rand.New(rand.NewPCG(1, 2)),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Use(&mailed{b.Mail, view})
	return &rig{b, w, view, sink}
}

// TestAViewIsWholeAtOneRevisionWhateverHappens drives a view through random writes, faults and orders of
// events; checker asserts the law after each batch, and at the end the view must catch up.
func TestAViewIsWholeAtOneRevisionWhateverHappens(t *testing.T) {
	for name, cover := range map[string]string{"a watch for each prefix": "", "one watch over all": "/"} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				r := newRig(t, rt, cover)
				defer r.view.Close()
				key := rapid.Custom(func(t *rapid.T) string {
					return rapid.SampledFrom([]string{"/a/", "/b/", "/c/x/", "/c/y/"}).Draw(t, "dir") +
						fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "n"))
				})
				if rapid.Bool().Draw(rt, "settled") {
					r.Settle()
				}
				rt.Repeat(map[string]func(*rapid.T){
					"put":    func(t *rapid.T) { r.w.put(key.Draw(t, "key"), "v") },
					"put /d": func(*rapid.T) { r.w.put("/d", "v") },
					"delete": func(t *rapid.T) { r.w.del(key.Draw(t, "key")) },
					"write across prefixes": func(*rapid.T) {
						r.w.do(
							registry.Op{Kind: registry.OpPut, Key: "/a/1", Value: []byte("x")},
							registry.Op{Kind: registry.OpDelete, Key: "/b/1"},
							registry.Op{Kind: registry.OpPut, Key: "/c/y/1"},
							registry.Op{Kind: registry.OpPut, Key: "/d", Value: []byte("x")},
						)
					},
					"step":         func(*rapid.T) { r.Step() },
					"hold watches": func(*rapid.T) { r.w.held = true },
					"release":      func(*rapid.T) { r.w.held = false; r.w.flush() },
					"deliver one": func(*rapid.T) {
						if len(r.w.due) > 0 {
							run := r.w.due[0]
							r.w.due = r.w.due[1:]
							run()
							r.Step()
						}
					},
					"settle":         func(*rapid.T) { r.Settle() },
					"settle again":   func(*rapid.T) { r.Settle() },
					"hush watches":   func(*rapid.T) { r.w.hush() },
					"cancel watches": func(*rapid.T) { r.w.cancel(registry.ErrRefused) },
					"compact":        func(*rapid.T) { _ = r.w.Compact(r.w.Revision()) },
					"reload":         func(*rapid.T) { r.view.Reload() },
					"want":           func(*rapid.T) { r.view.Want(r.w.Revision()) },
					"run a task": func(t *rapid.T) {
						tasks := r.Exec.Waiting()
						if len(tasks) > 0 {
							fate := rapid.SampledFrom(looptest.Fates()).Draw(t, "fate")
							tasks[rapid.IntRange(0, len(tasks)-1).Draw(t, "task")].Run(fate)
						}
					},
					"wait": func(t *rapid.T) {
						r.Move(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond)
					},
				})
				r.w.held = false
				r.w.flush()
				r.Settle()
				r.Advance(40 * time.Second)
				if got, want := r.view.Revision(), r.w.Revision(); got != want {
					rt.Fatalf("came to %d of %d: %+v", got, want, r.view.State(r.Now))
				}
			})
		})
	}
}

func TestAViewReadsEveryPageAtOneRevision(t *testing.T) {
	r := newRig(t, t, "")
	for i := range 10 {
		r.w.put(fmt.Sprintf("/a/%d", i), "v")
	}
	r.Step()
	for i := 0; r.view.Revision() == 0; i++ {
		task := r.Exec.Find("range", "")
		if task == nil {
			t.Fatal("nothing to run")
		}
		task.Run(looptest.Applied)
		r.w.put(fmt.Sprintf("/a/%d", i%10), "changed while it reads")
		r.w.del(fmt.Sprintf("/a/%d", (i+5)%10))
		r.Step()
	}
	if b := r.sink.batches[0]; b.Revision != 11 || len(b.Changes) != 10 || !b.Relisted {
		t.Fatalf("first batch %+v", b)
	}
	r.Settle()
	r.Advance(time.Second)
	if r.view.Revision() != r.w.Revision() {
		t.Fatalf("at %d of %d", r.view.Revision(), r.w.Revision())
	}
}

func TestASilentWatchIsFoundAndNothingIsMissed(t *testing.T) {
	r := newRig(t, t, "/")
	r.w.put("/a/1", "v")
	r.Settle()
	r.w.hush()
	r.w.put("/a/2", "v")
	r.Advance(14 * time.Second)
	if s := r.view.State(r.Now); s.Relists != 0 || s.Age < 14*time.Second {
		t.Fatalf("%+v", s)
	}
	r.Advance(2 * time.Second)
	if s := r.view.State(r.Now); s.Relists != 1 || s.Revision != r.w.Revision() || s.Age > 5*time.Second {
		t.Fatalf("%+v", s)
	}
	last := r.sink.batches[len(r.sink.batches)-1]
	if !last.Relisted || len(last.Changes) != 1 || last.Changes[0].Key != "/a/2" {
		t.Fatalf("a new read is delivered as the difference, got %+v", last)
	}
}

func TestAQuietWatchIsNotTakenForASilentOne(t *testing.T) {
	r := newRig(t, t, "")
	r.w.put("/a/1", "v")
	r.Settle()
	r.Advance(10 * time.Minute)
	if s := r.view.State(r.Now); s.Relists != 0 || s.Resumes != 0 || s.Age > 6*time.Second || s.Err != nil {
		t.Fatalf("%+v", s)
	}
}

func TestWhenEtcdWasAwayTheWatchIsTakenUpWithoutReadingAnew(t *testing.T) {
	r := newRig(t, t, "/")
	r.w.put("/a/1", "v")
	r.Settle()
	before := r.view.Revision()
	r.w.hush()
	r.w.put("/a/2", "v")
	end := r.Now.Boot + 10*time.Minute
	asked := 0
	for r.Now.Boot < end {
		next := r.Step()
		for _, task := range r.Exec.Waiting() {
			task.Run(looptest.RequestLost)
			asked++
		}
		if r.Mail.Len() == 0 {
			r.Move(max(time.Millisecond, min(next.Boot, end)-r.Now.Boot))
		}
	}
	if s := r.view.State(r.Now); s.Revision != before || s.Age < 9*time.Minute || s.Err == nil {
		t.Fatalf("while away: %+v", s)
	}
	if asked < 100 || asked > 400 {
		t.Fatalf("asked %d times in ten minutes", asked)
	}
	r.Advance(6 * time.Second)
	if s := r.view.State(r.Now); s.Revision != r.w.Revision() || s.Relists != 0 || s.Resumes != 1 || s.Err != nil {
		t.Fatalf("%+v", s)
	}
}

// After a minute without etcd a node used to see what had been asked of it up to five seconds after etcd's
// return, and took what it saw for old for five seconds more.
func TestSoonAfterAnOutageTheStateIsWholeAndKnownToBeCurrent(t *testing.T) {
	r := newRig(t, t, "/")
	r.Settle()
	r.w.hush()
	r.w.put("/a/1", "v")
	for end := r.Now.Boot + time.Minute; r.Now.Boot < end; {
		next := r.Step()
		for _, task := range r.Exec.Waiting() {
			task.Run(looptest.RequestLost)
		}
		if r.Mail.Len() == 0 {
			r.Move(max(time.Millisecond, min(next.Boot, end)-r.Now.Boot))
		}
	}
	const soon = 2500 * time.Millisecond
	r.Advance(soon)
	if s := r.view.State(r.Now); s.Revision != r.w.Revision() || s.Age > soon || s.Relists != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestAnEtcdThatWentBackIsReported(t *testing.T) {
	r := newRig(t, t, "")
	r.w.put("/a/1", "old")
	backup := r.w.Snapshot()
	r.w.put("/a/1", "new")
	r.w.put("/a/2", "v")
	r.w.put("/a/3", "v")
	r.Settle()
	r.w.Restore(backup)
	// The new history writes /a/1 at the very revision that it had in the old one.
	r.w.put("/a/1", "of another history")
	r.Advance(20 * time.Second)
	last := r.sink.batches[len(r.sink.batches)-1]
	var one string
	for _, c := range last.Changes {
		if c.Key == "/a/1" {
			one = string(c.Value)
		}
	}
	if !last.Regressed || !last.Relisted || one != "of another history" {
		t.Fatalf("%+v", last)
	}
	if len(r.sink.got) != 1 || r.view.Revision() != r.w.Revision() {
		t.Fatalf("%v at %d", r.sink.got, r.view.Revision())
	}
}

// One watch had told of a revision that the others had not come to, so nothing of it was applied: that etcd once was there
// shows all the same.
func TestAnEtcdThatWentBackBehindWhatOneWatchHasToldIsReported(t *testing.T) {
	r := newRig(t, t, "")
	r.Settle()
	r.w.watches[1].deaf = true
	r.w.put("/elsewhere", "v")
	backup := r.w.Snapshot()
	r.w.put("/a/1", "v")
	r.Settle()
	if r.view.Revision() >= backup.Revision() {
		t.Fatalf("at %d", r.view.Revision())
	}
	r.w.Restore(backup)
	r.Advance(20 * time.Second)
	if last := r.sink.batches[len(r.sink.batches)-1]; !last.Regressed || r.view.Revision() != r.w.Revision() {
		t.Fatalf("%+v", last)
	}
}

// What is read is compacted away while it is: the read that begins anew is asked for every key too.
func TestAReloadThatIsBegunAnewDeliversEveryKey(t *testing.T) {
	r := newRig(t, t, "")
	for i := range 10 {
		r.w.put(fmt.Sprintf("/a/%d", i), "v")
	}
	r.Settle()
	r.view.Reload()
	r.Step()
	r.Exec.Find("range", "").Run(looptest.Applied)
	r.Step()
	r.w.put("/elsewhere", "v")
	if err := r.w.Compact(r.w.Revision()); err != nil {
		t.Fatal(err)
	}
	r.Settle()
	r.Advance(5 * time.Second)
	if last := r.sink.batches[len(r.sink.batches)-1]; !last.Relisted || len(last.Changes) != 10 || r.view.State(r.Now).Relists != 2 {
		t.Fatalf("%d changes, %+v", len(last.Changes), r.view.State(r.Now))
	}
}

// The new history has come past what was seen, so nothing shows that it is one: a key that is older in it than it was has
// changed all the same.
func TestAKeyThatIsOlderThanItWasHasChanged(t *testing.T) {
	r := newRig(t, t, "/")
	r.w.put("/a/1", "old")
	backup := r.w.Snapshot()
	r.w.put("/a/1", "new")
	r.Settle()
	r.w.hush()
	r.w.Restore(backup)
	for range 3 {
		r.w.put("/elsewhere", "v")
	}
	r.Advance(20 * time.Second)
	if last := r.sink.batches[len(r.sink.batches)-1]; len(last.Changes) != 1 || string(last.Changes[0].Value) != "old" {
		t.Fatalf("%+v", last)
	}
}

// A member that lags behind answers, and so does an etcd that was restored: a watch that is told of revisions which have
// long passed brings nothing, and is given up like one that says nothing.
func TestProgressThatIsBehindIsNoSignOfLife(t *testing.T) {
	r := newRig(t, t, "/")
	r.w.put("/a/1", "v")
	r.Settle()
	r.w.hush()
	r.w.put("/a/2", "v")
	for range 16 {
		for _, s := range r.w.watches {
			s.deliver(registry.WatchResponse{Revision: 1})
		}
		r.Advance(time.Second)
	}
	if s := r.view.State(r.Now); s.Relists != 1 || s.Revision != r.w.Revision() {
		t.Fatalf("%+v", s)
	}
}

// Etcd is restored between two pages of a read, and has no such revision any more.
func TestARestoreUnderAReadIsReported(t *testing.T) {
	r := newRig(t, t, "")
	r.w.put("/a/0", "v")
	backup := r.w.Snapshot()
	for i := range 10 {
		r.w.put(fmt.Sprintf("/a/%d", i), "v")
	}
	r.Settle()
	r.view.Reload()
	r.Step()
	r.Exec.Find("range", "").Run(looptest.Applied)
	r.w.Restore(backup)
	r.Settle()
	r.Advance(5 * time.Second)
	if last := r.sink.batches[len(r.sink.batches)-1]; !last.Regressed || r.view.Revision() != r.w.Revision() {
		t.Fatalf("%+v", last)
	}
}

// That etcd went back is told once: it is as far as it is since, and a watch that breaks goes on from there.
func TestAnEtcdThatWentBackIsMeasuredByWhereItIsSince(t *testing.T) {
	r := newRig(t, t, "/")
	backup := r.w.Snapshot()
	for range 10 {
		r.w.put("/a/1", "v")
	}
	r.Settle()
	r.w.hush()
	r.w.Restore(backup)
	r.Advance(20 * time.Second)
	relists := r.view.State(r.Now).Relists
	r.w.cancel(registry.ErrRefused)
	r.Step()
	r.Advance(5 * time.Second)
	if s := r.view.State(r.Now); relists != 1 || s.Relists != 1 || s.Resumes != 1 {
		t.Fatalf("%d before, %+v", relists, s)
	}
}

func TestAPageOfAnEarlierReadIsNotOneOfTheNext(t *testing.T) {
	r := newRig(t, t, "")
	r.w.put("/a/1", "v")
	r.Settle()
	r.view.Reload()
	r.Step()
	late := r.Exec.Find("range", "")
	late.Perform(looptest.Applied)
	r.w.put("/a/1", "later")
	r.view.Reload()
	r.Step()
	late.Deliver()
	r.Settle()
	r.Advance(time.Second)
	if last := r.sink.batches[len(r.sink.batches)-1]; r.view.Revision() != r.w.Revision() || len(last.Changes) != 1 {
		t.Fatalf("%+v at %d of %d", last, r.view.Revision(), r.w.Revision())
	}
}

// What a watch is told of was so when it asked, not when the answer came.
func TestTheStateIsAsOldAsTheQuestionThatWasAnswered(t *testing.T) {
	r := newRig(t, t, "/")
	r.Settle()
	r.w.held = true
	r.Advance(8 * time.Second) // asked after five, and again since
	r.w.held = false
	r.w.flush()
	r.Step()
	if s := r.view.State(r.Now); s.Age < 2*time.Second || s.Age > 4*time.Second {
		t.Fatalf("%+v", s)
	}
}

// After a restore the revision that was wanted last lay far ahead, and the view asked for it fifty times a
// second until the new history had come as far.
func TestARevisionOfAnotherHistoryIsWantedNoMore(t *testing.T) {
	r := newRig(t, t, "")
	r.Settle()
	backup := r.w.Snapshot()
	for range 100 {
		r.w.put("/elsewhere", "v")
	}
	r.view.Want(r.w.Revision())
	r.Settle()
	r.w.Restore(backup)
	r.Advance(30 * time.Second)
	before := r.w.asked
	r.Advance(time.Minute)
	if asked := r.w.asked - before; asked > 60 {
		t.Errorf("two watches were asked %d times in a minute how far they are, which is more than now and then", asked)
	}
}

func TestAWatchIsNotTakenUpWhereEtcdWentBack(t *testing.T) {
	r := newRig(t, t, "/")
	backup := r.w.Snapshot()
	r.w.put("/a/1", "v")
	r.Settle()
	r.w.Restore(backup)
	r.w.cancel(registry.ErrRefused)
	r.Step()
	r.Advance(time.Second)
	if last := r.sink.batches[len(r.sink.batches)-1]; !last.Regressed {
		t.Fatalf("%+v", last)
	}
}

func TestCompactionUnderAWatchLeadsToANewRead(t *testing.T) {
	r := newRig(t, t, "")
	r.w.put("/a/1", "v")
	r.Settle()
	r.w.cancel(registry.ErrRefused)
	r.Step()
	r.w.put("/a/2", "v")
	r.w.put("/b/2", "v")
	if err := r.w.Compact(r.w.Revision()); err != nil {
		t.Fatal(err)
	}
	r.Advance(5 * time.Second)
	if s := r.view.State(r.Now); s.Revision != r.w.Revision() || s.Relists != 1 {
		t.Fatalf("%+v", s)
	}
}

func TestChangesOnOnePrefixAreSeenAtOnceThoughTheOthersAreQuiet(t *testing.T) {
	r := newRig(t, t, "")
	r.Settle()
	r.Advance(time.Second)
	r.w.put("/b/1", "v")
	at := r.Now
	r.Settle()
	if r.view.Revision() != r.w.Revision() || r.Now != at {
		t.Fatalf("at %d of %d", r.view.Revision(), r.w.Revision())
	}
}

func TestAWantedRevisionIsReachedThoughNothingOfTheViewChanged(t *testing.T) {
	r := newRig(t, t, "")
	r.Settle()
	r.Advance(time.Second)
	r.w.put("/elsewhere", "v")
	r.Settle()
	if r.view.Revision() == r.w.Revision() {
		t.Fatal("needs no asking")
	}
	r.view.Want(r.w.Revision())
	r.Settle()
	if r.view.Revision() != r.w.Revision() {
		t.Fatalf("at %d of %d", r.view.Revision(), r.w.Revision())
	}
}

func TestOverlappingPrefixesAreRefused(t *testing.T) {
	for name, o := range map[string]registry.ViewOptions{
		"one inside another":   {Prefixes: []string{"/a/", "/a/b/"}},
		"the same twice":       {Prefixes: []string{"/a/", "/a/"}},
		"a key inside":         {Prefixes: []string{"/a/"}, Keys: []string{"/a/k"}},
		"outside of its cover": {Prefixes: []string{"/a/"}, Cover: "/b/"},
		"nothing":              {},
		"an empty one":         {Prefixes: []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := registry.NewView(o); err == nil {
				t.Fatal("accepted")
			}
		})
	}
}

func TestSnapshotsKeepTheirRevisionAndBadKeysHarmOnlyThemselves(t *testing.T) {
	w, keys := newWorld(t), defaultKeys(t)
	store := registry.NewStore(keys)
	b := looptest.NewBench(t)
	view, err := registry.NewView(registry.ViewOptions{
		KV: w, Exec: b.Exec, Mail: b.Mail, Sink: store, Prefixes: []string{keys.Prefix()},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Use(&mailed{b.Mail, view})
	w.put(keys.Operator("n1"), `{"v":1,"cordon":true}`)
	w.put(keys.Operator("n2"), `{"v":1}`)
	w.put(keys.Prefix()+"holograms/1", "of a newer version")
	w.put(keys.Prefix()+"nodes/N1", `{"v":1}`)
	b.Settle()
	before := store.Snapshot()
	w.put(keys.Operator("n1"), `{"v":2}`)
	w.put(keys.Operator("n3"), `hello`)
	w.del(keys.Operator("n2"))
	b.Settle()
	after := store.Snapshot()

	if o, ok := registry.Lookup[operator](before, keys.Operator("n2")); !ok || o.Cordon {
		t.Fatalf("the old snapshot changed: %+v %v", o, ok)
	}
	if n := before.Len(); n != 3 || before.Revision() != 5 || after.Revision() != 8 {
		t.Fatalf("%d keys at %d, then %d", n, before.Revision(), after.Revision())
	}
	if o, ok := registry.Lookup[operator](after, keys.Operator("n1")); !ok || !o.Cordon {
		t.Fatalf("the last good value was lost: %+v %v", o, ok)
	}
	bad := map[string]bool{}
	for x := range after.Bad(keys.Prefix()) {
		bad[x.Key] = x.Held
	}
	want := map[string]bool{keys.Operator("n1"): true, keys.Operator("n3"): false, keys.Prefix() + "nodes/N1": false}
	if !maps.Equal(bad, want) {
		t.Fatalf("bad keys %v", bad)
	}
	w.put(keys.Operator("n1"), `{"v":1}`)
	w.del(keys.Operator("n3"))
	w.del(keys.Prefix() + "nodes/N1")
	b.Settle()
	for x := range store.Snapshot().Bad("/") {
		t.Errorf("still bad: %+v", x)
	}
}

func TestReadSnapshotIsOfOneRevisionAndBeginsAnewWhenItIsCompacted(t *testing.T) {
	w, keys := newWorld(t), defaultKeys(t)
	for i := range 2500 {
		op := registry.Op{Kind: registry.OpPut, Key: keys.Operator(nodeName(i)), Value: []byte(`{"v":1}`)}
		if _, err := w.Txn(t.Context(), registry.Txn{Then: []registry.Op{op}}); err != nil {
			t.Fatal(err)
		}
	}
	meddler := &compacting{world: w, times: 2}
	s, err := registry.ReadSnapshot(t.Context(), meddler, keys, keys.Under(registry.KindNode), keys.Under(registry.KindOperator))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range registry.All[operator](s, keys.Under(registry.KindOperator)) {
		n++
	}
	if n != 2500 || s.Revision() != w.Revision() {
		t.Fatalf("%d keys at %d of %d", n, s.Revision(), w.Revision())
	}
	if _, err := registry.ReadSnapshot(t.Context(), &compacting{world: w, times: 99}, keys, keys.Prefix()); err == nil {
		t.Fatal("read what was always compacted")
	}
}
