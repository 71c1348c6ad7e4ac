package guard

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

// ReaperProcess is the reaper as a process. Options needs neither Mail nor Executor.
type ReaperProcess struct {
	Options ReaperOptions
	// Ready is called when the reaper is about to look for the first time.
	Ready func() error
	// Ping and PingEvery are as in Process.
	Ping      func()
	PingEvery time.Duration
	Clock     func() units.Instant
}

// Run reaps until ctx ends.
func (p ReaperProcess) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	o := p.Options
	o.Mail = loop.NewMailbox()
	pool := loop.NewPool(ctx, o.Mail)
	o.Executor = pool
	if p.Ready != nil {
		if err := p.Ready(); err != nil {
			return fmt.Errorf("say that the reaper is ready: %w", err)
		}
	}
	shell := &watched{Stepper: NewReaper(o), ping: p.Ping, every: p.PingEvery}
	group.Go(func() error { return loop.Run(ctx, shell, o.Mail, p.Clock) })
	err := group.Wait()
	pool.Wait()
	return err
}
