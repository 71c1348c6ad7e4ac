package sim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Strike is one fault as data: what goes wrong, when, with what, and for how long. Where Target names a
// role or a kind of thing, Pick says which of those that are there at that moment; it is also the seed of
// everything else that the fault draws.
type Strike struct {
	At     Span   `json:"at"`
	Kind   string `json:"kind"`
	Target string `json:"target,omitempty"`
	Lasts  Span   `json:"lasts,omitempty"`
	Pick   uint32 `json:"pick,omitempty"`
	// When is what it waits for, a dimension of the matrix and its state, as in "unit fetching"; "" is nothing.
	When string `json:"when,omitempty"`
}

// String tells it on one line.
func (s Strike) String() string {
	if s.When != "" {
		return fmt.Sprintf("%v or later, at %s: %s %s for %v (%d)", s.At.D(), s.When, s.Kind, s.Target, s.Lasts.D(), s.Pick)
	}
	return fmt.Sprintf("%v %s %s for %v (%d)", s.At.D(), s.Kind, s.Target, s.Lasts.D(), s.Pick)
}

// draws is the random source of the strike's own.
func (s Strike) draws(w *World) *rand.Rand { return rand.New(rand.NewPCG(w.Seed, uint64(s.Pick))) }

// Fault is a class of things that go wrong for a while.
type Fault struct {
	Name string
	// Weight is how often it is drawn, relative to the others.
	Weight int
	// Least and Most bound how long it lasts; both 0 is no time at all.
	Least, Most time.Duration
	// Aim draws what it hits; false is that there is no such thing.
	Aim func(c Cast, r *rand.Rand) (target string, ok bool)
	// Strike makes it happen and returns how it ends; nil when it ends by itself.
	Strike func(w *World, s Strike) (heal func())
}

// Cast is who there is to be hit.
type Cast struct{ Processes, Hosts, Nodes, Schedulers []string }

// Cast returns who there is.
func (w *World) Cast() Cast {
	var c Cast
	for _, p := range w.procs {
		c.Processes = append(c.Processes, p.Name)
	}
	for _, h := range w.hosts {
		c.Hosts = append(c.Hosts, h.Name)
	}
	for _, n := range w.nodes {
		c.Nodes = append(c.Nodes, n.Name)
	}
	for _, p := range w.schedulers {
		c.Schedulers = append(c.Schedulers, p.Name)
	}
	return c
}

// draw draws n faults over the time from..to, in the order of time. Each ends by then.
func draw(faults []Fault, c Cast, r *rand.Rand, n int, from, to time.Duration) []Strike {
	total := 0
	for _, f := range faults {
		total += f.Weight
	}
	var strikes []Strike
	for len(strikes) < n {
		f := faults[0]
		d := r.IntN(total)
		for _, f = range faults {
			if d -= f.Weight; d < 0 {
				break
			}
		}
		s := Strike{At: Span(uniform(r, from, to)), Kind: f.Name, Pick: r.Uint32()}
		if f.Most > 0 {
			s.Lasts = min(Span(uniform(r, f.Least, f.Most)), Span(to)-s.At)
		}
		ok := true
		if f.Aim != nil {
			s.Target, ok = f.Aim(c, r)
		}
		if ok {
			strikes = append(strikes, s)
		}
	}
	slices.SortStableFunc(strikes, func(a, b Strike) int { return cmp.Compare(a.At, b.At) })
	return strikes
}

// uniform draws a whole number of milliseconds from low..high: a schedule is read by people.
func uniform(r *rand.Rand, low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return (low + time.Duration(r.Int64N(int64(high-low)))).Round(time.Millisecond)
}

// Chaos strikes n faults, drawn from the seed, spread over the time from..to from now on, and ends each of
// them by then.
func (w *World) Chaos(faults []Fault, n int, from, to time.Duration) {
	for _, s := range draw(faults, w.Cast(), w.rng, n, from, to) {
		w.Strike(s)
	}
}

// Strike makes the fault happen at its time, counted from now. One of an unknown kind ends the run; one
// that hits nobody does nothing, so that a schedule goes on when a machine is taken out of it.
func (w *World) Strike(s Strike) {
	at := slices.IndexFunc(StandardFaults(), func(f Fault) bool { return f.Name == s.Kind })
	if at < 0 {
		w.fail(fmt.Errorf("there is no fault %q", s.Kind))
		return
	}
	f := StandardFaults()[at]
	strike := func() {
		w.Trace.Strike(w.now, s)
		for _, told := range w.struck {
			told(s)
		}
		if heal := f.Strike(w, s); heal != nil {
			w.After(s.Lasts.D(), heal)
		}
	}
	w.After(s.At.D(), func() {
		if s.When != "" && w.met != nil {
			w.await(s, strike)
			return
		}
		strike()
	})
}

// OnStrike is told of each fault just before it happens.
func (w *World) OnStrike(told func(Strike)) { w.struck = append(w.struck, told) }

func (w *World) host(name string) *Host {
	for _, h := range w.hosts {
		if h.Name == name {
			return h
		}
	}
	return nil
}

func (w *World) node(name string) *NodeHost {
	for _, n := range w.nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

func (w *World) process(name string) *Process {
	for _, p := range w.procs {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// pick draws one of the slice, or its zero value when it is empty.
func pick[T any](r *rand.Rand, from []T) T {
	var none T
	if len(from) == 0 {
		return none
	}
	return from[r.IntN(len(from))]
}

// aim draws one of the list.
func aim(list func(Cast) []string) func(Cast, *rand.Rand) (string, bool) {
	return func(c Cast, r *rand.Rand) (string, bool) {
		return pick(r, list(c)), len(list(c)) > 0
	}
}

var (
	anyProcess   = aim(func(c Cast) []string { return c.Processes })
	anyHost      = aim(func(c Cast) []string { return c.Hosts })
	anyNode      = aim(func(c Cast) []string { return c.Nodes })
	anyScheduler = aim(func(c Cast) []string { return c.Schedulers })
)

// theNodes is for a fault of all machines that run units.
func theNodes(c Cast, _ *rand.Rand) (string, bool) { return "", len(c.Nodes) > 0 }

// StandardFaults are the faults that every shell must survive.
func StandardFaults() []Fault { return standardFaults }

// BasicFaults are those of them that leave alone what etcd holds: they need nobody who sets it right again.
func BasicFaults() []Fault {
	return slices.DeleteFunc(slices.Concat(processFaults, networkFaults, etcdFaults, hostFaults), func(f Fault) bool {
		return f.Name == "etcd restored" || f.Name == "etcd full"
	})
}

var standardFaults = slices.Concat(processFaults, networkFaults, etcdFaults, hostFaults, machineFaults, unitFaults, handFaults)

// onProcess, onHost and onNode make a strike of what hits one of these; one that is not there is not hit.
func onProcess(do func(*World, Strike, *Process) func()) func(*World, Strike) func() {
	return func(w *World, s Strike) func() {
		if p := w.process(s.Target); p != nil {
			return do(w, s, p)
		}
		return nil
	}
}

func onHost(do func(*World, Strike, *Host) func()) func(*World, Strike) func() {
	return func(w *World, s Strike) func() {
		if h := w.host(s.Target); h != nil {
			return do(w, s, h)
		}
		return nil
	}
}

func onNode(do func(*World, Strike, *NodeHost) func()) func(*World, Strike) func() {
	return func(w *World, s Strike) func() {
		if n := w.node(s.Target); n != nil {
			return do(w, s, n)
		}
		return nil
	}
}
