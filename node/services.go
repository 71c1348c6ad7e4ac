package node

import (
	"context"
	"errors"
	"slices"

	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
)

// ServiceManager is what Systemd needs of systemd: *systemd.Manager, or its fake.
type ServiceManager interface {
	Start(ctx context.Context, s systemd.Service) error
	Stop(ctx context.Context, id units.UnitID) error
	ResetFailed(ctx context.Context, id units.UnitID) error
	List(ctx context.Context) ([]systemd.Unit, error)
}

// UnitFiles is where a unit's record and shim are kept.
type UnitFiles interface {
	// Put makes the unit's record and the shim's copy durable and returns where they are.
	Put(id units.UnitID, r systemd.Record) (record, shim string, err error)
	// Remove forgets the unit's record. One that is not there is fine.
	Remove(id units.UnitID) error
	// Sweep removes the records of all units but these, and every copy of the shim but these and the one
	// that Put would name. No Put may be under way.
	Sweep(keep []units.UnitID, shims []string) error
}

// Systemd runs units under systemd. GuardUnit and GuardSocket are what a unit bound to the tenure is
// bound to.
type Systemd struct {
	Manager     ServiceManager
	Files       UnitFiles
	GuardUnit   string
	GuardSocket string
}

// Start implements Services.
func (s Systemd) Start(ctx context.Context, u Service) error {
	r := systemd.Record{Argv: u.Argv, Env: u.Env}
	if u.Bound != nil {
		r.Tenure, r.Guard = u.Bound.Tenure, s.GuardSocket
	}
	record, shim, err := s.Files.Put(u.ID, r)
	if err != nil {
		return classify(err)
	}
	service := systemd.Service{
		Unit: u.ID, Exec: shim, Record: record, Resources: u.App.Resources, Restart: u.App.Restart,
		Readiness: u.App.Readiness, Stop: u.App.Stop, State: u.App.State, Sandbox: u.App.Sandbox,
	}
	if u.Bound != nil {
		service.Bound, service.BindTo, service.GuardSocket = u.Bound, s.GuardUnit, s.GuardSocket
	}
	if u.App.Singleton {
		service.Restart = units.Restart{}
	}
	err = s.Manager.Start(ctx, service)
	if errors.Is(err, systemd.ErrExists) {
		return nil
	}
	return classify(err)
}

func classify(err error) error {
	switch {
	case errors.Is(err, systemd.ErrRefused), errors.Is(err, systemd.ErrInvalid):
		return &Failure{Reason: units.Reason{Code: units.ReasonBadUnit, Message: err.Error()}, Permanent: true}
	case err != nil:
		return &Failure{Reason: units.Reason{Code: units.ReasonSystemdFailed, Message: err.Error()}}
	}
	return nil
}

// Stop implements Services.
func (s Systemd) Stop(ctx context.Context, id units.UnitID) error {
	return unlessMissing(s.Manager.Stop(ctx, id))
}

// Reset implements Services. A unit that ended well and is still shown is collected by a stop, one that
// failed by a reset; what is not there needs neither.
func (s Systemd) Reset(ctx context.Context, id units.UnitID) error {
	if err := unlessMissing(s.Manager.Stop(ctx, id)); err != nil {
		return err
	}
	if err := unlessMissing(s.Manager.ResetFailed(ctx, id)); err != nil {
		return err
	}
	return s.Files.Remove(id)
}

func unlessMissing(err error) error {
	if errors.Is(err, systemd.ErrNotFound) {
		return nil
	}
	return err
}

// Tidy implements Services.
func (s Systemd) Tidy(_ context.Context, keep []units.UnitID, shims []string) error {
	return s.Files.Sweep(keep, shims)
}

// List implements Services.
func (s Systemd) List(ctx context.Context) ([]Observation, error) {
	list, err := s.Manager.List(ctx)
	if err != nil {
		return nil, err
	}
	seen := make([]Observation, 0, len(list))
	for _, u := range list {
		seen = append(seen, observation(u))
	}
	slices.SortFunc(seen, func(a, b Observation) int { return a.ID.Compare(b.ID) })
	return seen, nil
}

func observation(u systemd.Unit) Observation {
	o := Observation{
		ID: u.ID, Result: u.Outcome(), ExitCode: u.ExitCode, Signal: u.Signal, Reason: u.Reason(),
		PID: u.MainPID, Restarts: u.Restarts, Invocation: u.Invocation, Shim: u.Exec,
	}
	switch u.State() {
	case units.StateStarting:
		o.Phase = converge.Starting
	case units.StateRunning:
		o.Phase = converge.Running
	case units.StateStopping:
		o.Phase = converge.Stopping
	case units.StateFailed:
		o.Phase = converge.Ended
	default:
		o.Phase = converge.Absent
		if u.Active == systemd.Active {
			o.Phase = converge.Ended // it exited with 0 and is still shown
		}
	}
	return o
}
