package systemd

import (
	"context"
	"encoding/hex"
	"sync"

	sd "github.com/coreos/go-systemd/v22/dbus"

	"github.com/nsched/nsched/units"
)

// known holds the units of the last List. To answer for all properties of a unit costs PID 1 0.8 ms, since
// some are read from the kernel; most units have not changed since the last time.
type known struct {
	mu    sync.Mutex
	units map[units.UnitID]Unit
}

func (k *known) all() map[units.UnitID]Unit {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.units
}

// replace forgets every unit but those in list. Maps that were handed out stay as they are.
func (k *known) replace(list []Unit) {
	next := make(map[units.UnitID]Unit, len(list))
	for _, u := range list {
		next[u.ID] = u
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.units = next
}

// unchanged reports whether all that was known of a unit still holds. A unit that runs, or has ended, and
// is in the same life with the same process: nothing else can have changed. A unit in between, or with a
// job, is always read anew.
func unchanged(ctx context.Context, c *connection, u Unit, status sd.UnitStatus) (bool, error) {
	settled := u.State() == units.StateRunning && u.Sub == "running" || u.State().Terminal()
	if u.Invocation == "" || !settled || u.Job != "" || status.JobId != 0 ||
		string(u.Active) != status.ActiveState || u.Sub != status.SubState {
		return false, nil
	}
	invocation, err := c.GetUnitPropertyContext(ctx, status.Name, "InvocationID")
	if err != nil {
		return false, ignoreGone(err)
	}
	id, _ := invocation.Value.Value().([]byte)
	if hex.EncodeToString(id) != u.Invocation {
		return false, nil
	}
	pid, err := c.GetServicePropertyContext(ctx, status.Name, "MainPID")
	if err != nil {
		return false, ignoreGone(err)
	}
	n, _ := pid.Value.Value().(uint32)
	return int(n) == u.MainPID, nil
}

func ignoreGone(err error) error {
	if isGone(err) {
		return nil
	}
	return err
}
