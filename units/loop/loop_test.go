package loop

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsched/nsched/units"
)

type stepFunc func(context.Context, units.Instant) (units.Instant, error)

func (f stepFunc) Step(ctx context.Context, now units.Instant) (units.Instant, error) {
	return f(ctx, now)
}

// bubbleClock is the clock of a synctest bubble.
func bubbleClock() func() units.Instant {
	start := time.Now()
	return func() units.Instant {
		return units.Instant{Wall: time.Now(), Boot: time.Since(start)}
	}
}

func TestRunStepsAtTheInstantThatStepAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var at []time.Duration
		err := Run(ctx, stepFunc(func(_ context.Context, now units.Instant) (units.Instant, error) {
			at = append(at, now.Boot)
			if len(at) == 3 {
				cancel()
			}
			return now.Add(time.Second), nil
		}), NewMailbox(), bubbleClock())
		if err != nil {
			t.Fatal(err)
		}
		if len(at) != 3 || at[0] != 0 || at[1] != time.Second || at[2] != 2*time.Second {
			t.Fatalf("stepped at %v", at)
		}
	})
}

func TestACompletedTaskWakesTheShellAndIsAppliedByStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		mail := NewMailbox()
		pool := NewPool(ctx, mail)
		var got int
		started := false
		err := Run(ctx, stepFunc(func(_ context.Context, now units.Instant) (units.Instant, error) {
			mail.Apply(now)
			if !started {
				started = true
				Go(pool, "work", "k", func(context.Context) (int, error) {
					time.Sleep(time.Minute)
					return 42, nil
				}, func(_ units.Instant, v int, _ error) { got = v; cancel() })
			}
			return units.Instant{}, nil
		}), mail, bubbleClock())
		cancel()
		pool.Wait()
		if err != nil || got != 42 {
			t.Fatalf("got %d, %v", got, err)
		}
	})
}

func TestAnErrorOfStepEndsRun(t *testing.T) {
	boom := errors.New("boom")
	err := Run(t.Context(), stepFunc(func(context.Context, units.Instant) (units.Instant, error) {
		return units.Instant{}, boom
	}), NewMailbox(), Now)
	if !errors.Is(err, boom) {
		t.Fatalf("got %v", err)
	}
}

func TestEventsPostedByEventsAreAppliedInTheSameStep(t *testing.T) {
	mail := NewMailbox()
	var order []int
	mail.Post(func(units.Instant) {
		order = append(order, 1)
		mail.Post(func(units.Instant) { order = append(order, 2) })
	})
	if n := mail.Apply(units.Instant{}); n != 2 || len(order) != 2 {
		t.Fatalf("applied %d: %v", n, order)
	}
}

func TestTheBootClockNeverGoesBack(t *testing.T) {
	last := Now()
	for range 1000 {
		now := Now()
		if now.Boot < last.Boot {
			t.Fatalf("%v after %v", now.Boot, last.Boot)
		}
		last = now
	}
}
