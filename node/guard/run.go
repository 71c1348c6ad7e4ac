package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

// Process is the guard as a process: the shell, its socket and its upgrade in place. Options needs
// neither Mail nor Executor.
type Process struct {
	Options Options
	Socket  string
	Version string
	// Ready is called when the socket answers, whether etcd does or not: what is bound to the guard
	// must be able to start while etcd is away, and is told then that it may not run.
	Ready func() error
	Clock func() units.Instant
}

// errUpgrade ends the shell so that the process can become another.
var errUpgrade = errors.New("the guard is asked to upgrade")

// Run holds the node's place until ctx ends. Ending the process does not end the tenure: a guard that
// comes back within the lease goes on with it.
func (p Process) Run(ctx context.Context) error {
	began := p.Clock().Boot
	l, err := Listen(p.Socket)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	if p.Ready != nil {
		if err := p.Ready(); err != nil {
			return fmt.Errorf("say that the guard is ready: %w", err)
		}
	}
	for {
		binary, err := p.live(ctx, l, began)
		if !errors.Is(err, errUpgrade) {
			return err
		}
		// Become returns only when it failed; the shell then goes on with what it saved.
		if err := Become(binary, l); err != nil {
			p.Options.Logger.Error().Err(err).Msg("guard could not upgrade and went on as it was")
		}
	}
}

// live runs the shell and the socket until ctx ends, one of them fails or an upgrade is asked for.
func (p Process) live(ctx context.Context, l *net.UnixListener, began time.Duration) (binary string, err error) {
	// Serving ended by a deadline; the next life starts without it.
	if err := l.SetDeadline(noDeadline); err != nil {
		return "", fmt.Errorf("serve the guard's socket: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	o := p.Options
	o.Mail = loop.NewMailbox()
	pool := loop.NewPool(ctx, o.Mail)
	o.Executor = pool
	g, err := New(o)
	if err != nil {
		return "", err
	}
	upgrades := make(chan string, 1)
	server := Server{
		State: g.State, Now: p.Clock, Version: p.Version, PID: os.Getpid(), Began: began, Logger: o.Logger,
		Upgrade: func(binary string) error {
			if err := CheckBinary(binary); err != nil {
				return err
			}
			select {
			case upgrades <- binary:
			default: // one is under way
			}
			return nil
		},
	}
	group.Go(func() error { return server.Serve(ctx, l) })
	group.Go(func() error { return loop.Run(ctx, g, o.Mail, p.Clock) })
	group.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case binary = <-upgrades:
			return errUpgrade
		}
	})
	err = group.Wait()
	g.Close()
	pool.Wait()
	if errors.Is(err, errUpgrade) {
		g.save()
	}
	return binary, err
}
