package sim

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// World is one run: virtual time, what is due in it, and who lives in it.
type World struct {
	ctx  context.Context
	Seed uint64
	rng  *rand.Rand
	now  time.Duration // since the world began
	due  queue
	seq  int64

	Etcd       *registry.Memory
	etcd       twin
	Net        Net
	Trace      *Trace
	hosts      []*Host
	procs      []*Process
	nodes      []*NodeHost
	schedulers []*Process

	// sources are what else makes things happen by itself: etcd's leases, the machines' systemd.
	sources []source
	// MachineFaults is the chance that a call of systemd or Nix fails.
	MachineFaults float64
	second        time.Duration // of the last look at how busy the shells are

	// Revoked are the leases that a fault ended before their time: what holds one may be wrong about
	// it for as long as it takes to find out.
	Revoked map[registry.LeaseID]bool
	// givenBack are those that their holders ended.
	givenBack map[registry.LeaseID]bool

	// Events is how many things have happened; MaxEvents ends a run that would go on for ever. Both count
	// what the world itself makes happen.
	Events, MaxEvents int
	// Interrupt is asked every so often whether the run may go on; nil is that it may.
	Interrupt func() error

	checks []Check
	wrote  []func(*Process, registry.Txn, registry.TxnResult)
	// sent is when the transaction was asked for of which wrote is being told.
	sent     time.Duration
	doubted  []func(*Process, registry.Txn)
	restored []func()
	struck   []func(Strike)
	waiting  []*waiting
	// met says whether a strike would meet now what it waits for; nil when nobody knows.
	met         func(Strike) bool
	revisionMet int64 // of etcd, when the strikes that wait last looked

	// Operator is who uses the cluster; a World without one is used by nobody.
	Operator  *Operator
	restoring bool     // etcd is about to be put back, or nobody has accepted yet that it was
	epoch     int64    // the highest that a person has set
	hand      string   // the key that a person's hand is writing
	mends     []func() // set right what hands had spoilt, unless somebody has
	cacheAway bool     // no cache answers
	full      bool     // etcd takes no more
	tenures   map[units.NodeName]int64
	renewed   []func(p *Process, id registry.LeaseID, sent time.Duration)
	err       error
}

// Check is a standing invariant. It is called after every event and returns what is broken.
type Check struct {
	Name  string
	Holds func(w *World) error
}

// epoch is the wall time at which every world begins.
var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// New returns an empty world. ctx is handed to every Step and task.
func New(ctx context.Context, seed uint64, trace *Trace) *World {
	w := &World{ctx: ctx, Seed: seed, rng: rand.New(rand.NewPCG(seed, 0x6e73636865640001)), Trace: trace, Revoked: map[registry.LeaseID]bool{}, givenBack: map[registry.LeaseID]bool{}, tenures: map[units.NodeName]int64{}}
	w.Net = Net{w: w, Base: time.Millisecond, Jitter: 2 * time.Millisecond, Timeout: 5 * time.Second}
	w.Etcd = registry.NewMemory(registry.MemoryOptions{})
	w.etcd = twin{w: w}
	w.sources = append(w.sources, w.etcd.source())
	w.followTenures()
	return w
}

// Now returns how long the world has existed.
func (w *World) Now() time.Duration { return w.now }

// Rand is the world's one random source.
func (w *World) Rand() *rand.Rand { return w.rng }

// After makes fn happen d from now. Events of the same instant happen in the order they were asked for.
func (w *World) After(d time.Duration, fn func()) {
	w.seq++
	w.due.push(event{at: w.now + max(0, d), seq: w.seq, fn: fn})
}

// Every repeats fn for as long as the world runs.
func (w *World) Every(d time.Duration, fn func()) {
	w.After(d, func() {
		fn()
		w.Every(d, fn)
	})
}

// Uniform draws a duration from [low, high).
func (w *World) Uniform(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(w.rng.Int64N(int64(high-low)))
}

// Chance is true with probability p.
func (w *World) Chance(p float64) bool { return w.rng.Float64() < p }

// Always adds a standing invariant.
func (w *World) Always(name string, holds func(w *World) error) {
	w.checks = append(w.checks, Check{Name: name, Holds: holds})
}

// OnWrite is told of every transaction that etcd has decided, and who sent it.
func (w *World) OnWrite(told func(*Process, registry.Txn, registry.TxnResult)) {
	w.wrote = append(w.wrote, told)
}

// OnDoubt is told of every transaction whose sender will not learn what became of it.
func (w *World) OnDoubt(told func(*Process, registry.Txn)) { w.doubted = append(w.doubted, told) }

// OnRenewal is told of every lease that was renewed and whose holder will hear of it, and when it asked.
func (w *World) OnRenewal(told func(p *Process, id registry.LeaseID, sent time.Duration)) {
	w.renewed = append(w.renewed, told)
}

// OnRestore is told each time etcd has been put back to an older state.
func (w *World) OnRestore(told func()) { w.restored = append(w.restored, told) }

// source returns a random source of its own for what has a name, so that two of them do not shift each
// other.
func (w *World) source(name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = io.WriteString(h, name) // a hash never fails
	return rand.New(rand.NewPCG(w.Seed, h.Sum64()))
}

// source makes things happen by itself at times of its own.
type source struct {
	next    func() (at time.Duration, ok bool)
	advance func(now time.Duration)
}

// Run makes everything happen that is due before the world is until old, and returns the first broken
// invariant or failed shell.
func (w *World) Run(until time.Duration) error {
	for w.err == nil {
		w.Events++
		if w.MaxEvents > 0 && w.Events > w.MaxEvents {
			w.fail(fmt.Errorf("%d events: the world goes round in circles", w.MaxEvents))
			return w.err
		}
		if w.Interrupt != nil && w.Events%1024 == 0 {
			if err := w.Interrupt(); err != nil {
				return err
			}
		}
		next, its := w.soonest()
		if next > until {
			w.now = max(w.now, until)
			w.etcd.sync()
			return nil
		}
		w.now = max(w.now, next)
		if its != nil {
			its.advance(w.now)
		} else {
			w.due.pop().fn()
		}
		w.check()
	}
	return w.err
}

// soonest returns when something happens next, and which source it comes from; nil is that it is an event of
// the world's own. What happens by itself comes first.
func (w *World) soonest() (next time.Duration, its *source) {
	next = math.MaxInt64
	if len(w.due) > 0 {
		next = w.due[0].at
	}
	for i := range w.sources {
		if at, ok := w.sources[i].next(); ok && at <= next {
			next, its = at, &w.sources[i]
		}
	}
	return next, its
}

// twin is the clock of the twin of etcd, which is set only when somebody looks. While etcd is down it stands
// still, so leases do not end: an etcd that comes back extends them all by at least as much.
type twin struct {
	w    *World
	last time.Duration // the world's time when it was set
}

func (t *twin) sync() {
	d := t.w.now - t.last
	t.last = t.w.now
	if d > 0 && !t.w.Net.EtcdDown {
		t.w.Etcd.Advance(t.w.Etcd.Now() + d)
	}
}

// source is the twin whose leases end by themselves.
func (t *twin) source() source {
	return source{
		next: func() (time.Duration, bool) {
			at, ok := t.w.Etcd.NextExpiry()
			return t.last + at - t.w.Etcd.Now(), ok && !t.w.Net.EtcdDown
		},
		advance: func(time.Duration) { t.sync() },
	}
}

// A shell that is called more often than maxSteps times within a virtual second is spinning: it asked
// for a time that has come already, over and over.
const maxSteps = 5000

func (w *World) check() {
	if second := w.now / time.Second; second != w.second {
		w.second = second
		for _, p := range w.procs {
			if p.steps-p.stepsBefore > maxSteps {
				w.fail(fmt.Errorf("%s: %d steps in a second", p.Name, p.steps-p.stepsBefore))
			}
			p.stepsBefore = p.steps
		}
	}
	for _, c := range w.checks {
		if err := c.Holds(w); err != nil {
			w.fail(fmt.Errorf("%s: %w", c.Name, err))
			return
		}
	}
	if len(w.waiting) > 0 {
		w.lookForMoments()
	}
}

func (w *World) fail(err error) {
	if w.err == nil {
		w.err = fmt.Errorf("seed %d at %v: %w", w.Seed, w.now, err)
		w.Trace.Add(w.now, "broken", err.Error())
	}
}
