package guard

import (
	"context"

	"github.com/nsched/nsched/units"
)

// Machine is what a guard and a reaper need of the units that live and die with a tenure. Every call may
// hang or fail; neither of them waits for one before it makes the next that could help.
type Machine interface {
	// Bound lists every unit noted as bound, also those whose processes are gone, until they are
	// forgotten. One whose tenure is unknown has tenure 0.
	Bound(ctx context.Context) ([]units.Bound, error)
	// Stop asks the service manager to stop the unit and does not wait. Idempotent.
	Stop(ctx context.Context, id units.UnitID) error
	// Kill sends SIGKILL to every process of the unit's control group, without asking the service
	// manager. Idempotent.
	Kill(ctx context.Context, id units.UnitID) error
	// Empty reports whether the unit's control group holds no process.
	Empty(ctx context.Context, id units.UnitID) (bool, error)
}
