package systemd

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"

	"github.com/nsched/nsched/units"
)

// Start asks systemd to create and start the unit, and returns once that is queued: what becomes of it
// is for List to say. A unit of this name that exists already, in whatever state, is left alone and
// told by ErrExists. One whose BindTo is not there is not started and ErrUnavailable. ErrInvalid and
// ErrRefused are permanent. After any other error the unit may or may not have been started.
//
// A bound unit is noted before systemd hears of it, so that whoever must end it finds it whatever dies in
// between; one that cannot be noted is not started. The note stays when the start fails.
func (m *Manager) Start(ctx context.Context, s Service) error {
	s.probeOOM = m.legacy
	list, err := Properties(s)
	if err != nil {
		return err
	}
	if s.Bound != nil {
		if err := m.bounds.Note(*s.Bound); err != nil {
			return fmt.Errorf("start %s: %w", s.Unit, err)
		}
	}
	properties := make([]sd.Property, len(list))
	for i, p := range list {
		properties[i] = sd.Property{Name: p.Name, Value: dbus.MakeVariant(p.Value)}
	}
	return m.call(ctx, "start", s.Unit.String(), func(ctx context.Context, c *connection) error {
		_, err := c.StartTransientUnitContext(ctx, s.Unit.ServiceName(), "fail", properties, nil)
		if err != nil && isGone(err) {
			// Of the unit itself that cannot be said: it is what BindTo names.
			return fmt.Errorf("%s is not there: %v", s.BindTo, err)
		}
		return err
	})
}

// Stop asks systemd to stop the unit and returns once that is queued. Asking again does no harm. It ends
// the wait for a restart, too. A unit that ended well and is still shown is collected by it; one that
// failed stays as it is, for ResetFailed. ErrNotFound: there is nothing to stop.
func (m *Manager) Stop(ctx context.Context, id units.UnitID) error {
	return m.call(ctx, "stop", id.String(), func(ctx context.Context, c *connection) error {
		_, err := c.StopUnitContext(ctx, id.ServiceName(), "replace", nil)
		return err
	})
}

// Kill sends a signal to all processes of the unit. systemd takes a death by it for the unit's own doing
// and restarts it if it would. ErrNotFound: no such unit, or it has no process.
func (m *Manager) Kill(ctx context.Context, id units.UnitID, signal syscall.Signal) error {
	return m.call(ctx, "kill", id.String(), func(ctx context.Context, c *connection) error {
		return c.KillUnitWithTarget(ctx, id.ServiceName(), sd.All, int32(signal))
	})
}

// ResetFailed lets systemd forget a unit that failed; afterwards nothing tells how it ended. It must not
// be called for a unit that runs, whose count of restarts it would clear. ErrNotFound: forgotten already.
func (m *Manager) ResetFailed(ctx context.Context, id units.UnitID) error {
	return m.call(ctx, "reset", id.String(), func(ctx context.Context, c *connection) error {
		return c.ResetFailedUnitContext(ctx, id.ServiceName())
	})
}

// Version returns systemd's own word for its version, such as "252.39-1~deb12u2".
func (m *Manager) Version(ctx context.Context) (string, error) {
	return m.property(ctx, "read version of", "Version")
}

// GoingDown reports whether the machine is shutting down: the target for it is on its way, and systemd
// stops everything. It is so from before the first unit is stopped until the end.
func (m *Manager) GoingDown(ctx context.Context) (bool, error) {
	state, err := m.property(ctx, "read the state of", "SystemState")
	return state == "stopping", err
}

// property reads one of the manager's properties that are text.
func (m *Manager) property(ctx context.Context, what, name string) (text string, err error) {
	err = m.call(ctx, what, "systemd", func(ctx context.Context, c *connection) error {
		var v dbus.Variant
		const get = "org.freedesktop.DBus.Properties.Get"
		if err := c.manager().CallWithContext(ctx, get, 0, managerInterface, name).Store(&v); err != nil {
			return err
		}
		var ok bool
		if text, ok = v.Value().(string); !ok {
			return fmt.Errorf("%w: property %s is %T", ErrProtocol, name, v.Value())
		}
		return nil
	})
	return text, err
}

const managerInterface = "org.freedesktop.systemd1.Manager"

func (c *connection) manager() dbus.BusObject {
	return c.raw.Object("org.freedesktop.systemd1", "/org/freedesktop/systemd1")
}

// isGone reports whether systemd answered that it does not know the unit.
func isGone(err error) bool { return errors.Is(classify(err), ErrNotFound) }
