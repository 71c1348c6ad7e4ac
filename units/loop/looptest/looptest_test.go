package looptest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

var errLost = errors.New("lost")

// counter asks the world once per Step until it has heard n answers.
type counter struct {
	mail   *loop.Mailbox
	x      loop.Executor
	world  *int
	heard  []error
	wanted int
	asked  int
}

func (c *counter) Step(_ context.Context, now units.Instant) (units.Instant, error) {
	c.mail.Apply(now)
	if c.asked < c.wanted {
		c.asked++
		loop.Go(c.x, "ask", "k", func(ctx context.Context) (int, error) {
			return Call(ctx, errLost, func(context.Context) (int, error) { *c.world++; return *c.world, nil })
		}, func(_ units.Instant, _ int, err error) { c.heard = append(c.heard, err) })
	}
	return now.Add(time.Second), nil
}

func TestEveryFateDoesToTheWorldWhatItSays(t *testing.T) {
	for _, c := range []struct {
		fate                Fate
		before, after       int
		heardWithoutAnError bool
	}{
		{Applied, 1, 1, true},
		{ReplyLost, 1, 1, false},
		{RequestLost, 0, 0, false},
		{Late, 0, 1, false},
	} {
		t.Run(c.fate.String(), func(t *testing.T) {
			b, world := NewBench(t), 0
			s := &counter{mail: b.Mail, x: b.Exec, world: &world, wanted: 1}
			b.Use(s)
			b.Step()
			task := b.Exec.Find("ask", "k")
			if task == nil || world != 0 {
				t.Fatalf("task %v ran by itself: %d", task, world)
			}
			task.Run(c.fate)
			b.Step()
			if world != c.before || len(s.heard) != 1 || (s.heard[0] == nil) != c.heardWithoutAnError {
				t.Fatalf("world %d, heard %v", world, s.heard)
			}
			task.Land()
			task.Land()
			if world != c.after {
				t.Fatalf("world %d after landing", world)
			}
		})
	}
}

func TestTasksRunInAnyOrderAndEventsComeWhenDelivered(t *testing.T) {
	b, world := NewBench(t), 0
	s := &counter{mail: b.Mail, x: b.Exec, world: &world, wanted: 2}
	b.Use(s)
	b.Step()
	b.Step()
	tasks := b.Exec.Waiting()
	tasks[1].Perform(Applied)
	tasks[0].Run(RequestLost)
	b.Step()
	if world != 1 || len(s.heard) != 1 || !errors.Is(s.heard[0], errLost) {
		t.Fatalf("world %d, heard %v", world, s.heard)
	}
	tasks[1].Deliver()
	tasks[1].Deliver()
	b.Step()
	if len(s.heard) != 2 || s.heard[1] != nil {
		t.Fatalf("heard %v", s.heard)
	}
}

func TestAdvanceStopsAtEveryWish(t *testing.T) {
	b, world, moved := NewBench(t), 0, time.Duration(0)
	b.Tick = func(d time.Duration) { moved += d }
	s := &counter{mail: b.Mail, x: b.Exec, world: &world, wanted: 5}
	b.Use(s)
	start := b.Now
	b.Step()
	b.Advance(3500 * time.Millisecond)
	if got := b.Now.Since(start); got != 3500*time.Millisecond || moved != got || world != 5 {
		t.Fatalf("moved %v and %v, world %d", got, moved, world)
	}
}
