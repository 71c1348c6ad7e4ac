package sim

import (
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

func TestClustersSurviveEveryMixOfFaults(t *testing.T) {
	for seed := uint64(1); seed <= 40; seed++ {
		if _, err := Standard(t.Context(), seed, NewTrace(nil)); err != nil {
			t.Error(err)
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
