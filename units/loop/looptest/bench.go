package looptest

import (
	"context"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

// settleLimit is how many rounds a shell may take to come to rest before Settle calls it a spin.
const settleLimit = 10_000

// Bench is one shell under test: its mailbox, its executor and its clock.
type Bench struct {
	Mail *loop.Mailbox
	Exec *Executor
	// Now is the instant that the next Step sees. A test may set it; Boot never goes back.
	Now units.Instant
	// Tick, when set, is told of every move of the clock by Advance, so that a back end can expire its
	// leases by the same clock.
	Tick func(d time.Duration)

	t    testing.TB
	ctx  context.Context
	s    loop.Stepper
	next units.Instant
}

// NewBench returns a bench without a shell; Use puts one on it. The clock starts at an arbitrary wall
// time, one hour after boot.
func NewBench(t testing.TB) *Bench {
	mail := loop.NewMailbox()
	return &Bench{
		Mail: mail,
		Exec: NewExecutor(t.Context(), mail),
		Now:  units.Instant{Wall: time.Unix(1_800_000_000, 0).UTC(), Boot: time.Hour},
		t:    t,
		ctx:  t.Context(),
	}
}

// Use puts the shell on the bench.
func (b *Bench) Use(s loop.Stepper) { b.s = s }

// Step makes one pass and fails the test on an error. It returns what Step wished as its next instant.
func (b *Bench) Step() units.Instant {
	b.t.Helper()
	next, err := b.s.Step(b.ctx, b.Now)
	if err != nil {
		b.t.Fatalf("step: %v", err)
	}
	b.next = next
	return next
}

// Settle steps and runs every task as Applied until nothing is left to do at this instant.
func (b *Bench) Settle() {
	b.t.Helper()
	for range settleLimit {
		b.Step()
		due := b.next != (units.Instant{}) && b.Now.Reached(b.next.Boot)
		if b.Exec.RunAll() == 0 && b.Mail.Len() == 0 && !due {
			return
		}
	}
	b.t.Fatalf("settle: still busy after %d rounds; waiting %v", settleLimit, b.Exec.Waiting())
}

// Advance moves the clock by d, stopping to settle at every instant that Step wishes for on the way.
func (b *Bench) Advance(d time.Duration) {
	b.t.Helper()
	end := b.Now.Boot + d
	for b.Now.Boot < end {
		to := end
		if b.next != (units.Instant{}) && b.next.Boot > b.Now.Boot {
			to = min(to, b.next.Boot)
		}
		b.Move(to - b.Now.Boot)
		b.Settle()
	}
}

// Move moves the clock by d without a Step: the process was paused, or the test steps by hand.
func (b *Bench) Move(d time.Duration) {
	b.Now = b.Now.Add(d)
	if b.Tick != nil {
		b.Tick(d)
	}
}
