package node

import (
	"context"
	"errors"
	"slices"

	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/planted"
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

// Bounds is what Systemd needs of the notes of bound units: systemd.Bounds, or the fake's.
type Bounds interface {
	// List returns every unit that is noted, also one whose processes are gone.
	List() ([]units.Bound, error)
	// Empty reports whether no process of the unit is left.
	Empty(ctx context.Context, id units.UnitID) (bool, error)
	// Forget removes a unit's note. One that is not there is fine.
	Forget(id units.UnitID) error
}

// Systemd runs units under systemd.
type Systemd struct {
	Manager ServiceManager
	Files   UnitFiles
	Bounds  Bounds // nil: nothing is ever noted
	// GuardUnit ends the units that are bound to the tenure with it; After stops after every unit when the
	// machine goes down, and before guard and daemon. "" is none.
	GuardUnit, After string
	GuardSocket      string // where bound units ask
	// Down reports whether the machine is shutting down; nil: it never is.
	Down func(ctx context.Context) (bool, error)
}

// Start implements Services.
func (s Systemd) Start(ctx context.Context, u Service) error {
	r := systemd.Record{Argv: u.Argv, Env: u.Env}
	if u.Bound != nil {
		r.Tenure, r.Guard = u.Bound.Tenure, s.GuardSocket
		if planted.On(planted.ShimDoesNotAsk) { // breaks: a start that systemd came to late is not taken back
			r.Tenure, r.Guard = 0, ""
		}
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
	if s.After != "" {
		service.After = []string{s.After}
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
	if err := s.forget(ctx, id); err != nil {
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
func (s Systemd) Tidy(ctx context.Context, keep []units.UnitID, shims []string) error {
	return errors.Join(s.sweepNotes(ctx, keep), s.Files.Sweep(keep, shims))
}

// GoingDown implements Services.
func (s Systemd) GoingDown(ctx context.Context) (bool, error) {
	if s.Down == nil {
		return false, nil
	}
	return s.Down(ctx)
}

// List implements Services.
func (s Systemd) List(ctx context.Context) ([]Observation, error) {
	// Before systemd is asked: a unit that is noted later is none that the listing lacks.
	noted, err := s.noted()
	if err != nil {
		return nil, err
	}
	list, err := s.Manager.List(ctx)
	if err != nil {
		return nil, err
	}
	seen := make([]Observation, 0, len(list))
	for _, u := range list {
		seen = append(seen, observation(u))
	}
	seen = s.lingering(ctx, noted, seen)
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
