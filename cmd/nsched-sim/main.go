package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/nsched/nsched/cmd/nsched-sim/sim"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "nsched-sim:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, errs io.Writer) error {
	flags := flag.NewFlagSet("nsched-sim", flag.ContinueOnError)
	flags.SetOutput(errs)
	seed := flags.Uint64("seed", 1, "first seed")
	seeds := flags.Uint64("seeds", 1, "how many seeds")
	trace := flags.Bool("trace", false, "print everything that happens")
	workers := flags.Int("workers", runtime.NumCPU(), "how many seeds run at once")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *trace {
		*workers = 1
	}
	report, err := sim.Sweep(ctx, *seed, *seeds, *workers, func(uint64) io.Writer {
		if *trace {
			return out
		}
		return nil
	})
	_, _ = fmt.Fprint(out, report)
	return err
}
