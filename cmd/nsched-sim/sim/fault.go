package sim

import (
	"fmt"
	"time"
)

// Fault is something that goes wrong for a while.
type Fault struct {
	Name string
	// Weight is how often it is drawn, relative to the others.
	Weight int
	// Strike makes it happen and returns how it ends; nil when it ends by itself.
	Strike func(w *World) (heal func())
	// Lasts draws how long it lasts.
	Lasts func(w *World) time.Duration
}

// Chaos strikes n faults, drawn from the seed, spread over the time from..to, and ends each of them
// before grace has passed after to.
func (w *World) Chaos(faults []Fault, n int, from, to time.Duration) {
	total := 0
	for _, f := range faults {
		total += f.Weight
	}
	for range n {
		f := faults[0]
		draw := w.rng.IntN(total)
		for _, candidate := range faults {
			f = candidate
			if draw -= candidate.Weight; draw < 0 {
				break
			}
		}
		w.After(w.Uniform(from, to), func() {
			w.Trace.Add(w.now, "strike", f.Name)
			heal := f.Strike(w)
			if heal == nil {
				return
			}
			d := f.Lasts(w)
			if left := to - w.now; d > left {
				d = max(0, left)
			}
			w.After(d, heal)
		})
	}
}

// between returns a duration drawn from low..high.
func between(low, high time.Duration) func(*World) time.Duration {
	return func(w *World) time.Duration { return w.Uniform(low, high) }
}

// pick draws one of the slice, or its zero value when it is empty.
func pick[T any](w *World, from []T) T {
	var none T
	if len(from) == 0 {
		return none
	}
	return from[w.rng.IntN(len(from))]
}

// StandardFaults are the faults that every shell must survive.
func StandardFaults() []Fault {
	return []Fault{
		{Name: "crash", Weight: 4, Lasts: between(0, 20*time.Second), Strike: func(w *World) func() {
			p := pick(w, w.procs)
			p.Kill()
			return p.Start
		}},
		{Name: "pause", Weight: 4, Lasts: between(time.Second, 40*time.Second), Strike: func(w *World) func() {
			p := pick(w, w.procs)
			p.Pause()
			return p.Resume
		}},
		{Name: "partition", Weight: 3, Lasts: between(time.Second, 40*time.Second), Strike: func(w *World) func() {
			h := pick(w, w.hosts)
			h.Cut(true, true)
			return func() { h.Cut(false, false) }
		}},
		{Name: "one-way partition", Weight: 3, Lasts: between(time.Second, 40*time.Second), Strike: func(w *World) func() {
			h, to := pick(w, w.hosts), w.Chance(0.5)
			h.Cut(to, !to)
			return func() { h.Cut(false, false) }
		}},
		{Name: "slow network", Weight: 2, Lasts: between(time.Second, 20*time.Second), Strike: func(w *World) func() {
			w.Net.Jitter = 800 * time.Millisecond
			return func() { w.Net.Jitter = 2 * time.Millisecond }
		}},
		{Name: "lossy network", Weight: 3, Lasts: between(time.Second, 20*time.Second), Strike: func(w *World) func() {
			w.Net.Lost = 0.2
			return func() { w.Net.Lost = 0 }
		}},
		{Name: "late writes", Weight: 4, Lasts: between(time.Second, 30*time.Second), Strike: func(w *World) func() {
			w.Net.Late = 0.3
			return func() { w.Net.Late = 0 }
		}},
		{Name: "hanging watches", Weight: 2, Lasts: between(time.Second, 20*time.Second), Strike: func(w *World) func() {
			w.Net.Hang = 0.2
			return func() { w.Net.Hang = 0 }
		}},
		{Name: "etcd away", Weight: 2, Lasts: between(time.Second, 60*time.Second), Strike: func(w *World) func() {
			w.Net.EtcdStop()
			return w.Net.EtcdStart
		}},
		{Name: "compaction", Weight: 2, Strike: func(w *World) func() {
			w.compact()
			return nil
		}},
		{Name: "power loss", Weight: 2, Lasts: between(time.Second, 40*time.Second), Strike: func(w *World) func() {
			h := pick(w, w.hosts)
			h.PowerOff()
			return h.PowerOn
		}},
		{Name: "power loss of a room", Weight: 2, Lasts: between(5*time.Second, 60*time.Second), Strike: func(w *World) func() {
			var room []*NodeHost
			for _, i := range w.rng.Perm(len(w.nodes))[:min(len(w.nodes), 2+w.rng.IntN(3))] {
				room = append(room, w.nodes[i])
				w.nodes[i].PowerOff()
			}
			return func() {
				for _, n := range room {
					n.PowerOn()
				}
			}
		}},
		{Name: "wall clock step", Weight: 2, Strike: func(w *World) func() {
			pick(w, w.hosts).Step(w.Uniform(-time.Hour, time.Hour))
			return nil
		}},
		{Name: "lease revoked", Weight: 2, Strike: func(w *World) func() {
			w.revokeOne()
			return nil
		}},
	}
}

func (w *World) compact() {
	r, err := w.Etcd.Range(w.ctx, everything)
	if err == nil {
		err = w.Etcd.Compact(r.Revision)
	}
	w.Trace.Add(w.now, "fault", fmt.Sprintf("compaction at %d: %s", r.Revision, outcome(err)))
}

// revokeOne ends the lease of one key, as an operator's hand or a bug would.
func (w *World) revokeOne() {
	r, err := w.Etcd.Range(w.ctx, everything)
	if err != nil {
		w.fail(fmt.Errorf("read the twin: %w", err))
		return
	}
	leased := r.KVs[:0:0]
	for _, kv := range r.KVs {
		if kv.Lease != 0 {
			leased = append(leased, kv)
		}
	}
	if len(leased) == 0 {
		return
	}
	kv := pick(w, leased)
	w.Revoked[kv.Lease] = true
	w.Trace.Add(w.now, "fault", fmt.Sprintf("lease of %s revoked: %s", kv.Key, outcome(w.Etcd.Revoke(w.ctx, kv.Lease))))
}
