package loop

import (
	"context"
	"time"

	"github.com/nsched/nsched/units"
)

// longestNap bounds a wait, since a Go timer does not count the time a machine was suspended and the
// boot clock does.
const longestNap = 5 * time.Second

// Run drives a shell until ctx ends or Step fails. clock is Now, or a test's own. It returns nil when
// ctx ended: being told to stop is no failure.
func Run(ctx context.Context, s Stepper, mail *Mailbox, clock func() units.Instant) error {
	timer := time.NewTimer(longestNap)
	defer timer.Stop()
	for ctx.Err() == nil {
		now := clock()
		next, err := s.Step(ctx, now)
		if err != nil {
			return err
		}
		nap := longestNap
		if next != (units.Instant{}) {
			nap = min(nap, max(0, next.Boot-clock().Boot))
		}
		timer.Reset(nap)
		select {
		case <-ctx.Done():
		case <-mail.Wake():
		case <-timer.C:
		}
	}
	return nil
}
