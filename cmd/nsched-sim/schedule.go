package main

import (
	"context"
	"fmt"
	"io"

	"github.com/nsched/nsched/cmd/nsched-sim/sim"
)

func scheduleOf(o options) (sim.Schedule, error) {
	if o.schedule == "" {
		return sim.Draw(o.seed), nil
	}
	return sim.ReadSchedule(o.schedule)
}

func play(ctx context.Context, o options, out io.Writer) error {
	s, err := scheduleOf(o)
	if err != nil {
		return err
	}
	t := sim.NewTrace(nil)
	if o.trace {
		t = sim.NewTrace(out)
	}
	if _, err = sim.Play(ctx, s, t); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d faults, %d acts: nothing was broken\n", len(s.Faults), len(s.Acts))
	return err
}

func shrink(ctx context.Context, o options, out io.Writer) error {
	s, err := scheduleOf(o)
	if err != nil {
		return err
	}
	found := sim.Shrink(ctx, s, o.runs, out)
	if found.Err == nil {
		_, err = fmt.Fprintln(out, "nothing was broken")
		return err
	}
	path := o.out
	if path == "" {
		path = fmt.Sprintf("seed-%d.json", s.Seed)
	}
	if err := found.Schedule.Write(path); err != nil {
		return err
	}
	for _, f := range found.Schedule.Faults {
		_, _ = fmt.Fprintln(out, "fault", f)
	}
	for _, a := range found.Schedule.Acts {
		_, _ = fmt.Fprintln(out, "act  ", a)
	}
	_, err = fmt.Fprintf(out, "%v\nafter %d runs; replay it with: nsched-sim -schedule %s -trace\n", found.Err, found.Runs, path)
	return err
}
