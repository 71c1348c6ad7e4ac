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
	// Ping tells the service manager that the loop goes round, at least every PingEvery. It must not
	// block. nil: nobody watches.
	Ping      func()
	PingEvery time.Duration
	// GoingDown reports whether the machine goes down. It is asked once the process is told to end; where it
	// is not so, or cannot be found out, the tenure is kept. nil: never.
	GoingDown func(context.Context) (bool, error)
	Clock     func() units.Instant
}

var (
	// errUpgrade ends the shell so that the process can become another.
	errUpgrade = errors.New("the guard is asked to upgrade")
	// errEnded ends it for good.
	errEnded = errors.New("the guard is told to end")
)

// Run holds the node's place until ctx ends. Ending the process does not end the tenure: a guard that
// comes back within the lease goes on with it. Only when the machine goes down it is given up first.
func (p Process) Run(ctx context.Context) error {
	began := p.Clock().Boot
	lock, err := TakeLock(p.Socket + ".lock")
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
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
		switch {
		case errors.Is(err, errEnded):
			return nil
		case !errors.Is(err, errUpgrade):
			return err
		}
		if p.Ping != nil {
			p.Ping() // the program to come has all the time to begin that the service manager gives
		}
		// Become returns only when it failed; the shell then goes on with what it saved.
		if err := Become(binary, l, lock); err != nil {
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
	// The end of ctx is not the end of everything: there may be a tenure to give up first.
	group, life := errgroup.WithContext(context.WithoutCancel(ctx))
	o := p.Options
	o.Mail = loop.NewMailbox()
	pool := loop.NewPool(life, o.Mail)
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
	shell := &watched{Stepper: g, ping: p.Ping, every: p.PingEvery}
	group.Go(func() error { return server.Serve(life, l) })
	group.Go(func() error { return loop.Run(life, shell, o.Mail, p.Clock) })
	group.Go(func() error {
		select {
		case <-life.Done():
			return nil
		case binary = <-upgrades:
			return errUpgrade
		case <-ctx.Done():
			p.farewell(life, g)
			return errEnded
		}
	})
	err = group.Wait()
	g.Close()
	if errors.Is(err, errUpgrade) {
		g.save()
		wait(pool, upgradeWithin)
		return binary, err
	}
	pool.Wait()
	return binary, err
}

// How long the end may take.
const (
	upgradeWithin  = time.Second
	askDownWithin  = 5 * time.Second
	farewellWithin = 20 * time.Second
	farewellLook   = 20 * time.Millisecond
)

// farewell gives up the tenure if the machine goes down. etcd may be gone already: the lease then ends by
// itself.
func (p Process) farewell(ctx context.Context, g *Guard) {
	if p.GoingDown == nil {
		return
	}
	asking, cancel := context.WithTimeout(ctx, askDownWithin)
	defer cancel()
	down, err := p.GoingDown(asking)
	if err != nil {
		p.Options.Logger.Warn().Err(err).Msg("guard could not find out whether the machine goes down, and keeps its tenure")
	}
	if !down || err != nil {
		return
	}
	g.End("the machine goes down")
	ctx, cancel = context.WithTimeout(ctx, farewellWithin)
	defer cancel()
	look := time.NewTicker(farewellLook)
	defer look.Stop()
	for g.State().Phase != PhaseEnded {
		select {
		case <-look.C:
		case <-ctx.Done():
			p.Options.Logger.Warn().Msg("guard could not give its tenure back before the machine goes down; the lease ends by itself")
			return
		}
	}
}

// wait waits for the pool's tasks, but not for one that hangs: execve ends them all.
func wait(pool *loop.Pool, within time.Duration) {
	done := make(chan struct{})
	go func() {
		pool.Wait()
		close(done)
	}()
	limit := time.NewTimer(within)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
	}
}
