package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/nsched/nsched/cmd/nsched-sim/sim"
)

func main() {
	debug.SetGCPercent(400) // the worlds are small and full of short-lived values
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "nsched-sim:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	seed, seeds uint64
	workers     int
	cpu         time.Duration
	trace       bool
	schedule    string
	shrink      bool
	runs        int
	out         string
	report      string
}

func run(ctx context.Context, args []string, out, errs io.Writer) error {
	if len(args) > 0 && args[0] == "-planted" {
		return seek(ctx, args[1:], out)
	}
	var o options
	flags := flag.NewFlagSet("nsched-sim", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Uint64Var(&o.seed, "seed", 1, "first seed")
	flags.Uint64Var(&o.seeds, "seeds", 1, "how many seeds")
	flags.IntVar(&o.workers, "workers", runtime.NumCPU(), "how many seeds run at once")
	flags.DurationVar(&o.cpu, "cpu", 20*time.Second, "the most CPU time that one seed may take")
	flags.BoolVar(&o.trace, "trace", false, "print everything that happens")
	flags.StringVar(&o.schedule, "schedule", "", "play the schedule in this file, not a seed's")
	flags.BoolVar(&o.shrink, "shrink", false, "look for the smallest schedule that fails as the seed's, or the file's, does")
	flags.IntVar(&o.runs, "runs", 400, "how many runs -shrink may make")
	flags.StringVar(&o.out, "out", "", "where -shrink leaves what it found; seed-N.json by default")
	flags.StringVar(&o.report, "report", "", "a file that holds what a sweep has met so far; failing schedules are kept beside it")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil // it has been printed
	case err != nil:
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected %q", flags.Arg(0))
	case o.shrink:
		return shrink(ctx, o, out)
	case o.schedule != "":
		return play(ctx, o, out)
	}
	return sweep(ctx, o, out, errs)
}

func sweep(ctx context.Context, o options, out, errs io.Writer) error {
	s := sim.Sweep{First: o.seed, Seeds: o.seeds, Workers: o.workers, CPU: o.cpu, Progress: errs}
	if o.trace {
		s.Workers, s.Trace = 1, func(uint64) io.Writer { return out }
	}
	var kept error
	if o.report != "" {
		k := keeper{path: o.report, kept: map[uint64]bool{}}
		s.Tell = func(r sim.Report) { kept = errors.Join(kept, k.keep(r)) }
	}
	report, err := s.Run(ctx)
	_, _ = fmt.Fprint(out, report)
	if kept != nil {
		return kept
	}
	if err != nil {
		return errors.New("not every seed kept what nsched promises")
	}
	return nil
}
