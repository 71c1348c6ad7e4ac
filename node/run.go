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
	// Listener is where the API answers; nil is nowhere. Run closes it.
	Listener net.Listener
	Journal  Journal
	// Ready is called once the API answers.
	Ready func() error
}

// closeWithin bounds how long the API may take to end the answers under way.
const closeWithin = time.Second

// Run makes the node agree with the registry until ctx ends. Ending it stops no unit. When the machine goes
// down it tells the cluster what that stopped before it returns.
func (p Process) Run(ctx context.Context) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	group, life := errgroup.WithContext(life)
	o := p.Options
	o.Mail = loop.NewMailbox()
	pool := loop.NewPool(life, o.Mail)
	o.Executor = pool
	d, err := New(o)
	if err != nil {
		return errors.Join(err, p.close())
	}
	group.Go(func() error { return loop.Run(life, d, o.Mail, p.Clock) })
	group.Go(func() error {
		select {
		case <-ctx.Done():
			leave(life, d, o.Services)
			end()
		case <-life.Done():
		}
		return nil
	})
	if p.Hints != nil {
		group.Go(func() error { return p.Hints(life, func(units.UnitID) { d.Hint() }) })
	}
	p.serve(life, group, d)
	group.Go(func() error {
		if p.Ready == nil {
			return nil
		}
		if err := p.Ready(); err != nil {
			return fmt.Errorf("say that the daemon is ready: %w", err)
		}
		return nil
	})
	err = group.Wait()
	d.Close()
	end()
	pool.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// close closes the listener that was never served.
func (p Process) close() error {
	if p.Listener == nil {
		return nil
	}
	return p.Listener.Close()
}

// serve answers on the API until ctx ends, and closes the listener.
func (p Process) serve(ctx context.Context, group *errgroup.Group, d *Daemon) {
	if p.Listener == nil {
		return
	}
	server := &http.Server{
		Handler:           API{Overview: d.Overview, Journal: p.Journal, Logger: p.Options.Logger}.Handler(),
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
