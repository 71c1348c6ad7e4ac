package registry_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop/looptest"
	"github.com/nsched/nsched/units/registry"
)

// candidates are elections over one twin, on one clock.
type candidates struct {
	t     testing.TB
	keys  registry.Keys
	twin  *registry.Memory
	now   units.Instant
	seats []*seat
	late  []*looptest.Task
	terms []int64 // in the order in which they were first believed
}

type seat struct {
	*looptest.Bench
	e    *registry.Election
	name string
	cut  bool // off from etcd: no request arrives, no watch brings anything
}

// wire is how a seat reaches the twin.
type wire struct {
	registry.KV
	s *seat
}

func (w wire) Watch(ctx context.Context, r registry.Watch, deliver func(registry.WatchResponse)) registry.Watcher {
	deaf := w.s.cut
	return w.KV.Watch(ctx, r, func(r registry.WatchResponse) {
		if deaf = deaf || w.s.cut; !deaf {
			deliver(r)
		}
	})
}

func newCandidates(t testing.TB, n int) *candidates {
	c := &candidates{t: t, keys: defaultKeys(t), twin: registry.NewMemory(registry.MemoryOptions{})}
	for i := range n {
		c.seats = append(c.seats, c.seat(fmt.Sprintf("s%d", i)))
	}
	c.now = c.seats[0].Now
	return c
}

// seat starts a scheduler.
func (c *candidates) seat(name string) *seat {
	b := looptest.NewBench(c.t)
	s := &seat{Bench: b, name: name}
	e, err := registry.NewElection(registry.ElectionOptions{
		KV: looptest.NewKV(wire{c.twin, s}), Exec: b.Exec, Mail: b.Mail, Keys: c.keys, Self: units.Leader{Name: name},
		Rand: rand.New(rand.NewPCG(1, uint64(len(name)))),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	b.Use(&mailed{b.Mail, e})
	if c.now.Boot != 0 {
		b.Now = c.now
	}
	s.e = e
	return s
}

// holds reports whether the seat believes in the term, or still sees its key.
func (s *seat) holds(term registry.Term, now units.Instant) bool {
	believed, leads := s.e.Term(now)
	seen, there := s.e.Observe()
	return leads && believed.CreateRevision == term.CreateRevision || there && seen.Term == term.CreateRevision
}

// move moves every clock, without a step.
func (c *candidates) move(d time.Duration) {
	c.now = c.now.Add(d)
	for _, s := range c.seats {
		s.Now = c.now
	}
	c.twin.Advance(c.twin.Now() + d)
}

// settle lets every candidate come to rest, d from now.
func (c *candidates) settle(d time.Duration) {
	for end := c.now.Boot + d; ; c.move(50 * time.Millisecond) {
		for _, s := range c.seats {
			s.Settle()
		}
		if c.now.Boot >= end {
			return
		}
	}
}

// leaders returns who believes to lead.
func (c *candidates) leaders() (out []*seat) {
	for _, s := range c.seats {
		if term, ok := s.e.Term(c.now); ok {
			out = append(out, s)
			if len(c.terms) == 0 || c.terms[len(c.terms)-1] != term.CreateRevision {
				c.terms = append(c.terms, term.CreateRevision)
			}
		}
	}
	return out
}

func TestNeverDoTwoBelieveToLeadAndTermsRise(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newCandidates(t, 3)
		if rapid.Bool().Draw(rt, "settled") {
			c.settle(0)
		}
		pick := func(t *rapid.T) *seat { return c.seats[rapid.IntRange(0, 2).Draw(t, "seat")] }
		rt.Repeat(map[string]func(*rapid.T){
			"step": func(t *rapid.T) { pick(t).Step() },
			"a round of each": func(t *rapid.T) {
				c.move(time.Duration(rapid.IntRange(0, 1500).Draw(t, "ms")) * time.Millisecond)
				for _, s := range c.seats {
					s.Step()
					for _, task := range s.Exec.Waiting() {
						c.run(t, s, task)
					}
					s.Step()
				}
			},
			"a round of one": func(t *rapid.T) {
				s := pick(t)
				s.Step()
				for _, task := range s.Exec.Waiting() {
					c.run(t, s, task)
				}
				s.Step()
			},
			"deliver": func(t *rapid.T) {
				if len(c.late) > 0 {
					c.late[rapid.IntRange(0, len(c.late)-1).Draw(t, "late")].Deliver()
				}
			},
			"cut one off": func(t *rapid.T) { pick(t).cut = true },
			"heal":        func(t *rapid.T) { pick(t).cut = false },
			"settle those that are not cut off for a while": func(t *rapid.T) {
				for range rapid.IntRange(0, 60).Draw(t, "ticks") {
					c.move(100 * time.Millisecond)
					for _, s := range c.seats {
						for round := 0; round < 20 && (round == 0 || len(s.Exec.Waiting()) > 0); round++ {
							for _, task := range s.Exec.Waiting() {
								c.run(t, s, task)
							}
							s.Step()
						}
					}
					c.one(t)
				}
			},
			"land": func(t *rapid.T) {
				if len(c.late) > 0 {
					c.late[rapid.IntRange(0, len(c.late)-1).Draw(t, "late")].Land()
				}
			},
			"crash and start again": func(t *rapid.T) {
				i := rapid.IntRange(0, 2).Draw(t, "seat")
				c.seats[i].Exec.Crash()
				c.seats[i] = c.seat(c.seats[i].name)
			},
			"resign and start again": func(t *rapid.T) {
				i := rapid.IntRange(0, 2).Draw(t, "seat")
				c.seats[i].cut = false
				c.seats[i].e.Resign()
				if _, ok := c.seats[i].e.Term(c.now); ok {
					t.Fatal("leads after it resigned")
				}
				c.seats[i].Settle()
				c.seats[i] = c.seat(c.seats[i].name)
			},
			"an operator deletes the leader's key": func(t *rapid.T) {
				if led := c.leaders(); len(led) > 0 {
					term, _ := led[0].e.Term(c.now)
					del(t, c.twin, term.Key)
					c.deliver()
					led[0].cut = false
					// Until it hears of it, it believes on: only the fence helps then. That its belief lapsed
					// meanwhile is not enough, since the lease lives and can be renewed.
					for led[0].holds(term, c.now) {
						c.move(50 * time.Millisecond)
						led[0].Settle()
					}
				}
			},
			"time goes by": func(t *rapid.T) {
				c.move(time.Duration(rapid.IntRange(1, 4000).Draw(t, "ms")) * time.Millisecond)
			},
			"": c.one,
		})
		for _, s := range c.seats {
			s.cut = false
		}
		c.deliver()
		c.settle(12 * time.Second)
		led := c.leaders()
		if len(led) != 1 {
			rt.Fatalf("%d lead in the end: %s %s %s", len(led),
				c.seats[0].e.State(c.now), c.seats[1].e.State(c.now), c.seats[2].e.State(c.now))
		}
		for _, s := range c.seats {
			o, ok := s.e.Observe()
			if !ok || o.Leader.Name != led[0].name || o.Self != (s == led[0]) {
				rt.Fatalf("%s observes %+v", s.name, o)
			}
		}
	})
}

// run draws what becomes of a task; half of them go well.
func (c *candidates) run(t *rapid.T, s *seat, task *looptest.Task) {
	if s.cut {
		task.Run(looptest.RequestLost)
		return
	}
	switch i := rapid.IntRange(0, 9).Draw(t, "fate"); {
	case i < 5:
		task.Run(looptest.Applied)
	case i < 7:
		task.Perform(looptest.Applied) // the answer is slow
	default:
		task.Run(looptest.Fates()[i-6])
	}
	c.late = append(c.late, task)
}

// one asserts the law.
func (c *candidates) one(t *rapid.T) {
	if led := c.leaders(); len(led) > 1 {
		a, _ := led[0].e.Term(c.now)
		b, _ := led[1].e.Term(c.now)
		t.Fatalf("%s and %s lead: %+v and %+v", led[0].name, led[1].name, a, b)
	}
	for i := 1; i < len(c.terms); i++ {
		if c.terms[i] <= c.terms[i-1] {
			t.Fatalf("terms %v", c.terms)
		}
	}
}

// deliver brings every answer that was slow.
func (c *candidates) deliver() {
	for _, task := range c.late {
		task.Deliver()
	}
}

func del(t interface{ Fatal(...any) }, kv registry.KV, key string) {
	op := registry.Op{Kind: registry.OpDelete, Key: key}
	if _, err := kv.Txn(ctxOf(), registry.Txn{Then: []registry.Op{op}}); err != nil {
		t.Fatal(err)
	}
}

func TestACleanStopHandsOverAtOnce(t *testing.T) {
	c := newCandidates(t, 2)
	c.settle(0)
	c.move(time.Second)
	c.settle(0)
	led := c.leaders()[0]
	other := c.seats[0]
	if led == other {
		other = c.seats[1]
	}
	at := c.now
	led.e.Resign()
	led.Settle()
	other.Settle()
	if !led.e.Done() || other.e.State(c.now) != registry.StateLeader || c.now != at {
		t.Fatalf("done %v, successor %s", led.e.Done(), other.e.State(c.now))
	}
	before, after := c.terms[0], int64(0)
	c.leaders()
	if after = c.terms[1]; after <= before {
		t.Fatalf("terms %v", c.terms)
	}
}

func TestAKilledLeaderIsSucceededWhenItsLeaseEnds(t *testing.T) {
	c := newCandidates(t, 2)
	c.settle(3 * time.Second)
	led := c.leaders()[0]
	led.Exec.Crash()
	var left []*seat
	for _, s := range c.seats {
		if s != led {
			left = append(left, s)
		}
	}
	c.seats = left
	killed := c.now
	for len(c.leaders()) == 0 {
		c.settle(50 * time.Millisecond)
		if c.now.Since(killed) > time.Minute {
			t.Fatal("nobody leads")
		}
	}
	if took := c.now.Since(killed); took > 5*time.Second+100*time.Millisecond {
		t.Fatalf("took %s", took)
	}
}

func TestALeaderThatHearsNothingIsUncertainAndThenLeadsOnOrIsLost(t *testing.T) {
	c := newCandidates(t, 1)
	c.settle(0)
	s := c.seats[0]
	term, ok := s.e.Term(c.now)
	if !ok {
		t.Fatal(s.e.State(c.now))
	}
	c.move(4600 * time.Millisecond) // a pause: nothing was sent
	if got := s.e.State(c.now); got != registry.StateUncertain {
		t.Fatalf("after a pause: %s", got)
	}
	s.Settle()
	again, ok := s.e.Term(c.now)
	if !ok || again.CreateRevision != term.CreateRevision {
		t.Fatalf("after a renewal: %s %+v", s.e.State(c.now), again)
	}
	c.move(6 * time.Second)
	s.Step()
	if got := s.e.State(c.now); got != registry.StateLost {
		t.Fatalf("after its lease ended: %s", got)
	}
	s.Settle()
	if next, ok := s.e.Term(c.now); !ok || next.CreateRevision <= term.CreateRevision || next.Lease == term.Lease {
		t.Fatalf("%s %+v after %+v", s.e.State(c.now), next, term)
	}
}

func TestALostAnswerToTheCreationIsResolvedWithoutASecondKey(t *testing.T) {
	for _, fate := range []looptest.Fate{looptest.ReplyLost, looptest.Late, looptest.RequestLost} {
		t.Run(fate.String(), func(t *testing.T) {
			c := newCandidates(t, 1)
			s := c.seats[0]
			s.Step()
			s.Exec.Find("grant", "").Run(looptest.Applied)
			s.Step()
			create := s.Exec.Find("campaign", "")
			create.Run(fate)
			s.Step()
			create.Land()
			c.settle(time.Second)
			create.Land()
			if _, ok := s.e.Term(c.now); !ok {
				t.Fatal(s.e.State(c.now))
			}
			prefix := c.keys.Under(registry.KindLeader)
			res, err := c.twin.Range(t.Context(), registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
			if err != nil || len(res.KVs) != 1 || res.KVs[0].Version != 1 {
				t.Fatalf("%+v %v", res.KVs, err)
			}
		})
	}
}

func TestAKeyThatNoLiveCandidateHoldsDoesNotBlockTheElection(t *testing.T) {
	c := newCandidates(t, 1)
	for _, key := range []string{"leader/abc", "leader/not-a-lease", "leader/"} {
		op := registry.Op{Kind: registry.OpPut, Key: c.keys.Prefix() + key, Value: []byte("by hand")}
		if _, err := c.twin.Txn(t.Context(), registry.Txn{Then: []registry.Op{op}}); err != nil {
			t.Fatal(err)
		}
	}
	c.settle(0)
	if len(c.leaders()) != 1 {
		t.Fatal(c.seats[0].e.State(c.now))
	}
}

func TestASlowAnswerExtendsBeliefFromWhenItsRequestWasSent(t *testing.T) {
	c := newCandidates(t, 1)
	c.settle(0)
	s := c.seats[0]
	c.move(time.Second)
	s.Step()
	renewal := s.Exec.Find("keepalive", "")
	renewal.Perform(looptest.Applied)
	s.cut = true
	c.move(4 * time.Second)
	renewal.Deliver()
	s.Step()
	if got := s.e.State(c.now); got != registry.StateLeader {
		t.Fatalf("4 s after the renewal was sent: %s", got)
	}
	c.move(600 * time.Millisecond)
	s.Step()
	if got := s.e.State(c.now); got != registry.StateUncertain {
		t.Fatalf("4.6 s after the renewal was sent: %s", got)
	}
}

func TestASlowAnswerToTheGrantIsBelievedFromWhenItWasAskedFor(t *testing.T) {
	c := newCandidates(t, 1)
	s := c.seats[0]
	s.Step()
	grant := s.Exec.Find("grant", "")
	grant.Perform(looptest.Applied)
	c.move(4600 * time.Millisecond)
	grant.Deliver()
	for range 20 { // renewals hang
		s.Step()
		for _, task := range s.Exec.Waiting() {
			if task.Kind != "keepalive" {
				task.Run(looptest.Applied)
			}
		}
	}
	if got := s.e.State(c.now); got != registry.StateUncertain {
		t.Fatalf("4.6 s after the lease was asked for: %s", got)
	}
}

func TestARenewalWithoutAnswerCountsForNothing(t *testing.T) {
	for _, fate := range []looptest.Fate{looptest.ReplyLost, looptest.RequestLost, looptest.Late} {
		t.Run(fate.String(), func(t *testing.T) {
			c := newCandidates(t, 1)
			c.settle(0)
			s := c.seats[0]
			s.cut = true
			for range 10 {
				c.move(500 * time.Millisecond)
				s.Step()
				for _, task := range s.Exec.Waiting() {
					task.Run(fate)
				}
				s.Step()
			}
			if got := s.e.State(c.now); got != registry.StateUncertain {
				t.Fatal(got)
			}
		})
	}
}

func TestALeaderWithoutAWatchLearnsFromItsRenewalThatItsLeaseEnded(t *testing.T) {
	c := newCandidates(t, 1)
	c.settle(0)
	s := c.seats[0]
	s.cut = true
	term, _ := s.e.Term(c.now)
	c.move(6 * time.Second)
	s.cut = false // and the watch stays silent
	s.Step()
	s.Exec.Find("keepalive", "").Run(looptest.Applied)
	s.Step()
	if got := s.e.State(c.now); got != registry.StateLost {
		t.Fatal(got)
	}
	s.Settle()
	c.settle(2 * time.Second)
	if next, ok := s.e.Term(c.now); !ok || next.CreateRevision <= term.CreateRevision {
		t.Fatalf("%s %+v", s.e.State(c.now), next)
	}
}

// A renewal was slow, and its answer tells of the end of a lease that has long been replaced.
func TestTheEndOfAnEarlierLeaseIsNotThatOfTheNext(t *testing.T) {
	c := newCandidates(t, 1)
	c.settle(0)
	s := c.seats[0]
	before, _ := s.e.Term(c.now)
	c.move(time.Second)
	s.Step()
	late := s.Exec.Find("keepalive", "")
	if err := c.twin.Revoke(t.Context(), before.Lease); err != nil {
		t.Fatal(err)
	}
	late.Perform(looptest.Applied)
	c.settle(500 * time.Millisecond)
	after, ok := s.e.Term(c.now)
	if !ok || after.Lease == before.Lease {
		t.Fatalf("%s %+v", s.e.State(c.now), after)
	}
	late.Deliver()
	s.Step()
	if term, ok := s.e.Term(c.now); !ok || term.Lease != after.Lease {
		t.Fatalf("%s %+v", s.e.State(c.now), term)
	}
}

func TestACreationOnAnEarlierLeaseSaysNothingOfTheNext(t *testing.T) {
	c := newCandidates(t, 1)
	s := c.seats[0]
	s.Step()
	s.Exec.Find("grant", "").Run(looptest.Applied)
	s.Step()
	late := s.Exec.Find("campaign", "")
	key, err := c.keys.Parse(late.Key)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.twin.Revoke(t.Context(), key.Lease); err != nil {
		t.Fatal(err)
	}
	c.move(time.Second) // a renewal tells of it
	for range 20 {
		s.Step()
		for _, task := range s.Exec.Waiting() {
			if task.Key != late.Key {
				task.Run(looptest.Applied)
			}
		}
	}
	term, ok := s.e.Term(c.now)
	if !ok || term.Lease == key.Lease {
		t.Fatalf("%s %+v", s.e.State(c.now), term)
	}
	late.Run(looptest.Applied)
	s.Step()
	if after, ok := s.e.Term(c.now); !ok || after.Lease != term.Lease {
		t.Fatalf("%s %+v", s.e.State(c.now), after)
	}
}

// The watch hung when a hand deleted the leader's key and put it again, on its lease: the term was over in between.
func TestAKeyThatWasMadeAnewIsNoLongerTheTerms(t *testing.T) {
	c := newCandidates(t, 1)
	c.settle(0)
	s := c.seats[0]
	before, _ := s.e.Term(c.now)
	s.cut = true
	del(t, c.twin, before.Key)
	op := registry.Op{Kind: registry.OpPut, Key: before.Key, Value: before.Value, Lease: before.Lease}
	if _, err := c.twin.Txn(t.Context(), registry.Txn{Then: []registry.Op{op}}); err != nil {
		t.Fatal(err)
	}
	s.cut = false // and the watch stays silent
	c.settle(12 * time.Second)
	if after, ok := s.e.Term(c.now); !ok || after.CreateRevision == before.CreateRevision {
		t.Fatalf("%s %+v", s.e.State(c.now), after)
	}
}

func TestAKeyOfItsNameThatAHandHasMadeIsNotTheCandidatesOwn(t *testing.T) {
	c := newCandidates(t, 1)
	s := c.seats[0]
	s.Step()
	s.Exec.Find("grant", "").Run(looptest.Applied)
	s.Step()
	create := s.Exec.Find("campaign", "")
	op := registry.Op{Kind: registry.OpPut, Key: create.Key, Value: []byte("by hand")}
	if _, err := c.twin.Txn(t.Context(), registry.Txn{Then: []registry.Op{op}}); err != nil {
		t.Fatal(err)
	}
	create.Run(looptest.Applied)
	s.Step()
	if got := s.e.State(c.now); got != registry.StateFollower {
		t.Fatal(got)
	}
	c.settle(time.Second)
	if term, ok := s.e.Term(c.now); !ok || term.Key == create.Key {
		t.Fatalf("%s %+v", s.e.State(c.now), term)
	}
}

// The answer to the creation was lost, and by the time of the next the older candidate had gone: between the two it led,
// and wrote.
func TestATermBeginsBehindWhatTheLeaderBeforeItWroteLast(t *testing.T) {
	c := newCandidates(t, 1)
	c.settle(0)
	first, second := c.seats[0], c.seat("s1")
	c.seats = append(c.seats, second)
	second.Step()
	second.Exec.Find("grant", "").Run(looptest.Applied)
	second.Step()
	second.Exec.Find("campaign", "").Run(looptest.ReplyLost)
	second.Step()
	res, err := c.twin.Txn(t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: c.keys.Clock(), Value: []byte("{}")}}})
	if err != nil {
		t.Fatal(err)
	}
	first.e.Resign()
	first.Settle()
	for round := 0; round < 50 && second.e.State(c.now) != registry.StateLeader; round++ {
		c.move(50 * time.Millisecond)
		second.Step()
		if task := second.Exec.Find("campaign", ""); task != nil { // what it views comes later
			task.Run(looptest.Applied)
			second.Step()
		}
	}
	if term, ok := second.e.Term(c.now); !ok || term.Since <= res.Revision || term.CreateRevision > res.Revision {
		t.Fatalf("%s: %+v, and the last write was at %d", second.e.State(c.now), term, res.Revision)
	}
}

func TestAKeyThatAnOperatorTookFromItsLeaseIsNoLeadership(t *testing.T) {
	c := newCandidates(t, 1)
	c.settle(0)
	s := c.seats[0]
	term, _ := s.e.Term(c.now)
	op := registry.Op{Kind: registry.OpPut, Key: term.Key, Value: []byte("by hand")}
	if _, err := c.twin.Txn(t.Context(), registry.Txn{Then: []registry.Op{op}}); err != nil {
		t.Fatal(err)
	}
	s.Step()
	if got := s.e.State(c.now); got != registry.StateLost {
		t.Fatal(got)
	}
	c.settle(time.Second)
	if next, ok := s.e.Term(c.now); !ok || next.Lease == term.Lease {
		t.Fatalf("%s %+v", s.e.State(c.now), next)
	}
}
