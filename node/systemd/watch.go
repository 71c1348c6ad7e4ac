package systemd

import (
	"context"
	"fmt"

	"github.com/nsched/nsched/units"
)

// Watch calls hint with each unit that may have changed, the zero UnitID meaning that any may have, as
// it does once at the beginning. It returns nil when ctx ends and ErrUnavailable when the connection
// broke; the caller lists, waits a little and watches again. Hints for one unit that come together are
// given as one. There is one Watch at a time.
//
// A hint is no more than that: signals may be lost, so the caller lists every few seconds as well.
func (m *Manager) Watch(ctx context.Context, hint func(units.UnitID)) error {
	var c *connection
	err := m.call(ctx, "watch", "units", func(ctx context.Context, conn *connection) error {
		c = conn
		return conn.subscribe(ctx)
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	m.hints.add(units.UnitID{})
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.raw.Context().Done():
			return fmt.Errorf("watch units: %w: the connection was closed", ErrUnavailable)
		case <-m.hints.wake:
			for _, id := range m.hints.take() {
				hint(id)
			}
		}
	}
}

// subscribe asks for signals. Directly connected peers get them all anyway; a message bus passes on what
// matches. Subscribing again does no harm.
func (c *connection) subscribe(ctx context.Context) error {
	if !c.direct {
		const sender = "type='signal',sender='org.freedesktop.systemd1',"
		for _, rule := range []string{
			sender + "interface='" + managerInterface + "'",
			sender + "interface='org.freedesktop.DBus.Properties',path_namespace='/org/freedesktop/systemd1/unit'",
		} {
			if err := c.raw.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.AddMatch", 0, rule).Err; err != nil {
				return err
			}
		}
	}
	return c.manager().CallWithContext(ctx, managerInterface+".Subscribe", 0).Err
}
