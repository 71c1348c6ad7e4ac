package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is what a sweep over seeds did.
type Report struct {
	First   uint64
	Next    uint64 // all seeds before it have been run
	Seeds   int
	Events  int
	Virtual time.Duration // how long all the worlds existed
	CPU     time.Duration
	Took    time.Duration
	Placed  int // units placed
	Stops   int // units stopped by a daemon
	Evicted int // units replaced for a loss
	Tasks   int
	Kinds   map[string]int
	Faults  map[string]int
	Matrix  Matrix
	Failed  []Failure // by seed
}

// Failure is a seed that broke a promise.
type Failure struct {
	Seed uint64
	Err  error
}

func (r *Report) add(o ran) {
	c := o.cluster
	r.Seeds++
	r.Events += c.Events
	r.Virtual += c.now
	r.CPU += o.cpu
	r.Placed += c.Watchman.Placed
	r.Stops += c.Watchman.Stops
	r.Evicted += c.Watchman.Evicted
	r.Tasks += c.Trace.Tasks()
	add(r.Kinds, c.Trace.Kinds)
	add(r.Faults, c.Trace.Strikes)
	r.Matrix.add(o.matrix)
}

func add(to, from map[string]int) {
	for name, n := range from { // order-free: it adds up
		to[name] += n
	}
}

// String tells it to people.
func (r Report) String() string {
	var b strings.Builder
	seeds := max(1, r.Seeds)
	fmt.Fprintf(&b, "%d seeds from %d on, %d of them failed: %v of virtual time in %v, %.2f s of CPU a seed, %.0f events a second of CPU\n",
		r.Seeds, r.First, len(r.Failed), r.Virtual.Round(time.Minute), r.Took.Round(time.Second), r.CPU.Seconds()/float64(seeds),
		float64(r.Events)/max(0.001, r.CPU.Seconds()))
	fmt.Fprintf(&b, "%.2f seeds and %.0f events a second of time; the next seed is %d\n",
		float64(r.Seeds)/max(0.001, r.Took.Seconds()), float64(r.Events)/max(0.001, r.Took.Seconds()), r.Next)
	fmt.Fprintf(&b, "%d units placed, %d stopped, %d replaced for a loss; %d requests, %d lives of processes, %d faults\n",
		r.Placed, r.Stops, r.Evicted, r.Tasks, r.Kinds["start"], r.Kinds["strike"])
	for _, name := range slices.Sorted(maps.Keys(r.Faults)) {
		fmt.Fprintf(&b, "  %7d  %s\n", r.Faults[name], name)
	}
	b.WriteString(r.Matrix.String())
	for _, f := range r.Failed {
		fmt.Fprintf(&b, "FAILED %v\n", f.Err)
	}
	return b.String()
}
