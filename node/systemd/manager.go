package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
	"github.com/rs/zerolog"
)

// callTimeout bounds one call when the caller's context does not: libdbus' default. PID 1 was seen to
// take longer than that under load; the effect of such a call is unknown, like that of any that failed.
const callTimeout = 25 * time.Second

// Options of a Manager. The zero value is fit for use.
type Options struct {
	Log zerolog.Logger
	// Bounds is where bound units are noted; in BoundDir when it names no directory.
	Bounds Bounds
}

// Manager talks to the machine's systemd. It connects when it is first used and again after the
// connection broke: D-Bus was restarted, systemd executed itself anew. Its methods may be called from
// any goroutine.
type Manager struct {
	log    zerolog.Logger
	bounds Bounds
	// legacy is whether memory is counted by cgroup v1, where systemd cannot see an OOM kill.
	legacy bool
	hints  *hints
	known  known

	dialing chan struct{} // holds one token while somebody dials
	mu      sync.Mutex
	current *connection
	closed  bool
}

// connection is one connection and go-systemd's view of it.
type connection struct {
	*sd.Conn
	raw *dbus.Conn
	// direct is whether systemd is at the other end, not a message bus.
	direct bool
}

// New returns a manager. Nothing is opened before the first call.
func New(o Options) *Manager {
	_, err := os.Stat("/sys/fs/cgroup/memory")
	if o.Bounds.Dir == "" {
		o.Bounds.Dir = BoundDir
	}
	return &Manager{log: o.Log, bounds: o.Bounds, legacy: err == nil, hints: newHints(), dialing: make(chan struct{}, 1)}
}

// Close closes the connection. Calls under way fail with ErrUnavailable, and so do later ones.
func (m *Manager) Close() {
	m.mu.Lock()
	c := m.current
	m.current, m.closed = nil, true
	m.mu.Unlock()
	if c != nil {
		c.Close()
	}
}

// connect returns the connection, a new one if there is none or it broke.
func (m *Manager) connect(ctx context.Context) (*connection, error) {
	select {
	case m.dialing <- struct{}{}:
		defer func() { <-m.dialing }()
	case <-ctx.Done():
		return nil, fmt.Errorf("connect to systemd: %w: %w", ErrUnavailable, ctx.Err())
	}
	m.mu.Lock()
	c, closed := m.current, m.closed
	m.mu.Unlock()
	if closed {
		return nil, fmt.Errorf("connect to systemd: %w: the manager was closed", ErrUnavailable)
	}
	if c != nil && c.raw.Connected() {
		return c, nil
	}
	if c != nil {
		c.Close()
	}
	c, err := dial(ctx, m.hints)
	if err != nil {
		return nil, fmt.Errorf("connect to systemd: %w: %w", ErrUnavailable, errors.Join(ctx.Err(), err))
	}
	m.log.Debug().Bool("direct", c.direct).Msg("connected to systemd")
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		c.Close()
		return nil, fmt.Errorf("connect to systemd: %w: the manager was closed", ErrUnavailable)
	}
	m.current = c
	return c, nil
}

// The private socket of PID 1 needs no message bus, so units start and stop while dbus-daemon is
// restarted or broken. The bus is the fallback.
const (
	privateSocket = "unix:path=/run/systemd/private"
	systemBus     = "unix:path=/run/dbus/system_bus_socket"
)

func dial(ctx context.Context, h *hints) (*connection, error) {
	c, privateErr := dialAddress(ctx, privateSocket, true, h)
	if privateErr == nil {
		return c, nil
	}
	c, err := dialAddress(ctx, systemBus, false, h)
	if err != nil {
		return nil, errors.Join(privateErr, err)
	}
	return c, nil
}

// dialAddress makes one connection. It ends with ctx while it is being made, and lives on afterwards.
func dialAddress(ctx context.Context, address string, direct bool, h *hints) (*connection, error) {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	release := context.AfterFunc(ctx, cancel)
	raw, err := dbus.Dial(address, dbus.WithContext(life), dbus.WithSignalHandler(h.handler()))
	if err != nil {
		cancel()
		return nil, err
	}
	// EXTERNAL alone: the uid is all that systemd asks for.
	if err := raw.Auth([]dbus.Auth{dbus.AuthExternal(fmt.Sprint(os.Getuid()))}); err != nil {
		cancel()
		return nil, errors.Join(err, raw.Close())
	}
	if !direct {
		if err := raw.Hello(); err != nil {
			cancel()
			return nil, errors.Join(err, raw.Close())
		}
	}
	// go-systemd wants one connection for calls and one for signals, since its own handling of signals can
	// hold up a connection. Ours never blocks, and PID 1 need not send everything twice.
	conn, err := sd.NewConnection(func() (*dbus.Conn, error) { return raw, nil })
	if err != nil {
		cancel()
		return nil, errors.Join(err, raw.Close())
	}
	if !release() { // ctx ended, and so will the connection
		conn.Close()
		return nil, ctx.Err()
	}
	return &connection{Conn: conn, raw: raw, direct: direct}, nil
}

// call runs f on the connection, with a deadline, and sorts its error.
func (m *Manager) call(ctx context.Context, what, name string, f func(context.Context, *connection) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	c, err := m.connect(ctx)
	if err != nil {
		return fmt.Errorf("%s %s: %w", what, name, err)
	}
	if err := f(ctx, c); err != nil {
		return fmt.Errorf("%s %s: %w", what, name, classify(err))
	}
	return nil
}
