package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Sweep runs the standard run of many seeds.
type Sweep struct {
	First, Seeds uint64
	Workers      int           // how many seeds run at once; 0 is as many as there are CPUs
	CPU          time.Duration // the most that one seed may take; 0 is a default
	// Trace may return where a seed's lines go; nil is nowhere.
	Trace func(seed uint64) io.Writer
	// Progress is told now and then how far it is; nil is nobody.
	Progress io.Writer
	// Tell is handed the report as it is now and then, and in the end; nil is nobody.
	Tell func(Report)
}

const (
	defaultCPU    = 20 * time.Second
	progressEvery = 1000
	tellEvery     = 100
)

// errBroken: some seed broke a promise.
var errBroken = errors.New("a promise was broken")

// Run runs the seeds and reports what they did. The error wraps that of each seed that broke a promise. One
// that did nothing, or took too much time, has failed.
func (s Sweep) Run(ctx context.Context) (Report, error) {
	r := Report{First: s.First, Next: s.First, Kinds: map[string]int{}, Faults: map[string]int{}, Matrix: Matrix{}}
	failed, done := map[uint64]error{}, map[uint64]bool{}
	tell := func(took time.Duration) {
		r.Took, r.Failed = took, nil
		for _, seed := range slices.Sorted(maps.Keys(failed)) {
			r.Failed = append(r.Failed, Failure{seed, failed[seed]})
		}
		if s.Tell != nil {
			s.Tell(r)
		}
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	if s.Workers <= 0 {
		s.Workers = runtime.NumCPU()
	}
	group.SetLimit(s.Workers)
	began := time.Now()
	for seed := s.First; seed < s.First+s.Seeds; seed++ {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			run := s.one(ctx, seed)
			if ctx.Err() != nil {
				return ctx.Err() // it was told to stop, which is no failure of the seed
			}
			mu.Lock()
			defer mu.Unlock()
			r.add(run)
			if run.err != nil {
				failed[seed] = fmt.Errorf("%w (replay it with: nsched-sim -seed %d -trace; -shrink makes it smaller)", run.err, seed)
			}
			for done[seed] = true; done[r.Next]; r.Next++ {
				delete(done, r.Next)
			}
			if r.Seeds%tellEvery == 0 {
				tell(time.Since(began))
			}
			if s.Progress != nil && r.Seeds%progressEvery == 0 {
				_, _ = fmt.Fprintf(s.Progress, "%d seeds, %d failed, %v\n", r.Seeds, len(failed), time.Since(began).Round(time.Second))
			}
			return nil
		})
	}
	err := group.Wait()
	tell(time.Since(began))
	if len(r.Failed) > 0 {
		err = errors.Join(err, errBroken)
		for _, f := range r.Failed {
			err = errors.Join(err, f.Err)
		}
	}
	return r, err
}

// ran is what one seed did.
type ran struct {
	cluster *Cluster
	matrix  Matrix
	cpu     time.Duration
	err     error
}

// one runs one seed on a thread of its own, so that what it takes can be told from what others do.
func (s Sweep) one(ctx context.Context, seed uint64) ran {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var out io.Writer
	if s.Trace != nil {
		out = s.Trace(seed)
	}
	limit := s.CPU
	if limit == 0 {
		limit = defaultCPU
	}
	r := ran{matrix: Matrix{}}
	began := threadCPU()
	r.cluster, r.err = Play(ctx, Draw(seed), NewTrace(out), func(c *Cluster) {
		r.matrix.Record(c)
		c.Interrupt = func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if took := threadCPU() - began; took > limit {
				return fmt.Errorf("seed %d at %v: it has taken %v of CPU time, more than %v", seed, c.now, took.Round(time.Second), limit)
			}
			return nil
		}
	})
	r.cpu = threadCPU() - began
	return r
}

// threadCPU is how much CPU time this thread has used.
func threadCPU() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
