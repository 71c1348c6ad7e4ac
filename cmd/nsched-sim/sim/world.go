package sim

import (
	"container/heap"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

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

	Etcd  *registry.Memory
	Net   Net
	Trace *Trace
	hosts []*Host
	procs []*Process

	// Revoked are the leases that a fault ended before their time: what holds one may be wrong about
	// it for as long as it takes to find out.
	Revoked map[registry.LeaseID]bool

	checks []Check
	wrote  []func(*Process, registry.Txn, registry.TxnResult)
	err    error
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
	w := &World{ctx: ctx, Seed: seed, rng: rand.New(rand.NewPCG(seed, 0x6e73636865640001)), Trace: trace, Revoked: map[registry.LeaseID]bool{}}
	w.Net = Net{w: w, Base: time.Millisecond, Jitter: 2 * time.Millisecond, Timeout: 5 * time.Second}
	w.Etcd = registry.NewMemory(registry.MemoryOptions{})
	return w
}

// Now returns how long the world has existed.
func (w *World) Now() time.Duration { return w.now }

// Rand is the world's one random source.
func (w *World) Rand() *rand.Rand { return w.rng }

// After makes fn happen d from now. Events of the same instant happen in the order they were asked for.
func (w *World) After(d time.Duration, fn func()) {
	w.seq++
	heap.Push(&w.due, event{at: w.now + max(0, d), seq: w.seq, fn: fn})
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

// Run makes everything happen that is due before the world is until old, and returns the first broken
// invariant or failed shell.
func (w *World) Run(until time.Duration) error {
	for w.err == nil {
		next, fn := until, func() {}
		if w.due.Len() > 0 && w.due[0].at <= until {
			next = w.due[0].at
		}
		if at, ok := w.expiry(); ok && at < next {
			next = at
		} else if w.due.Len() > 0 && w.due[0].at == next {
			fn = heap.Pop(&w.due).(event).fn
		} else {
			w.advance(until)
			return nil
		}
		w.advance(next)
		fn()
		w.check()
	}
	return w.err
}

// advance moves time on. While etcd is down its clock stands still, so its leases do not end: an etcd
// that comes back extends them all by at least as much.
func (w *World) advance(to time.Duration) {
	d := max(0, to-w.now)
	w.now += d
	if !w.Net.EtcdDown {
		w.Etcd.Advance(w.Etcd.Now() + d)
	}
}

// expiry returns when the next lease of etcd ends, in the world's time.
func (w *World) expiry() (time.Duration, bool) {
	at, ok := w.Etcd.NextExpiry()
	return w.now + at - w.Etcd.Now(), ok && !w.Net.EtcdDown
}

func (w *World) check() {
	for _, c := range w.checks {
		if err := c.Holds(w); err != nil {
			w.fail(fmt.Errorf("%s: %w", c.Name, err))
			return
		}
	}
}

func (w *World) fail(err error) {
	if w.err == nil {
		w.err = fmt.Errorf("seed %d at %v: %w", w.Seed, w.now, err)
		w.Trace.Add(w.now, "broken", err.Error())
	}
}
