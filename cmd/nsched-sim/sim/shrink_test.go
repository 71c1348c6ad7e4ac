package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/units/registry"
)

// A write by nobody who leads is a fault of which a small schedule is known: one act is enough for it.
func TestShrinkingLeavesWhatTheFailureNeeds(t *testing.T) {
	s := Draw(3)
	s.Rest, s.End = Span(3*time.Minute), Span(4*time.Minute)
	s.Faults = slices.DeleteFunc(s.Faults, func(f Strike) bool { return f.At > s.Rest })
	s.Acts = append(slices.DeleteFunc(s.Acts, func(a Act) bool { return a.At > s.Rest }), Act{At: Span(time.Minute), Kind: "juggle"})
	found := Shrink(t.Context(), s, 60, io.Discard)
	if found.Err == nil {
		t.Fatal("nobody noticed an act that nobody knows")
	}
	if len(found.Schedule.Acts) != 1 || found.Schedule.Acts[0].Kind != "juggle" || len(found.Schedule.Faults) > 0 || found.Schedule.Nodes > 1 {
		t.Errorf("%+v", found.Schedule)
	}
	path := filepath.Join(t.TempDir(), "found.json")
	if err := found.Schedule.Write(path); err != nil {
		t.Fatal(err)
	}
	read, err := ReadSchedule(path)
	if diff := cmp.Diff(found.Schedule, read); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// Of two failures the first is looked for, and not whichever is left when that has gone.
func TestShrinkingKeepsToTheFailureItBeganWith(t *testing.T) {
	s := Schedule{
		Seed: 1, Nodes: 1, Schedulers: 1, Rest: Span(20 * time.Second), End: Span(30 * time.Second),
		Faults: []Strike{{At: Span(time.Second), Kind: "nothing known"}},
		Acts:   []Act{{At: Span(5 * time.Second), Kind: "juggle"}},
	}
	_, first := Play(t.Context(), s, NewTrace(nil))
	found := Shrink(t.Context(), s, 400, io.Discard)
	if first == nil || Signature(found.Err) != Signature(first) || len(found.Schedule.Faults) != 1 || len(found.Schedule.Acts) > 0 {
		t.Errorf("%v became %v: %+v", first, found.Err, found.Schedule)
	}
}

// Neither how many runs there are beside each other nor on how many processors changes a byte of what a seed does.
func TestASeedIsTheSameWhateverRunsBesideIt(t *testing.T) {
	sums := func(workers, processors int) map[uint64]string {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		var mu sync.Mutex
		hashes := map[uint64]hash.Hash{}
		sweep := Sweep{First: 3, Seeds: 3, Workers: workers, Trace: func(seed uint64) io.Writer {
			mu.Lock()
			defer mu.Unlock()
			hashes[seed] = sha256.New()
			return hashes[seed]
		}}
		if _, err := sweep.Run(t.Context()); err != nil {
			t.Error(err)
		}
		out := map[uint64]string{}
		for seed, h := range hashes {
			out[seed] = hex.EncodeToString(h.Sum(nil))
		}
		return out
	}
	alone := sums(1, 1)
	if diff := cmp.Diff(alone, sums(3, 4)); diff != "" || len(alone) != 3 || alone[3] == alone[4] {
		t.Errorf("%v\n%s", alone, diff)
	}
}

func TestAScheduleIsDrawnTheSameEachTime(t *testing.T) {
	if diff := cmp.Diff(Draw(7), Draw(7)); diff != "" {
		t.Error(diff)
	}
	s := Draw(7)
	if len(s.Faults) < 20 || s.Nodes < 5 || s.Schedulers < 2 || s.End < Span(30*time.Minute) {
		t.Errorf("%d faults, %d nodes, %d schedulers, %v", len(s.Faults), s.Nodes, s.Schedulers, s.End.D())
	}
	for _, f := range s.Faults {
		if f.At+f.Lasts > s.Rest {
			t.Errorf("%v lasts into the time of rest", f)
		}
	}
}

func TestARunOfAScheduleIsTheSameBitForBit(t *testing.T) {
	s := Draw(11)
	var sums [2]string
	for i := range sums {
		trace := NewTrace(nil)
		_, _ = Play(t.Context(), s, trace)
		sums[i] = trace.Sum()
	}
	if sums[0] != sums[1] {
		t.Error("the traces of two runs differ")
	}
}

func TestASignatureIsTheSameForWhoeverItHappenedTo(t *testing.T) {
	a := errors.New(`seed 1 at 2m3s: n1 stopped default.app02.1.1.1 and nobody told it to`)
	b := errors.New(`seed 22 at 14m0.5s: n4 stopped default.app11.0.3.9 and nobody told it to`)
	if Signature(a) != Signature(b) || Signature(a) == Signature(errors.New("seed 1 at 2m3s: n1 does something else")) {
		t.Errorf("%q and %q", Signature(a), Signature(b))
	}
	if c, d := broken(OneOfASingleton, "one"), broken(OneOfASingleton, "two"); Signature(c) != Signature(d) {
		t.Errorf("%q and %q", Signature(c), Signature(d))
	}
}

// A seed in which nothing ran is no seed that passed.
func TestASeedInWhichNothingRanHasFailed(t *testing.T) {
	s := Schedule{Seed: 1, Nodes: 1, Schedulers: 1, End: Span(time.Minute)}
	if _, err := Play(t.Context(), s, NewTrace(nil)); err == nil {
		t.Error("a run without apps passed")
	}
}

func TestAWorldThatGoesRoundInCirclesEnds(t *testing.T) {
	w := New(t.Context(), 1, NewTrace(nil))
	w.MaxEvents = 1000
	var again func()
	again = func() { w.After(0, again) }
	again()
	if err := w.Run(time.Second); err == nil {
		t.Error("it ended, and nobody said why")
	}
}

func TestEveryFaultStrikesAndHeals(t *testing.T) {
	for _, f := range StandardFaults() {
		t.Run(f.Name, func(t *testing.T) {
			c := NewCluster(t.Context(), 5, NewTrace(nil), Size{Nodes: 3, Schedulers: 2})
			c.After(2*time.Second, func() { c.Operator.Submit(App(0), 3, 100) })
			c.After(3*time.Second, func() { c.Operator.Submit(App(1), 1, 100) })
			c.Chaos([]Fault{f}, 2, 30*time.Second, time.Minute)
			if err := c.Run(8 * time.Minute); err != nil {
				t.Fatal(err)
			}
			if c.Trace.Strikes[f.Name] != 2 {
				t.Errorf("it struck %d times", c.Trace.Strikes[f.Name])
			}
			for _, p := range c.Processes() {
				if !p.Running() || p.frozen() {
					t.Errorf("%s does not run", p.Name)
				}
			}
			for _, h := range c.Hosts() {
				if h.CutTo || h.CutFrom || h.Link != (Link{}) || len(h.slow) > 0 {
					t.Errorf("%s is not well: %+v", h.Name, h)
				}
			}
			if _, err := c.Etcd.Range(t.Context(), registry.Range{Key: Keys.Cluster()}); err != nil || c.Net.EtcdDown {
				t.Errorf("etcd is not well: %v", err)
			}
		})
	}
}
