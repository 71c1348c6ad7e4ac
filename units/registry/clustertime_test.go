package registry_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// TestClusterTimeNeverGoesBackAndKeepsItsPace has machines with clocks that are wrong by days take turns
// at leading.
func TestClusterTimeNeverGoesBackAndKeepsItsPace(t *testing.T) {
	type machine struct {
		registry.ClusterTime
		boot, wrong time.Duration
		last        int64
		lastAt      time.Duration
	}
	rapid.Check(t, func(t *rapid.T) {
		elapsed := time.Duration(0)
		start := time.Unix(1_800_000_000, 0)
		machines := make([]*machine, 3)
		for i := range machines {
			machines[i] = &machine{
				boot:  time.Duration(rapid.IntRange(0, 1_000_000).Draw(t, "boot")) * time.Second,
				wrong: time.Duration(rapid.IntRange(-200_000, 200_000).Draw(t, "wrong")) * time.Second,
			}
		}
		now := func(m *machine) units.Instant {
			return units.Instant{Wall: start.Add(elapsed + m.wrong), Boot: elapsed + m.boot}
		}
		var written units.Clock
		leader := machines[0]
		check := func(m *machine, jumps bool) {
			got, ok := m.NowMs(now(m))
			if !ok {
				return
			}
			if m.last != 0 {
				passed := (elapsed - m.lastAt).Milliseconds()
				if got < m.last+passed-passed/100-1 || (!jumps && got > m.last+passed+passed/100+1) {
					t.Fatalf("%d ms went by, from %d to %d", passed, m.last, got)
				}
			}
			m.last, m.lastAt = got, elapsed
		}
		t.Repeat(map[string]func(*rapid.T){
			"time goes by": func(t *rapid.T) {
				elapsed += time.Duration(rapid.IntRange(1, 30_000).Draw(t, "ms")) * time.Millisecond
				for _, m := range machines {
					check(m, false)
				}
			},
			"the leader writes": func(t *rapid.T) {
				next := leader.Next(now(leader))
				if next.N != written.N+1 || next.TimeMs < written.TimeMs {
					t.Fatalf("wrote %+v after %+v", next, written)
				}
				written = next
				elapsed += time.Duration(rapid.IntRange(0, 50).Draw(t, "ms")) * time.Millisecond
				leader.Observe(now(leader), written)
				check(leader, false)
			},
			"one observes": func(t *rapid.T) {
				m := machines[rapid.IntRange(0, 2).Draw(t, "machine")]
				if written.N > 0 {
					m.Observe(now(m), written)
					check(m, true)
				}
			},
			"another leads": func(t *rapid.T) {
				leader = machines[rapid.IntRange(0, 2).Draw(t, "machine")]
				if written.N > 0 { // a leader has read everything first
					leader.Observe(now(leader), written)
					check(leader, true)
				}
			},
		})
	})
}

func TestClusterTimeComesToTheLeadersWallClockAndTellsHowFarItIs(t *testing.T) {
	var c registry.ClusterTime
	now := units.Instant{Wall: time.UnixMilli(1_800_000_020_000), Boot: time.Hour}
	if _, ok := c.NowMs(now); ok {
		t.Fatal("knows the time before it saw a clock")
	}
	c.Observe(now, units.Clock{N: 7, TimeMs: 1_800_000_000_000})
	rounds := 0
	for ; rounds < 1000; rounds++ {
		next := c.Next(now)
		if off, alarm := c.Adrift(); alarm != (off > 10*time.Second) {
			t.Fatalf("%s adrift, alarm %v", off, alarm)
		}
		if off, _ := c.Adrift(); off == 0 {
			break
		}
		now = now.Add(10 * time.Millisecond)
		c.Observe(now, next)
		now = now.Add(registry.ClockPeriod)
	}
	// 20 s at 1 % take 2,000 s, which are about 400 rounds.
	if rounds < 390 || rounds > 410 {
		t.Fatalf("took %d rounds", rounds)
	}
}

// A leader dies, and nobody leads for 20 s. Another was started meanwhile and takes the time up where it was written
// last; a third has counted on. When that leads next, what the second made due is not due 20 s too soon.
func TestWhoeverBeginsToLeadGoesOnWithTheTimeThatWasWritten(t *testing.T) {
	var old, third, second registry.ClusterTime
	now := units.Instant{Wall: time.UnixMilli(1_800_000_000_000), Boot: time.Hour}
	third.Observe(now, old.Next(now))
	clock := old.Next(now)
	now = now.Add(20 * time.Second)
	second.Observe(now, clock)
	second.Lead(now)
	set, _ := second.NowMs(now)
	clock = second.Next(now)
	clock.N++
	third.Observe(now, clock)
	if ahead, _ := third.NowMs(now); ahead != set+20_000 {
		t.Fatalf("the third is at %d, and not 20 s ahead of %d", ahead, set)
	}
	now = now.Add(3 * time.Second)
	third.Lead(now)
	if got, _ := third.NowMs(now); got != set+3000 {
		t.Fatalf("it leads at %d, 3 s after %d", got, set)
	}
	if next := third.Next(now); next.TimeMs != set+3000 || next.N != clock.N+1 {
		t.Fatalf("it writes %+v", next)
	}
}

func TestTheFirstClockIsTheLeadersWallClock(t *testing.T) {
	var c registry.ClusterTime
	now := units.Instant{Wall: time.UnixMilli(1_800_000_000_000), Boot: time.Hour}
	if got, want := c.Next(now), (units.Clock{N: 1, TimeMs: 1_800_000_000_000}); got != want {
		t.Fatalf("got %+v", got)
	}
	c.Observe(now.Add(time.Second), units.Clock{N: 1, TimeMs: 1_800_000_000_000})
	if got, ok := c.NowMs(now.Add(time.Second)); !ok || got != 1_800_000_001_000 {
		t.Fatalf("got %d: the second on the way counts", got)
	}
}

func TestAClusterThatWasSwitchedOffMayJumpAheadAndNeverBack(t *testing.T) {
	var c registry.ClusterTime
	now := units.Instant{Wall: time.UnixMilli(1_800_000_000_000), Boot: time.Minute}
	c.Observe(now, units.Clock{N: 7, TimeMs: 1_700_000_000_000})
	c.Jump(now)
	if got, _ := c.NowMs(now); got != 1_800_000_000_000 {
		t.Fatalf("got %d", got)
	}
	now.Wall = time.UnixMilli(1_600_000_000_000)
	c.Jump(now)
	if got, _ := c.NowMs(now); got != 1_800_000_000_000 {
		t.Fatalf("went back to %d", got)
	}
	if next := c.Next(now); next.N != 8 {
		t.Fatalf("%+v", next)
	}
}

func TestAfterARestoreTheClockCountsAnewAndTimeGoesOn(t *testing.T) {
	var c registry.ClusterTime
	now := units.Instant{Wall: time.UnixMilli(1_800_000_000_000), Boot: time.Minute}
	c.Observe(now, units.Clock{N: 100, TimeMs: 1_800_000_000_000})
	c.Observe(now, units.Clock{N: 50, TimeMs: 1_700_000_000_000})
	c.Reset()
	c.Observe(now, units.Clock{N: 50, TimeMs: 1_700_000_000_000})
	if got, ok := c.NowMs(now); !ok || got != 1_800_000_000_000 {
		t.Fatalf("got %d", got)
	}
	if next := c.Next(now); next.N != 51 {
		t.Fatalf("%+v", next)
	}
}

// A view brings the same clock with everything else that changes: each time it would be taken for one that was written
// just now, and the time fall behind.
func TestAClockThatWasSeenAlreadyChangesNothing(t *testing.T) {
	var once, often registry.ClusterTime
	at := func(after time.Duration) units.Instant {
		return units.Instant{Wall: time.Unix(1_800_000_000, 0).Add(after), Boot: time.Hour + after}
	}
	clock := units.Clock{N: 7, TimeMs: 1_800_000_000_000}
	once.Observe(at(0), clock)
	for after := time.Duration(0); after <= time.Minute; after += time.Second {
		often.Observe(at(after), clock)
	}
	want, _ := once.NowMs(at(2 * time.Minute))
	if got, _ := often.NowMs(at(2 * time.Minute)); got != want {
		t.Errorf("it is %d ms, want %d", got, want)
	}
	once.Lead(at(2 * time.Minute))
	often.Lead(at(2 * time.Minute))
	want, _ = once.NowMs(at(2 * time.Minute))
	if got, _ := often.NowMs(at(2 * time.Minute)); got != want {
		t.Errorf("for whoever begins to lead it is %d ms, want %d", got, want)
	}
}
