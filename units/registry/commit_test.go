package registry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop/looptest"
	"github.com/nsched/nsched/units/registry"
)

// desk is a committer in a term of its own over a twin.
type desk struct {
	*looptest.Bench
	t       testing.TB
	twin    *registry.Memory
	c       *registry.Committer
	term    registry.Term
	results map[any]registry.Result
	sizes   []int // operations of each transaction that was sent
}

// tap sees each transaction on its way to the twin.
type tap struct {
	registry.KV
	txn func(context.Context, registry.Txn) (registry.TxnResult, error)
}

func (t tap) Txn(ctx context.Context, txn registry.Txn) (registry.TxnResult, error) {
	return t.txn(ctx, txn)
}

func newDesk(t testing.TB, o registry.CommitterOptions, plant func(registry.KV) registry.KV) *desk {
	d := &desk{t: t, Bench: looptest.NewBench(t), twin: registry.NewMemory(registry.MemoryOptions{}), results: map[any]registry.Result{}}
	var kv registry.KV = d.twin
	if plant != nil {
		kv = plant(kv)
	}
	o.KV = looptest.NewKV(tap{kv, func(ctx context.Context, txn registry.Txn) (registry.TxnResult, error) {
		d.sizes = append(d.sizes, max(len(txn.Then), len(txn.If), len(txn.Else)))
		return kv.Txn(ctx, txn)
	}})
	o.Exec = d.Exec
	o.Done = func(_ units.Instant, results []registry.Result) {
		for _, r := range results {
			if _, twice := d.results[r.Tag]; twice {
				t.Fatalf("two results for %v", r.Tag)
			}
			d.results[r.Tag] = r
		}
	}
	d.c = registry.NewCommitter(o)
	d.Use(&mailed{d.Mail, d.c})
	d.term = d.newTerm()
	d.c.Begin(d.Now, d.term)
	return d
}

// newTerm makes a leader's key.
func (d *desk) newTerm() registry.Term {
	lease, err := d.twin.Grant(context.Background(), time.Minute)
	if err != nil {
		d.t.Fatal(err)
	}
	key := fmt.Sprintf("/nsched/leader/%x", int64(lease.ID))
	rev := d.write(registry.Op{Kind: registry.OpPut, Key: key, Value: []byte("me"), Lease: lease.ID})
	return registry.Term{Key: key, CreateRevision: rev, ModRevision: rev, Lease: lease.ID, Since: rev, Value: []byte("me")}
}

func (d *desk) write(ops ...registry.Op) int64 {
	res, err := d.twin.Txn(context.Background(), registry.Txn{Then: ops})
	if err != nil {
		d.t.Fatal(err)
	}
	return res.Revision
}

func (d *desk) read(key string) registry.KeyValue {
	res, err := d.twin.Range(context.Background(), registry.Range{Key: key})
	if err != nil {
		d.t.Fatal(err)
	}
	if len(res.KVs) == 0 {
		return registry.KeyValue{}
	}
	return res.KVs[0]
}

func (d *desk) commit(groups ...registry.Group) {
	d.t.Helper()
	if err := d.c.Commit(d.twin.Revision(), groups...); err != nil {
		d.t.Fatal(err)
	}
}

func put(key, value string) registry.Op {
	return registry.Op{Kind: registry.OpPut, Key: key, Value: []byte(value)}
}

func absent(key string) registry.Compare {
	return registry.Compare{Key: key, Target: registry.CreateRevision}
}

// lateWrites drives one leader through every interleaving of two writes and up to two proclaims, each
// applied, lost either way or late, with what is late landing at every point. As soon as the committer
// is ready for a plan on the newest state, that state must be final but for what it writes from then on.
// It returns how many paths there were, and the first that broke the law.
func lateWrites(t *testing.T, plant func(registry.KV) registry.KV) (paths int, broken string) {
	paths = looptest.Explore(func(c *looptest.Choices) bool {
		d := newDesk(t, registry.CommitterOptions{InFlight: 2, MaxOps: 2}, plant)
		d.commit(
			registry.Group{Tag: "x", Then: []registry.Op{put("x", "old"), put("x2", "old")}},
			registry.Group{Tag: "y", Then: []registry.Op{put("y", "old"), put("y2", "old")}},
		)
		var late []*looptest.Task
		land := func() {
			if i := c.Pick(len(late) + 1); i > 0 {
				late[i-1].Land()
				late = append(late[:i-1:i-1], late[i:]...)
			}
		}
		faults := 4
		for d.Step(); len(d.Exec.Waiting()) > 0; d.Step() {
			tasks := d.Exec.Waiting()
			task, fate := tasks[c.Pick(len(tasks))], looptest.Applied
			if faults > 0 {
				fate = looptest.Fates()[c.Pick(4)]
				faults--
			}
			task.Run(fate)
			if fate == looptest.Late {
				late = append(late, task)
			}
			land()
			d.Step()
			d.Move(time.Second) // whatever backs off may go on
		}
		view := d.twin.Revision()
		if !d.c.Ready(view) {
			t.Fatalf("path %v: not ready: fenced %v", c.Path(), d.c.Fenced())
		}
		before := d.read("x").ModRevision + d.read("y").ModRevision
		for _, key := range []string{"x", "y"} {
			switch r := d.results[key]; {
			case r.Outcome == registry.Committed && d.read(key).ModRevision != r.Revision,
				r.Outcome == registry.NotWritten && d.read(key).ModRevision != 0:
				broken = fmt.Sprintf("path %v: %s is reported as %s", c.Path(), key, r.Outcome)
			}
		}
		land()
		d.commit(registry.Group{Tag: "z", Then: []registry.Op{put("z", "new")}})
		d.Step()
		land()
		d.Settle()
		for _, task := range late {
			task.Land()
		}
		if r := d.results["z"]; r.Outcome != registry.Committed || string(d.read("z").Value) != "new" {
			broken = fmt.Sprintf("path %v: the next write was %s", c.Path(), r.Outcome)
		}
		if after := d.read("x").ModRevision + d.read("y").ModRevision; after != before {
			broken = fmt.Sprintf("path %v: a late write was accepted after the state was read again", c.Path())
		}
		return broken == ""
	})
	return paths, broken
}

func TestALateWriteIsNeverAcceptedOnceTheTermIsProclaimedAnew(t *testing.T) {
	paths, broken := lateWrites(t, nil)
	if broken != "" {
		t.Fatal(broken)
	}
	t.Logf("%d interleavings", paths)
	if paths < 1000 {
		t.Fatalf("only %d interleavings", paths)
	}
}

// The law has teeth: each way to weaken the fence breaks it.
func TestAWeakerFenceIsCaught(t *testing.T) {
	plants := map[string]func(kv registry.KV, txn registry.Txn, proclaim bool) (registry.Txn, bool){
		"comparing the create revision of the leader's key": func(_ registry.KV, txn registry.Txn, _ bool) (registry.Txn, bool) {
			for i, cmp := range txn.If {
				if strings.HasPrefix(cmp.Key, "/nsched/leader/") && cmp.Target == registry.ModRevision {
					txn.If[i] = registry.Compare{Key: cmp.Key, Target: registry.CreateRevision, Relation: registry.Greater}
				}
			}
			return txn, true
		},
		"comparing nothing": func(_ registry.KV, txn registry.Txn, proclaim bool) (registry.Txn, bool) {
			if !proclaim {
				txn.If = nil
			}
			return txn, true
		},
		"skipping the proclaim": func(_ registry.KV, txn registry.Txn, proclaim bool) (registry.Txn, bool) {
			return txn, !proclaim
		},
	}
	for name, plant := range plants {
		t.Run(name, func(t *testing.T) {
			_, broken := lateWrites(t, func(kv registry.KV) registry.KV {
				return tap{kv, func(ctx context.Context, txn registry.Txn) (registry.TxnResult, error) {
					proclaim := strings.HasPrefix(txn.Then[0].Key, "/nsched/leader/")
					txn, do := plant(kv, txn, proclaim)
					if !do {
						kv, err := kv.Range(ctx, registry.Range{Key: txn.Then[0].Key})
						if err != nil {
							return registry.TxnResult{}, err
						}
						return registry.TxnResult{Succeeded: true, Revision: kv.KVs[0].ModRevision}, nil
					}
					return kv.Txn(ctx, txn)
				}}
			})
			if broken == "" {
				t.Fatal("not caught")
			}
			t.Log(broken)
		})
	}
}

func TestOneConflictDoesNotFailItsNeighbours(t *testing.T) {
	d := newDesk(t, registry.CommitterOptions{}, nil)
	d.write(put("/k7", "taken"), put("/k9", "taken"))
	for i := range 20 {
		key := fmt.Sprintf("/k%d", i)
		d.commit(registry.Group{Tag: i, If: []registry.Compare{absent(key)}, Then: []registry.Op{put(key, "mine")}})
	}
	d.Settle()
	for i := range 20 {
		r, key := d.results[i], fmt.Sprintf("/k%d", i)
		if i == 7 || i == 9 {
			if r.Outcome != registry.Conflict || r.Failed == nil || r.Failed.Key != key || string(d.read(key).Value) != "taken" {
				t.Errorf("%d: %+v", i, r)
			}
		} else if r.Outcome != registry.Committed || d.read(key).ModRevision != r.Revision {
			t.Errorf("%d: %+v", i, r)
		}
	}
	if len(d.sizes) != 2 {
		t.Errorf("took %d transactions", len(d.sizes))
	}
}

func TestWhatAnothersConflictHeldUpIsWrittenBeforeWhatCameBehindIt(t *testing.T) {
	d := newDesk(t, registry.CommitterOptions{}, nil)
	d.write(put("/taken", "1"))
	d.commit(
		registry.Group{Tag: 1, If: []registry.Compare{absent("/taken")}, Then: []registry.Op{put("/a", "1")}},
		registry.Group{Tag: 2, Then: []registry.Op{put("/k", "former")}},
		registry.Group{Tag: 3, Then: []registry.Op{put("/k", "latter")}},
	)
	d.Settle()
	if got := string(d.read("/k").Value); got != "latter" || d.results[2].Outcome != registry.Committed {
		t.Errorf("the %s was written last, %+v", got, d.results[2])
	}
}

// Groups that share a transaction share what they compare alike, and nothing else: one whose comparison fails is not
// written because another's, of the same key, holds.
func TestAComparisonThatIsAlmostAnothersIsMadeToo(t *testing.T) {
	d := newDesk(t, registry.CommitterOptions{}, nil)
	rev := d.write(put("/k", "v"))
	for name, two := range map[string][2]registry.Compare{
		"number":   {{Target: registry.ModRevision, Number: rev}, {Target: registry.ModRevision, Number: rev + 1}},
		"relation": {{Target: registry.ModRevision, Number: rev}, {Target: registry.ModRevision, Relation: registry.NotEqual, Number: rev}},
		"target":   {{Target: registry.ModRevision, Number: rev}, {Target: registry.Version, Number: rev}},
		"bytes":    {{Target: registry.Value, Bytes: []byte("v")}, {Target: registry.Value, Bytes: []byte("w")}},
	} {
		two[0].Key, two[1].Key = "/k", "/k"
		d.commit(
			registry.Group{Tag: name + " that holds", If: two[:1], Then: []registry.Op{put("/holds/"+name, "1")}},
			registry.Group{Tag: name, If: two[1:], Then: []registry.Op{put("/fails/"+name, "1")}},
		)
		d.Settle()
		if r := d.results[name+" that holds"]; r.Outcome != registry.Committed {
			t.Errorf("%s: %+v", name, r)
		}
		if r := d.results[name]; r.Outcome != registry.Conflict || d.read("/fails/"+name).ModRevision != 0 {
			t.Errorf("another %s: %+v", name, r)
		}
	}
}

func TestANewLeaderFencesTheOldOne(t *testing.T) {
	d := newDesk(t, registry.CommitterOptions{}, nil)
	d.commit(registry.Group{Tag: 1, Then: []registry.Op{put("/a", "1")}})
	d.Step()
	d.commit(registry.Group{Tag: 2, If: []registry.Compare{absent("/b")}, Then: []registry.Op{put("/b", "1")}})
	if err := d.twin.Revoke(t.Context(), d.term.Lease); err != nil {
		t.Fatal(err)
	}
	d.Exec.RunAll()
	d.Settle()
	for tag := 1; tag <= 2; tag++ {
		if r := d.results[tag]; r.Outcome != registry.Fenced {
			t.Errorf("%d: %+v", tag, r)
		}
	}
	d.c.End(d.Now)
	d.c.Begin(d.Now, d.term)
	if !d.c.Fenced() || d.read("/a").ModRevision != 0 || d.read("/b").ModRevision != 0 {
		t.Fatal("a fenced leader wrote")
	}
	if err := d.c.Commit(1<<60, registry.Group{Tag: 3, Then: []registry.Op{put("/a", "2")}}); !errors.Is(err, registry.ErrNoTerm) {
		t.Fatalf("a fenced committer accepted: %v", err)
	}
	d.c.Begin(d.Now, d.newTerm())
	d.commit(registry.Group{Tag: 3, Then: []registry.Op{put("/a", "2")}})
	d.Settle()
	if r := d.results[3]; r.Outcome != registry.Committed {
		t.Fatalf("%+v", r)
	}
}

func TestTheEndOfAnEarlierTermIsNotThatOfTheNext(t *testing.T) {
	d := newDesk(t, registry.CommitterOptions{}, nil)
	d.commit(registry.Group{Tag: 1, Then: []registry.Op{put("/a", "1")}})
	d.Step()
	if err := d.twin.Revoke(t.Context(), d.term.Lease); err != nil {
		t.Fatal(err)
	}
	late := d.Exec.Find("txn", "")
	late.Perform(looptest.Applied)
	d.c.Begin(d.Now, d.newTerm())
	late.Deliver()
	d.Step()
	if r := d.results[1]; r.Outcome != registry.Fenced || d.c.Fenced() || !d.c.Ready(d.twin.Revision()) {
		t.Fatalf("%+v, fenced %v", r, d.c.Fenced())
	}
}

// An etcd that was restored brought back the key of an earlier leader beside that of a later one, as both were.
// The later one's watch had fallen silent: it wrote on, and so might the other have.
func TestALeaderWritesNothingWhileAnEarlierOnesKeyIsBack(t *testing.T) {
	d := newDesk(t, registry.CommitterOptions{}, nil)
	earlier := d.term
	later := d.newTerm()
	snapshot := d.twin.Snapshot()
	if err := d.twin.Revoke(t.Context(), earlier.Lease); err != nil {
		t.Fatal(err)
	}
	d.c.Begin(d.Now, later)
	d.commit(registry.Group{Tag: 1, Then: []registry.Op{put("/a", "1")}})
	d.Settle()
	if r := d.results[1]; r.Outcome != registry.Committed {
		t.Fatalf("%+v", r)
	}
	d.twin.Restore(snapshot)
	if err := d.c.Commit(1<<60, registry.Group{Tag: 2, Then: []registry.Op{put("/a", "2")}}); err != nil {
		t.Fatal(err)
	}
	d.Settle()
	d.Advance(10 * time.Second)
	if r := d.results[2]; r.Outcome != registry.NotWritten || d.read("/a").ModRevision != 0 || d.c.Fenced() || d.c.Ready(1<<60) {
		t.Fatalf("%+v, fenced: %v", r, d.c.Fenced())
	}
	if d.read(earlier.Key).ModRevision == 0 {
		t.Fatal("it took the other's key away")
	}
	if err := d.twin.Revoke(t.Context(), earlier.Lease); err != nil {
		t.Fatal(err)
	}
	d.Advance(10 * time.Second)
	d.commit(registry.Group{Tag: 3, Then: []registry.Op{put("/a", "3")}})
	d.Settle()
	if r := d.results[3]; r.Outcome != registry.Committed {
		t.Fatalf("%+v", r)
	}
}

// No candidate holds them, so they never go by themselves.
func TestKeysThatAHandPutBesideTheLeadersAreTakenAway(t *testing.T) {
	d := newDesk(t, registry.CommitterOptions{}, nil)
	other, err := d.twin.Grant(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	junk := []string{"/nsched/leader/", "/nsched/leader/1", "/nsched/leader/no-lease", "/nsched/leader/ab/c"}
	for _, key := range junk {
		d.write(registry.Op{Kind: registry.OpPut, Key: key, Lease: other.ID})
	}
	if err := d.twin.Revoke(t.Context(), d.term.Lease); err != nil {
		t.Fatal(err)
	}
	d.c.Begin(d.Now, d.newTerm())
	d.commit(registry.Group{Tag: 1, Then: []registry.Op{put("/a", "1")}})
	d.Settle()
	d.Advance(10 * time.Second)
	d.commit(registry.Group{Tag: 2, Then: []registry.Op{put("/a", "2")}})
	d.Settle()
	if one, two := d.results[1], d.results[2]; one.Outcome != registry.NotWritten || two.Outcome != registry.Committed {
		t.Fatalf("%+v %+v", one, two)
	}
	for _, key := range junk {
		if d.read(key).ModRevision != 0 {
			t.Errorf("%s is still there", key)
		}
	}
}

// What is to be taken away is what was read, and by the leader alone: a candidate may have the key by then, and the
// leader another term.
func TestAKeyBesideTheLeadersThatHasChangedIsNotTakenAway(t *testing.T) {
	for name, meanwhile := range map[string]func(d *desk, key registry.Op, term registry.Term){
		"a candidate has the key": func(d *desk, key registry.Op, _ registry.Term) {
			d.write(registry.Op{Kind: registry.OpDelete, Key: key.Key})
			d.write(key)
		},
		"the term is over": func(d *desk, _ registry.Op, term registry.Term) {
			if err := d.twin.Revoke(d.t.Context(), term.Lease); err != nil {
				d.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, registry.CommitterOptions{}, nil)
			lease, err := d.twin.Grant(t.Context(), time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			key := registry.Op{Kind: registry.OpPut, Key: fmt.Sprintf("/nsched/leader/%x", int64(lease.ID)), Lease: lease.ID}
			d.write(registry.Op{Kind: registry.OpPut, Key: key.Key})
			if err := d.twin.Revoke(t.Context(), d.term.Lease); err != nil {
				t.Fatal(err)
			}
			term := d.newTerm()
			d.c.Begin(d.Now, term)
			d.commit(registry.Group{Tag: 1, Then: []registry.Op{put("/a", "1")}})
			var clearing *looptest.Task
			for range 20 {
				d.Step()
				if clearing = d.Exec.Find("clear", ""); clearing != nil {
					break
				}
				d.Exec.RunAll()
			}
			if clearing == nil {
				t.Fatal("nothing is taken away")
			}
			meanwhile(d, key, term)
			clearing.Run(looptest.Applied)
			if d.read(key.Key).ModRevision == 0 {
				t.Error("it was taken away")
			}
		})
	}
}

// It was planned on state that does not hold what the write in doubt may have made of it, or what another leader wrote.
func TestWhatIsQueuedWhenTheTermComesIntoDoubtIsNotWritten(t *testing.T) {
	for name, comes := range map[string]func(d *desk, sent *looptest.Task){
		"an outcome is unknown": func(_ *desk, sent *looptest.Task) { sent.Run(looptest.ReplyLost) },
		"the term is given up": func(d *desk, sent *looptest.Task) {
			sent.Run(looptest.Applied)
			d.c.End(d.Now)
			d.c.Begin(d.Now, d.term)
		},
		"another begins": func(d *desk, sent *looptest.Task) {
			sent.Run(looptest.Applied)
			if err := d.twin.Revoke(d.t.Context(), d.term.Lease); err != nil {
				d.t.Fatal(err)
			}
			d.c.Begin(d.Now, d.newTerm())
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, registry.CommitterOptions{InFlight: 1, MaxOps: 3}, nil)
			d.commit(
				registry.Group{Tag: "sent", Then: []registry.Op{put("/a", "1"), put("/b", "1"), put("/c", "1")}},
				registry.Group{Tag: "queued", Then: []registry.Op{put("/d", "1"), put("/e", "1"), put("/f", "1")}},
			)
			d.Step()
			comes(d, d.Exec.Find("txn", ""))
			d.Settle()
			d.Advance(5 * time.Second)
			if r := d.results["queued"]; r.Outcome != registry.NotWritten || d.read("/d").ModRevision != 0 {
				t.Errorf("%+v", r)
			}
			if !d.c.Ready(d.twin.Revision()) {
				t.Error("not ready")
			}
		})
	}
}

// What etcd did not take, and would be sent again in the same term, is not when the answer comes later than that.
func TestWhatWasNotTakenIsNotSentAgainInDoubtNorInAnotherTerm(t *testing.T) {
	answers := map[string]error{
		"it was not sent":           registry.ErrUnavailable,
		"one of them is refused":    registry.ErrRefused,
		"one of them has conflicts": nil,
	}
	moments := map[string]func(d *desk, other *looptest.Task){
		"another outcome is unknown": func(_ *desk, other *looptest.Task) { other.Run(looptest.RequestLost) },
		"the term was given up":      func(d *desk, _ *looptest.Task) { d.c.End(d.Now) },
		"another has begun": func(d *desk, other *looptest.Task) {
			other.Run(looptest.Applied)
			if err := d.twin.Revoke(d.t.Context(), d.term.Lease); err != nil {
				d.t.Fatal(err)
			}
			d.term = d.newTerm()
			d.c.Begin(d.Now, d.term)
		},
		"another of the same revision has, in a restored etcd": func(d *desk, other *looptest.Task) {
			other.Run(looptest.Applied)
			if err := d.twin.Revoke(d.t.Context(), d.term.Lease); err != nil {
				d.t.Fatal(err)
			}
			revision := d.term.CreateRevision
			d.term = d.newTerm()
			d.term.CreateRevision = revision
			d.c.Begin(d.Now, d.term)
		},
	}
	for answer, err := range answers {
		for moment, comes := range moments {
			t.Run(answer+", and "+moment, func(t *testing.T) {
				failing := err
				d := newDesk(t, registry.CommitterOptions{InFlight: 2, MaxOps: 4}, func(kv registry.KV) registry.KV {
					return tap{kv, func(ctx context.Context, txn registry.Txn) (registry.TxnResult, error) {
						if failing != nil && txn.Then[0].Key == "/a" {
							return registry.TxnResult{}, failing
						}
						return kv.Txn(ctx, txn)
					}}
				})
				d.write(put("/taken", "1"))
				d.commit(
					registry.Group{Tag: "first", If: []registry.Compare{absent("/taken")}, Then: []registry.Op{put("/a", "1")}},
					registry.Group{Tag: "second", Then: []registry.Op{put("/b", "1")}},
					registry.Group{Tag: "other", Then: []registry.Op{put("/c", "1"), put("/d", "1"), put("/e", "1"), put("/f", "1")}},
				)
				d.Step()
				both, other := d.Exec.Find("txn", "/a"), d.Exec.Find("txn", "/c")
				both.Perform(looptest.Applied)
				failing = nil
				comes(d, other)
				d.Step()
				both.Deliver()
				d.Settle()
				d.Advance(5 * time.Second)
				d.c.Begin(d.Now, d.term)
				d.Settle()
				d.Advance(5 * time.Second)
				if r := d.results["second"]; r.Outcome != registry.NotWritten || d.read("/b").ModRevision != 0 || d.read("/a").ModRevision != 0 {
					t.Errorf("%+v", r)
				}
				if !d.c.Ready(d.twin.Revision()) {
					t.Error("not ready")
				}
			})
		}
	}
}

func TestATermTakenUpAgainProclaimsFirst(t *testing.T) {
	d := newDesk(t, registry.CommitterOptions{}, nil)
	d.commit(registry.Group{Tag: "late", Then: []registry.Op{put("/a", "late")}})
	d.Step()
	late := d.Exec.Find("txn", "")
	d.c.End(d.Now) // leadership became uncertain while the write was under way
	if err := d.c.Commit(d.twin.Revision(), registry.Group{Then: []registry.Op{put("/a", "x")}}); !errors.Is(err, registry.ErrNoTerm) {
		t.Fatal(err)
	}
	d.c.Begin(d.Now, d.term)
	if d.c.Ready(1 << 60) {
		t.Fatal("ready though a write is under way that nobody waits for")
	}
	d.Step()
	d.Exec.Find("proclaim", "").Run(looptest.Applied)
	d.Step()
	if view := d.twin.Revision(); !d.c.Ready(view) || d.c.Ready(view-1) {
		t.Fatalf("floor %d at %d", d.c.Floor(), view)
	}
	late.Run(looptest.Applied)
	d.Step()
	if r := d.results["late"]; r.Outcome != registry.NotWritten || d.read("/a").ModRevision != 0 {
		t.Fatalf("%+v", r)
	}
}

// The term was given up while a Proclaim was on its way, and taken up again: what became of that one is not waited for,
// since it may never be known, and is not taken for what became of the next.
func TestAProclaimOfBeforeTheTermWasTakenUpAgainCountsForNothing(t *testing.T) {
	for _, answered := range []string{"while there is no term", "when the next is under way"} {
		t.Run(answered, func(t *testing.T) {
			d := newDesk(t, registry.CommitterOptions{}, nil)
			d.commit(registry.Group{Tag: "lost", Then: []registry.Op{put("/a", "1")}})
			d.Step()
			d.Exec.Find("txn", "").Run(looptest.RequestLost)
			d.Step()
			d.Step()
			given := d.Exec.Find("proclaim", "")
			d.c.End(d.Now)
			if answered == "while there is no term" {
				given.Run(looptest.Applied)
				d.Step()
			}
			d.c.Begin(d.Now, d.term)
			d.Step()
			if answered != "while there is no term" {
				given.Run(looptest.Applied)
				d.Step()
			}
			if d.c.Ready(1 << 60) {
				t.Fatal("ready before it was proclaimed since")
			}
			d.Settle()
			d.Advance(5 * time.Second)
			d.commit(registry.Group{Tag: 1, Then: []registry.Op{put("/b", "1")}})
			d.Settle()
			if r := d.results[1]; r.Outcome != registry.Committed {
				t.Fatalf("%+v", r)
			}
		})
	}
}

// An older candidate's key was back for a while, and it may have written then: the term is the same, and what is
// planned in it has to know that.
func TestATermThatIsWonAgainAsksForTheStateOfThatTime(t *testing.T) {
	d := newDesk(t, registry.CommitterOptions{}, nil)
	again := d.term
	again.Since = d.write(put("/a", "of the older one"))
	d.c.Begin(d.Now, again)
	if d.c.Ready(again.Since-1) || !d.c.Ready(again.Since) || d.c.Floor() != again.Since {
		t.Fatalf("floor %d, won at %d", d.c.Floor(), again.Since)
	}
	d.c.Begin(d.Now, d.term)
	if d.c.Floor() != again.Since {
		t.Fatalf("the floor fell to %d", d.c.Floor())
	}
}

// The term is the key's life on its lease: one that a hand has put again elsewhere, or anew, is not proclaimed any more.
func TestALeadersKeyThatAHandHasPutAnewEndsTheTerm(t *testing.T) {
	for name, put := range map[string]func(d *desk, key registry.Op){
		"on no lease": func(d *desk, key registry.Op) {
			key.Lease = 0
			d.write(key)
		},
		"on its lease, after it was deleted": func(d *desk, key registry.Op) {
			d.write(registry.Op{Kind: registry.OpDelete, Key: key.Key})
			d.write(key)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, registry.CommitterOptions{}, nil)
			put(d, registry.Op{Kind: registry.OpPut, Key: d.term.Key, Value: d.term.Value, Lease: d.term.Lease})
			d.commit(registry.Group{Tag: 1, Then: []registry.Op{{Kind: registry.OpPut, Key: "/a"}}})
			d.Settle()
			if r := d.results[1]; r.Outcome != registry.Fenced || !d.c.Fenced() {
				t.Errorf("%+v, fenced %v", r, d.c.Fenced())
			}
		})
	}
}

// Etcd was restored, and the next key of a scheduler had the very create revision that its last one had had in the
// history before: it was taken for the same term, which was over, and the leader wrote nothing for as long as it led.
func TestATermWithTheRevisionOfAnEarlierOneIsAnotherTerm(t *testing.T) {
	for _, fenced := range []bool{true, false} {
		d := newDesk(t, registry.CommitterOptions{}, nil)
		if err := d.twin.Revoke(t.Context(), d.term.Lease); err != nil {
			t.Fatal(err)
		}
		snapshot := d.twin.Snapshot()
		before := d.newTerm()
		d.c.Begin(d.Now, before)
		d.twin.Restore(snapshot)
		if fenced {
			if err := d.c.Commit(1<<60, registry.Group{Tag: "before", Then: []registry.Op{put("/a", "1")}}); err != nil {
				t.Fatal(err)
			}
			d.Settle()
		}
		d.c.End(d.Now)
		after := d.newTerm()
		if after.CreateRevision != before.CreateRevision || after.Key == before.Key {
			t.Fatalf("%+v after %+v", after, before)
		}
		d.c.Begin(d.Now, after)
		d.commit(registry.Group{Tag: "after", Then: []registry.Op{put("/a", "2")}})
		d.Settle()
		if r := d.results["after"]; r.Outcome != registry.Committed {
			t.Errorf("fenced %v: %+v", fenced, r)
		}
	}
}

func TestAPlanOnOldStateIsNotAccepted(t *testing.T) {
	d := newDesk(t, registry.CommitterOptions{}, nil)
	g := registry.Group{Then: []registry.Op{put("/a", "1")}}
	if err := d.c.Commit(d.term.Since-1, g); !errors.Is(err, registry.ErrStaleView) {
		t.Fatal(err)
	}
	for name, g := range map[string]registry.Group{
		"writes nothing":        {},
		"reads":                 {Then: []registry.Op{{Kind: registry.OpRange, Key: "/a"}}},
		"deletes a range":       {Then: []registry.Op{{Kind: registry.OpDelete, Key: "/a", End: "/b"}}},
		"writes a key twice":    {Then: []registry.Op{put("/a", "1"), put("/a", "2")}},
		"writes the leader key": {Then: []registry.Op{put(d.term.Key, "1")}},
		"compares a range":      {If: []registry.Compare{{Key: "/a", End: "/b"}}, Then: []registry.Op{put("/a", "1")}},
		"is too large":          {If: make([]registry.Compare, registry.MaxOps), Then: []registry.Op{put("/a", "1")}},
	} {
		if err := d.c.Commit(d.twin.Revision(), g); !errors.Is(err, registry.ErrRefused) {
			t.Errorf("a group that %s: %v", name, err)
		}
	}
	if queued, flying := d.c.Busy(); queued+flying != 0 {
		t.Fatal("something was accepted")
	}
}

func TestARefusedGroupIsFoundAmongItsNeighbours(t *testing.T) {
	d := newDesk(t, registry.CommitterOptions{MaxBytes: 1 << 30}, nil)
	d.commit(
		registry.Group{Tag: 1, Then: []registry.Op{put("/a", "1")}},
		registry.Group{Tag: 2, Then: []registry.Op{put("/b", strings.Repeat("x", 2<<20))}},
		registry.Group{Tag: 3, Then: []registry.Op{put("/c", "1")}},
	)
	d.Settle()
	for tag, want := range map[int]registry.Outcome{1: registry.Committed, 2: registry.Rejected, 3: registry.Committed} {
		if r := d.results[tag]; r.Outcome != want {
			t.Errorf("%d: %+v, want %s", tag, r, want)
		}
	}
	d.twin.SetNoSpace(true)
	d.commit(registry.Group{Tag: 4, Then: []registry.Op{put("/a", "2")}})
	d.Settle()
	if r := d.results[4]; r.Outcome != registry.Rejected || !errors.Is(r.Err, registry.ErrNoSpace) {
		t.Errorf("%+v", r)
	}
}

// TestEveryGroupIsWrittenInOrderWithinTheLimits draws plans over few keys, so that groups touch each
// other, and runs transactions in any order.
func TestEveryGroupIsWrittenInOrderWithinTheLimits(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(3, 10).Draw(rt, "limit")
		d := newDesk(t, registry.CommitterOptions{MaxOps: limit, InFlight: rapid.IntRange(1, 4).Draw(rt, "in flight")}, nil)
		key := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint("/k", rapid.IntRange(0, 5).Draw(t, "key")) })
		last, written := map[string]int{}, map[string]int{}
		n := rapid.IntRange(1, 30).Draw(rt, "groups")
		for tag := range n {
			g := registry.Group{Tag: tag}
			for _, k := range rapid.SliceOfN(key, 0, limit-2).Draw(rt, "compares") {
				// It holds only where the groups before have been written, and none of those behind.
				g.If = append(g.If, registry.Compare{Key: k, Target: registry.Version, Number: int64(written[k])})
			}
			for _, k := range rapid.SliceOfNDistinct(key, 1, 3, rapid.ID).Draw(rt, "writes") {
				g.Then = append(g.Then, put(k, fmt.Sprint(tag)))
				last[k] = tag
				written[k]++
			}
			d.commit(g)
		}
		for d.Step(); len(d.Exec.Waiting()) > 0; d.Step() {
			tasks := d.Exec.Waiting()
			tasks[rapid.IntRange(0, len(tasks)-1).Draw(rt, "task")].Run(looptest.Applied)
		}
		for tag := range n {
			if r := d.results[tag]; r.Outcome != registry.Committed {
				rt.Fatalf("%d: %+v", tag, r)
			}
		}
		for k, tag := range last {
			if got := string(d.read(k).Value); got != fmt.Sprint(tag) {
				rt.Fatalf("%s is %s, want %d", k, got, tag)
			}
		}
		for _, size := range d.sizes {
			if size > limit {
				rt.Fatalf("a transaction of %d operations", size)
			}
		}
	})
}

// A committer that is made anew in a term does not know how often it was proclaimed. It must not take the
// fence as it finds it: a write may be under way that compares just that.
func TestACommitterThatDoesNotKnowTheFenceProclaimsItself(t *testing.T) {
	d := newDesk(t, registry.CommitterOptions{}, nil)
	d.commit(registry.Group{Tag: "lost", Then: []registry.Op{put("/a", "1")}})
	d.Step()
	d.Exec.Find("txn", "").Run(looptest.RequestLost)
	d.Settle() // proclaims
	d.commit(registry.Group{Tag: "late", Then: []registry.Op{put("/a", "late")}})
	d.Step()
	late := d.Exec.Find("txn", "")
	late.Run(looptest.Late)

	second := registry.NewCommitter(registry.CommitterOptions{
		KV: d.twin, Exec: d.Exec, Done: func(_ units.Instant, results []registry.Result) {
			for _, r := range results {
				d.results[r.Tag] = r
			}
		},
	})
	d.Use(&mailed{d.Mail, second})
	second.Begin(d.Now, d.term)
	if err := second.Commit(d.twin.Revision(), registry.Group{Tag: 1, Then: []registry.Op{put("/b", "1")}}); err != nil {
		t.Fatal(err)
	}
	d.Settle()
	if r := d.results[1]; r.Outcome != registry.NotWritten || !second.Ready(d.twin.Revision()) {
		t.Fatalf("%+v", r)
	}
	late.Land()
	if kv := d.read("/a"); kv.ModRevision != 0 {
		t.Fatalf("a late write was accepted: %+v", kv)
	}
}

func TestWhatWasNotSentIsWrittenBeforeWhatCameBehindIt(t *testing.T) {
	sent := 0
	d := newDesk(t, registry.CommitterOptions{}, func(kv registry.KV) registry.KV {
		return tap{kv, func(ctx context.Context, txn registry.Txn) (registry.TxnResult, error) {
			if sent++; sent == 1 {
				return registry.TxnResult{}, fmt.Errorf("connect: %w", registry.ErrUnavailable)
			}
			return kv.Txn(ctx, txn)
		}}
	})
	d.commit(
		registry.Group{Tag: 1, Then: []registry.Op{put("/a", "former")}},
		registry.Group{Tag: 2, Then: []registry.Op{put("/a", "latter")}},
	)
	d.Settle()
	d.Advance(6 * time.Second)
	if got := string(d.read("/a").Value); got != "latter" || d.results[1].Outcome != registry.Committed {
		t.Fatalf("the %s was written last, %+v", got, d.results[1])
	}
}

func TestWhatWasNotSentIsSentLaterWithoutAnyDoubt(t *testing.T) {
	away := true
	d := newDesk(t, registry.CommitterOptions{}, func(kv registry.KV) registry.KV {
		return tap{kv, func(ctx context.Context, txn registry.Txn) (registry.TxnResult, error) {
			if away {
				return registry.TxnResult{}, fmt.Errorf("connect: %w", registry.ErrUnavailable)
			}
			return kv.Txn(ctx, txn)
		}}
	})
	d.commit(
		registry.Group{Tag: 1, Then: []registry.Op{put("/a", "1")}},
		registry.Group{Tag: 2, Then: []registry.Op{put("/a", "2")}},
	)
	d.Settle()
	d.Advance(time.Minute)
	if n := len(d.sizes); n < 10 || n > 60 || len(d.results) != 0 {
		t.Fatalf("sent %d times in a minute, results %v", n, d.results)
	}
	away = false
	d.Advance(6 * time.Second)
	for tag := 1; tag <= 2; tag++ {
		if r := d.results[tag]; r.Outcome != registry.Committed {
			t.Fatalf("%d: %+v", tag, r)
		}
	}
	if string(d.read("/a").Value) != "2" || d.read(d.term.Key).ModRevision != d.term.ModRevision {
		t.Fatal("written in the wrong order, or proclaimed for nothing")
	}
}
