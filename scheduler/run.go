package scheduler

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

// Process is the scheduler as a process: the shell and its API. Options needs neither Mail nor Executor.
type Process struct {
	Options Options
	Clock   func() units.Instant
	// Listener is where the API answers; nil is nowhere. Process closes it.
	Listener net.Listener
	// Ready is called once the API answers.
	Ready func() error
}

const (
	// resignWithin bounds how long a clean end waits for etcd: a leader that cannot give its key back
	// loses it with its lease.
	resignWithin = 2 * time.Second
	resignLook   = 5 * time.Millisecond
	closeWithin  = time.Second
)

// Run schedules until ctx ends, and then gives the leadership up, so that another takes over at once.
func (p Process) Run(ctx context.Context) error {
	// The shell outlives ctx for as long as it takes to resign.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	group, life := errgroup.WithContext(life)
	o := p.Options
	o.Mail = loop.NewMailbox()
	pool := loop.NewPool(life, o.Mail)
	o.Executor = pool
	s, err := New(o)
	if err != nil {
		end()
		pool.Wait()
		if p.Listener != nil {
			_ = p.Listener.Close() // nothing was served there
		}
		return err
	}
	defer func() {
		s.Close()
		pool.Wait()
	}()
	group.Go(func() error { return loop.Run(life, s, o.Mail, p.Clock) })
	group.Go(func() error {
		defer end()
		select {
		case <-life.Done():
			return nil
		case <-ctx.Done():
		}
		s.Resign()
		look := time.NewTicker(resignLook)
		defer look.Stop()
		for late := time.Now().Add(resignWithin); !s.Overview().Resigned && time.Now().Before(late); {
			select {
			case <-life.Done():
				return nil
			case <-look.C:
			}
		}
		return nil
	})
	if p.Listener != nil {
		p.serve(life, group, s)
	}
	if p.Ready != nil {
		if err := p.Ready(); err != nil {
			end()
			return errors.Join(fmt.Errorf("say that the scheduler is ready: %w", err), group.Wait())
		}
	}
	err = group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// serve answers the API until life ends.
func (p Process) serve(life context.Context, group *errgroup.Group, s *Scheduler) {
	server := &http.Server{
		Handler:           API{Overview: s.Overview, Preview: s.Preview, Names: s.NamesReport, Logger: p.Options.Logger}.Handler(),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return life },
	}
	group.Go(func() error {
		if err := server.Serve(p.Listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve the scheduler's API: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-life.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(life), closeWithin)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			return server.Close()
		}
		return nil
	})
}
