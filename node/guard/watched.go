package guard

import (
	"context"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

// watched is a shell that shows the service manager that its loop goes round: a loop that hangs is killed.
type watched struct {
	loop.Stepper
	ping  func() // nil: nobody watches
	every time.Duration
	last  time.Duration
}

// Step implements loop.Stepper. ping must not block.
func (w *watched) Step(ctx context.Context, now units.Instant) (units.Instant, error) {
	next, err := w.Stepper.Step(ctx, now)
	if err != nil || w.ping == nil {
		return next, err
	}
	if w.last == 0 || now.Reached(w.last+w.every) {
		w.last = now.Boot
		w.ping()
	}
	return loop.Earliest(next, now.Add(w.last+w.every-now.Boot)), nil
}
