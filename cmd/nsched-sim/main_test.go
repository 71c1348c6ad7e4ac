package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsched/nsched/cmd/nsched-sim/sim"
)

func TestAKeptScheduleIsPlayed(t *testing.T) {
	var out, errs strings.Builder
	if err := run(t.Context(), []string{"-schedule", "sim/testdata/nobody-leads-after-a-restore.json"}, &out, &errs); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "nothing was broken") {
		t.Errorf("said %q", out.String())
	}
}

// A failure that cannot be missed: an act that nobody knows.
func TestWhatFailsIsShrunkIntoAFileThatFails(t *testing.T) {
	dir := t.TempDir()
	file, found := filepath.Join(dir, "in.json"), filepath.Join(dir, "out.json")
	s := sim.Schedule{Seed: 1, Nodes: 2, Schedulers: 1, End: sim.Span(60e9), Acts: []sim.Act{{At: sim.Span(5e9), Kind: "juggle"}, {At: sim.Span(6e9), Kind: "submit", Count: 1, CPU: 100}}}
	if err := s.Write(file); err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	if err := run(t.Context(), []string{"-schedule", file, "-shrink", "-runs", "10", "-out", found}, &out, &errs); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "-schedule "+found+" -trace") {
		t.Errorf("said %q", out.String())
	}
	if err := run(t.Context(), []string{"-schedule", found}, &out, &errs); err == nil {
		t.Error("what was found does not fail")
	}
}

func TestASweepTellsWhatItMet(t *testing.T) {
	var out, errs strings.Builder
	if err := run(t.Context(), []string{"-seed", "2"}, &out, &errs); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"1 seeds from 2 on, 0 of them failed", "reachable and not hit:", "not reachable (-):"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("does not say %q:\n%s", want, out.String())
		}
	}
}

func TestASweepLeavesItsReportAndTheScheduleOfWhatFailed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "soak.txt")
	var out, errs strings.Builder
	// No seed does anything within a nanosecond of CPU time, so both fail.
	if err := run(t.Context(), []string{"-seed", "5", "-seeds", "2", "-cpu", "1ns", "-report", path}, &out, &errs); err == nil {
		t.Fatal("a sweep in which every seed failed went well")
	}
	report, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 seeds from 5 on, 2 of them failed", "the next seed is 7", "events a second of time"} {
		if !strings.Contains(string(report), want) {
			t.Errorf("does not say %q:\n%s", want, report)
		}
	}
	kept, err := sim.ReadSchedule(path + ".seed-6.json")
	if err != nil || kept.Seed != 6 || len(kept.Faults) == 0 {
		t.Errorf("%+v, %v", kept, err)
	}
}

func TestHelpIsNoFailure(t *testing.T) {
	for _, flag := range []string{"-h", "--help"} {
		var out, errs strings.Builder
		if err := run(t.Context(), []string{flag}, &out, &errs); err != nil {
			t.Errorf("%s: %v", flag, err)
		}
		if help := errs.String(); !strings.Contains(help, "-seeds") || !strings.Contains(help, "-shrink") || strings.Contains(help, "requested") {
			t.Errorf("%s says %q", flag, help)
		}
	}
}

func TestWrongFlagsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-nothing"}, {"seed"}, {"-schedule", "/does/not/exist"}} {
		var out, errs strings.Builder
		if err := run(t.Context(), args, &out, &errs); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
}
