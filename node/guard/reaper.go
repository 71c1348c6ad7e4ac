package guard

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

// ReaperOptions makes a reaper. Every field but Logger is required.
type ReaperOptions struct {
	BootID  string
	Machine Machine // its Stop is never called
	Hearer  Hearer
	Logger  zerolog.Logger

	Mail     *loop.Mailbox
	Executor loop.Executor
}

// Reaper kills what is bound to a tenure that is not fresh, whatever has become of the guard, the service
// manager and etcd.
type Reaper struct {
	o     ReaperOptions
	began time.Duration
}

// NewReaper returns a reaper that has done nothing yet.
func NewReaper(o ReaperOptions) *Reaper { return &Reaper{o: o} }

// reapEvery is how often a reaper looks at the word.
const reapEvery = 200 * time.Millisecond

// Step makes one pass; see package loop.
func (r *Reaper) Step(_ context.Context, now units.Instant) (units.Instant, error) {
	r.o.Mail.Apply(now)
	if r.began == 0 {
		r.began = now.Boot
	}
	return now.Add(reapEvery), nil
}
