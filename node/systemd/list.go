package systemd

import (
	"context"
	"slices"

	sd "github.com/coreos/go-systemd/v22/dbus"

	"github.com/nsched/nsched/units"
)

// List returns every loaded unit of nsched in the order of their ids. Either it is complete or there is
// an error: a unit that is missing was not loaded when systemd was asked. Each unit is read at one
// moment, but not all at the same. Services that begin like nsched's and are not named like a unit are
// none of ours.
func (m *Manager) List(ctx context.Context) (list []Unit, err error) {
	err = m.call(ctx, "list", "units", func(ctx context.Context, c *connection) error {
		found, err := c.ListUnitsByPatternsContext(ctx, nil, []string{"nsched.*.service"})
		if err != nil {
			return err
		}
		known := m.known.all()
		for _, status := range found {
			id, err := units.ParseServiceName(status.Name)
			if err != nil {
				continue
			}
			u, ok := known[id], false
			if ok, err = unchanged(ctx, c, u, status); err == nil && !ok {
				u, ok, err = describe(ctx, c, id, status)
			}
			if err != nil {
				return err
			}
			if ok {
				list = append(list, u)
			}
		}
		m.known.replace(list)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b Unit) int { return a.ID.Compare(b.ID) })
	return list, nil
}

// describe reads one unit. It is not ok if the unit was collected since it was listed.
func describe(ctx context.Context, c *connection, id units.UnitID, status sd.UnitStatus) (u Unit, ok bool, err error) {
	answer, err := c.GetAllPropertiesContext(ctx, id.ServiceName())
	if err != nil {
		if isGone(err) {
			return Unit{}, false, nil
		}
		return Unit{}, false, err
	}
	p := properties(answer)
	if !p.loaded() {
		return Unit{}, false, nil
	}
	if u, err = p.unit(id); err != nil {
		return Unit{}, false, err
	}
	// The answer names the job by its id, the listing by its type. A job that came in between is left for
	// the next List.
	if job, _ := answer["Job"].([]any); len(job) > 0 && status.JobId != 0 && job[0] == status.JobId {
		u.Job = status.JobType
	}
	return u, true, nil
}
