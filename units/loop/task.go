package loop

import (
	"context"

	"github.com/nsched/nsched/units"
)

// Stepper is a shell. Step never blocks; next is when it wants to be called again if no event comes
// before, the zero Instant meaning "only for an event". An error is fatal: the shell is finished.
type Stepper interface {
	Step(ctx context.Context, now units.Instant) (next units.Instant, err error)
}

// Event is something that happened, applied by Step on its own goroutine.
type Event func(now units.Instant)

// Task is one piece of slow work.
type Task struct {
	// Kind is what is done ("txn", "realise", "start"), for logs, metrics and traces; constant.
	Kind string
	// Key is what it is done to: a unit, a path, a key.
	Key string
	// Do does it, off the shell's goroutine, and returns the event that tells of it. It touches
	// nothing of the shell.
	Do func(ctx context.Context) Event
}

// Executor runs tasks. Start never blocks and never calls Do on the caller's goroutine before it
// returns; the event reaches the mailbox of the shell that the executor belongs to. Events of tasks
// may come in any order, and none comes once the shell has ended.
type Executor interface {
	Start(Task)
}

// Go starts do and applies done with its outcome in a later Step.
func Go[T any](x Executor, kind, key string, do func(context.Context) (T, error), done func(now units.Instant, v T, err error)) {
	x.Start(Task{Kind: kind, Key: key, Do: func(ctx context.Context) Event {
		v, err := do(ctx)
		return func(now units.Instant) { done(now, v, err) }
	}})
}

// Earliest returns the earlier of two wake-up instants; the zero Instant is no wish at all.
func Earliest(a, b units.Instant) units.Instant {
	switch {
	case a == units.Instant{}:
		return b
	case b == units.Instant{}:
		return a
	case b.Boot < a.Boot:
		return b
	}
	return a
}
