package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/units"
)

// errLingers: systemd has let go of a unit that still has processes.
var errLingers = errors.New("processes of it are left that could not be killed")

func (s Systemd) noted() ([]units.Bound, error) {
	if s.Bounds == nil {
		return nil, nil
	}
	return s.Bounds.List()
}

// lingering corrects what systemd says of bound units. It gives a unit up whose processes do not die, such
// as those that wait for a broken disk; where two must never run, such a unit has not ended. What cannot
// be found out counts as running.
func (s Systemd) lingering(ctx context.Context, noted []units.Bound, seen []Observation) []Observation {
	at := make(map[units.UnitID]int, len(seen))
	for i, o := range seen {
		at[o.ID] = i
	}
	for _, b := range noted {
		i, listed := at[b.Unit]
		if listed && seen[i].Phase != converge.Absent && seen[i].Phase != converge.Ended {
			continue
		}
		if empty, err := s.Bounds.Empty(ctx, b.Unit); err == nil && empty {
			continue
		}
		if !listed {
			seen = append(seen, Observation{ID: b.Unit, Phase: converge.Stopping})
			continue
		}
		seen[i] = Observation{ID: b.Unit, Phase: converge.Stopping, Shim: seen[i].Shim}
	}
	return seen
}

// forget removes the unit's note if it has one, once no process of it is left.
func (s Systemd) forget(ctx context.Context, id units.UnitID) error {
	noted, err := s.noted()
	if err != nil || !slices.ContainsFunc(noted, func(b units.Bound) bool { return b.Unit == id }) {
		return err
	}
	empty, err := s.Bounds.Empty(ctx, id)
	if err != nil {
		return err
	}
	if !empty {
		return fmt.Errorf("forget %s: %w", id, errLingers)
	}
	return s.Bounds.Forget(id)
}

// sweepNotes forgets the notes of all units but these.
func (s Systemd) sweepNotes(ctx context.Context, keep []units.UnitID) error {
	noted, err := s.noted()
	errs := []error{err}
	for _, b := range noted {
		if !slices.Contains(keep, b.Unit) {
			errs = append(errs, s.forget(ctx, b.Unit))
		}
	}
	return errors.Join(errs...)
}
