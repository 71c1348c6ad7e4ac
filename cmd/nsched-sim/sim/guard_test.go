package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/nsched/nsched/node/guard"
	"github.com/nsched/nsched/units"
)

// guardWorld is five nodes that do nothing but hold their place.
func guardWorld(t *testing.T, seed uint64) (*World, []*GuardHost) {
	w := New(t.Context(), seed, NewTrace(nil))
	var guards []*GuardHost
	for i := range 5 {
		g := w.AddGuard(w.AddHost(fmt.Sprintf("n%d", i+1)))
		guards = append(guards, g)
		g.Start()
	}
	w.Always("a fresh tenure is the one in etcd", func(w *World) error {
		for _, g := range guards {
			s, ok := g.Published()
			if !ok || !s.Fresh(s.Tenure, g.host.Instant().Boot) || w.Revoked[s.Lease] {
				continue
			}
			if got := aliveRevision(w, g.host.Name); got != s.Tenure {
				return fmt.Errorf("%s is fresh in tenure %d, etcd says %d", g.Name, s.Tenure, got)
			}
		}
		return nil
	})
	return w, guards
}

func aliveRevision(w *World, node string) int64 {
	r, err := w.Etcd.Range(w.ctx, rangeOf(Keys.Alive(units.NodeName(node))))
	if err != nil || len(r.KVs) == 0 {
		return 0
	}
	return r.KVs[0].CreateRevision
}

func TestEveryGuardHoldsItsPlaceAndIsFresh(t *testing.T) {
	w, guards := guardWorld(t, 1)
	if err := w.Run(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	for _, g := range guards {
		if s, _ := g.State(); !s.Fresh(s.Tenure, g.host.Instant().Boot) {
			t.Errorf("%s: %+v", g.Name, s)
		}
	}
}

func TestGuardsComeBackAfterEveryMixOfFaults(t *testing.T) {
	for seed := uint64(1); seed <= 200; seed++ {
		w, guards := guardWorld(t, seed)
		w.Chaos(BasicFaults(), 20, 10*time.Second, 5*time.Minute)
		if err := w.Run(6 * time.Minute); err != nil {
			t.Fatal(err)
		}
		for _, g := range guards {
			if s, err := g.State(); err != nil || !s.Fresh(s.Tenure, g.host.Instant().Boot) {
				t.Errorf("seed %d: %s does not hold its place a minute after the last fault: %+v %v", seed, g.Name, s, err)
			}
		}
		if w.Trace.Kinds["strike"] != 20 {
			t.Errorf("seed %d: %d faults struck, want 20", seed, w.Trace.Kinds["strike"])
		}
	}
}

func TestASeedReplaysBitForBit(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		var sums [2]string
		for i := range sums {
			w, _ := guardWorld(t, seed)
			w.Chaos(BasicFaults(), 20, 10*time.Second, 2*time.Minute)
			if err := w.Run(3 * time.Minute); err != nil {
				t.Fatal(err)
			}
			sums[i] = w.Trace.Sum()
		}
		if sums[0] != sums[1] {
			t.Fatalf("seed %d: the traces of two runs differ", seed)
		}
	}
}

func TestAGuardThatCrashesGoesOnInTheSameTenure(t *testing.T) {
	w, guards := guardWorld(t, 7)
	g := guards[0]
	if err := w.Run(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	before, _ := g.State()
	g.Kill()
	w.After(time.Second, g.Start)
	if err := w.Run(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	after, err := g.State()
	if err != nil || after.Tenure != before.Tenure || after.Phase != guard.PhaseHolding {
		t.Fatalf("before %+v, after %+v, %v", before, after, err)
	}
}

func TestARebootBeginsANewTenureOnceTheOldLeaseHasEnded(t *testing.T) {
	w, guards := guardWorld(t, 7)
	g := guards[0]
	if err := w.Run(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	before, _ := g.State()
	g.host.PowerOff()
	w.After(time.Second, g.host.PowerOn)
	if err := w.Run(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if s, _ := g.State(); s.Phase == guard.PhaseHolding {
		t.Fatalf("holds %+v while the old lease lives", s)
	}
	if err := w.Run(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	if s, _ := g.State(); s.Phase != guard.PhaseHolding || s.Tenure <= before.Tenure {
		t.Fatalf("before %+v, after %+v", before, s)
	}
}
