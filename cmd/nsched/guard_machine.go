package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/nsched/nsched/node/guard"
	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
)

// boundNotes is where the daemon notes what is bound to the tenure, and guard and reaper find it.
func boundNotes(c config) systemd.Bounds {
	return systemd.Bounds{Dir: filepath.Join(c.text("paths.runtime"), "bound")}
}

// boundUnits is the machine as the guard and the reaper see it. Only a stop goes by systemd.
type boundUnits struct {
	systemd.Bounds
	manager *systemd.Manager // nil: nothing is ever asked to stop
}

var _ guard.Machine = boundUnits{}

// Bound implements guard.Machine.
func (b boundUnits) Bound(context.Context) ([]units.Bound, error) { return b.List() }

// Stop implements guard.Machine. A unit that systemd does not know needs no stop.
func (b boundUnits) Stop(ctx context.Context, id units.UnitID) error {
	if b.manager == nil {
		return errors.New("nobody here asks systemd to stop units")
	}
	if err := b.manager.Stop(ctx, id); !errors.Is(err, systemd.ErrNotFound) {
		return err
	}
	return nil
}
