package sim

import (
	"io"
	"runtime"
	"testing"
	"time"
)

func TestASubmittedAppIsPlacedAndBecomesHealthy(t *testing.T) {
	c := NewCluster(t.Context(), 1, NewTrace(nil), Size{Nodes: 3, Schedulers: 2})
	c.After(5*time.Second, func() { c.Operator.Submit(App(0), 3, 100) })
	if err := c.Run(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := c.Watchman.Settled(c.Operator); err != nil {
		t.Fatal(err)
	}
}

func TestAUnitOnALostNodeIsReplaced(t *testing.T) {
	c := NewCluster(t.Context(), 1, NewTrace(nil), Size{Nodes: 3, Schedulers: 2})
	c.After(5*time.Second, func() { c.Operator.Submit(App(0), 3, 100) })
	c.After(20*time.Second, func() { c.Nodes()[0].PowerOff() })
	if err := c.Run(60 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := c.Watchman.Settled(c.Operator); err != nil {
		t.Fatal(err)
	}
}

// sweepSeeds is how many seeds are run each time; more run with nsched-sim.
const sweepSeeds = 100

func TestClustersSurviveEveryMixOfFaults(t *testing.T) {
	r, err := Sweep(t.Context(), 1, sweepSeeds, runtime.NumCPU(), func(uint64) io.Writer { return nil })
	t.Log(r)
	if err != nil {
		t.Error(err)
	}
	for _, f := range StandardFaults() {
		if r.Faults[f.Name] == 0 {
			t.Errorf("the fault %q never struck", f.Name)
		}
	}
}

func TestAClusterReplaysBitForBit(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		a, b := NewTrace(nil), NewTrace(nil)
		_, _ = Standard(t.Context(), seed, a)
		_, _ = Standard(t.Context(), seed, b)
		if a.Sum() != b.Sum() {
			t.Errorf("seed %d: the traces of two runs differ", seed)
		}
	}
}
