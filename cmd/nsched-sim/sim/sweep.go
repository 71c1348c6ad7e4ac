package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Report is what a sweep over seeds did.
type Report struct {
	Seeds  int
	Placed int // units placed
	Stops  int // units stopped by a daemon
	Kinds  map[string]int
	Faults map[string]int
	Failed []error // one a seed, by seed
}

// String tells it to people.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d seeds: %d units placed, %d stopped, %d requests, %d lives of processes\n",
		r.Seeds, r.Placed, r.Stops, r.Kinds["task"], r.Kinds["start"])
	for _, name := range slices.Sorted(maps.Keys(r.Faults)) {
		fmt.Fprintf(&b, "  %6d  %s\n", r.Faults[name], name)
	}
	for _, err := range r.Failed {
		fmt.Fprintf(&b, "FAILED %v\n", err)
	}
	return b.String()
}

// errBroken: some seed broke a promise.
var errBroken = errors.New("a promise was broken")

// Sweep runs the standard run of seeds first, first+1 … and reports what they did. The error wraps that
// of each seed that broke a promise; trace, which may return nil, is where a seed's lines go.
func Sweep(ctx context.Context, first, seeds uint64, workers int, trace func(seed uint64) io.Writer) (Report, error) {
	r := Report{Kinds: map[string]int{}, Faults: map[string]int{}}
	failed := map[uint64]error{}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for seed := first; seed < first+seeds; seed++ {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			t := NewTrace(trace(seed))
			c, err := Standard(ctx, seed, t)
			mu.Lock()
			defer mu.Unlock()
			r.Seeds++
			r.Placed += c.Watchman.Placed
			r.Stops += c.Watchman.Stops
			add(r.Kinds, t.Kinds)
			add(r.Faults, t.Strikes)
			if err != nil {
				failed[seed] = fmt.Errorf("%w (replay it with: nsched-sim -seed %d -trace)", err, seed)
			}
			return nil
		})
	}
	err := group.Wait()
	for _, seed := range slices.Sorted(maps.Keys(failed)) {
		r.Failed = append(r.Failed, failed[seed])
	}
	if len(r.Failed) > 0 {
		err = errors.Join(err, errBroken, errors.Join(r.Failed...))
	}
	return r, err
}

func add(to, from map[string]int) {
	for name, n := range from {
		to[name] += n
	}
}
