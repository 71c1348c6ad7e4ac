package main

import (
	"fmt"
	"os"

	"github.com/nsched/nsched/cmd/nsched-sim/sim"
)

// keeper keeps what a sweep has met in a file, and beside it the schedule of each seed that failed, as
// PATH.seed-N.json. A sweep that was ended goes on with -seed, which the file names.
type keeper struct {
	path string
	kept map[uint64]bool // schedules that are there
}

func (k keeper) keep(r sim.Report) error {
	for _, f := range r.Failed {
		if k.kept[f.Seed] {
			continue
		}
		if err := sim.Draw(f.Seed).Write(fmt.Sprintf("%s.seed-%d.json", k.path, f.Seed)); err != nil {
			return err
		}
		k.kept[f.Seed] = true
	}
	beside := k.path + ".new"
	if err := os.WriteFile(beside, []byte(r.String()), 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if err := os.Rename(beside, k.path); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
