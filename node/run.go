package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

// Process is the daemon as a process: the shell, systemd's hints and the API. Options needs neither
// Mail nor Executor.
type Process struct {
	Options Options
	Clock   func() units.Instant
	// Hints calls hint whenever systemd says that a unit changed, until ctx ends; nil is never.
	Hints func(ctx context.Context, hint func(units.UnitID)) error
	// Listener is where the API answers; nil is nowhere. Process closes it.
	Listener net.Listener
	Journal  Journal
	// Ready is called once the API answers.
	Ready func() error
}

// closeWithin bounds how long the API may take to end the answers under way.
const closeWithin = time.Second

// Run makes the node agree with the registry until ctx ends. Ending it stops no unit.
func (p Process) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	o := p.Options
	o.Mail = loop.NewMailbox()
	pool := loop.NewPool(ctx, o.Mail)
	o.Executor = pool
	d, err := New(o)
	if err != nil {
		return err
	}
	group.Go(func() error { return loop.Run(ctx, d, o.Mail, p.Clock) })
	if p.Hints != nil {
		group.Go(func() error { return p.Hints(ctx, func(units.UnitID) { d.Hint() }) })
	}
	if p.Listener != nil {
		server := &http.Server{
			Handler:           API{Overview: d.Overview, Journal: p.Journal, Logger: o.Logger}.Handler(),
			ReadHeaderTimeout: 10 * time.Second,
			BaseContext:       func(net.Listener) context.Context { return ctx },
		}
		group.Go(func() error {
			if err := server.Serve(p.Listener); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve the node's API: %w", err)
			}
			return nil
		})
		group.Go(func() error {
			<-ctx.Done()
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
			defer cancel()
			if server.Shutdown(end) != nil {
				return server.Close()
			}
			return nil
		})
	}
	if p.Ready != nil {
		if err := p.Ready(); err != nil {
			return fmt.Errorf("say that the daemon is ready: %w", err)
		}
	}
	err = group.Wait()
	d.Close()
	pool.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
