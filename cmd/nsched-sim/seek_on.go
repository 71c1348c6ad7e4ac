//go:build planted

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nsched/nsched/cmd/nsched-sim/sim"
	"github.com/nsched/nsched/units/planted"
)

// finding is what became of one mistake: a line of JSON each.
type finding struct {
	Bug     planted.Bug `json:"bug"`
	Seed    uint64      `json:"seed,omitempty"`    // 0: no seed noticed it
	Promise sim.Promise `json:"promise,omitempty"` // that was broken
	Broken  string      `json:"broken,omitempty"`
	Seconds float64     `json:"seconds"`
	// Sober is what the same seed breaks without the mistake: nothing, or the mistake was not what was noticed.
	Sober string `json:"sober,omitempty"`
}

// seek turns on one mistake after the other and asks seeds, in order, until one breaks a promise. The
// mistakes are named, separated by commas.
func seek(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("nsched-sim -planted", flag.ContinueOnError)
	seed := flags.Uint64("seed", 1, "first seed")
	seeds := flags.Uint64("seeds", 60, "how many seeds are asked at most")
	if len(args) == 0 {
		return errors.New("name the mistakes: nsched-sim -planted BUG,BUG [-seed N] [-seeds N]")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	for name := range strings.SplitSeq(args[0], ",") {
		bug := planted.Bug(name)
		if !slices.Contains(planted.Bugs(), bug) {
			return fmt.Errorf("there is no mistake %q: %q", name, planted.Bugs())
		}
		planted.Plant(bug)
		f := first(ctx, *seed, *seeds)
		planted.Plant()
		if err := ctx.Err(); err != nil {
			return err
		}
		f.Bug = bug
		if f.Seed != 0 {
			if _, err := sim.Standard(ctx, f.Seed, sim.NewTrace(nil)); err != nil {
				f.Sober = err.Error()
			}
		}
		if err := json.NewEncoder(out).Encode(f); err != nil {
			return err
		}
	}
	return nil
}

// first is the first seed that breaks a promise, all before it having kept theirs.
func first(ctx context.Context, from, seeds uint64) finding {
	began := time.Now()
	broke := map[uint64]error{}
	next, end := from, from+seeds
	var mu sync.Mutex
	take := func() (seed uint64, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		seed = next
		next++
		return seed, seed < end && ctx.Err() == nil
	}
	var group sync.WaitGroup
	for range runtime.NumCPU() {
		group.Go(func() {
			for seed, ok := take(); ok; seed, ok = take() {
				if _, err := sim.Standard(ctx, seed, sim.NewTrace(nil)); err != nil {
					mu.Lock()
					broke[seed], end = err, min(end, seed)
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	f := finding{Seconds: time.Since(began).Seconds()}
	if err := broke[end]; err != nil {
		f.Seed, f.Broken = end, err.Error()
		var b *sim.Broken
		if errors.As(err, &b) {
			f.Promise = b.Promise
		}
	}
	return f
}
