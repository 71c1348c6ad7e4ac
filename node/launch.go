package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/planted"
)

const (
	launchFirst   = time.Second
	launchLongest = 30 * time.Second
	// restartLaunch is how soon a unit that vanished is launched again, so that one which somebody
	// stops over and over does not keep the machine busy.
	restartLaunch = time.Second
)

// launchUnit asks systemd for the unit, once the disk holds that it was asked: a daemon that died in
// between asks again, and systemd refuses a second unit of the same name.
func (d *Daemon) launchUnit(u *unit, now units.Instant) {
	if u.bound() && !d.admitted(u, now) {
		return
	}
	if u.rec.LaunchedBoot != d.o.BootID {
		u.rec.LaunchedBoot, u.saved = d.o.BootID, false
		return
	}
	s, err := d.service(u)
	if err != nil {
		u.launch = converge.Launch{Failure: units.Reason{Code: units.ReasonInvalidApp, Message: err.Error()}, Permanent: true}
		return
	}
	u.admission = admission{} // it was for this start
	u.busy[laneSystemd] = true
	listen := make([]ListenPort, 0, len(u.app.Ports))
	for _, p := range u.app.Ports {
		listen = append(listen, ListenPort{Protocol: p.Protocol, Number: u.rec.Assignment.Ports[p.Name]})
	}
	loop.Go(d.o.Executor, "ports", u.rec.ID.String(), func(ctx context.Context) (uint16, error) {
		return d.o.Ports.Busy(ctx, listen)
	}, func(now units.Instant, busy uint16, err error) {
		if err == nil && busy == 0 {
			u.beganAt = now.Boot
			d.start(u, s)
			return
		}
		d.failedLaunch(u, now, err)
		if busy != 0 {
			u.launch = converge.Launch{Permanent: true, Failure: units.Reason{
				Code: units.ReasonPortBusy, Message: fmt.Sprintf("port %d is taken by something that nsched did not start", busy),
			}}
		}
	})
}

// start is the second half of a launch.
func (d *Daemon) start(u *unit, s Service) {
	loop.Go(d.o.Executor, "start", s.ID.String(), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, d.o.Services.Start(ctx, s)
	}, func(now units.Instant, _ struct{}, err error) {
		if err != nil {
			d.failedLaunch(u, now, err)
			return
		}
		d.actedOn(u)
		if planted.On(planted.RootAfterStart) {
			d.pinLate(u)
		}
		u.launches, u.begun = 0, true
		u.launch = converge.Launch{RetryAt: now.Boot + restartLaunch}
	})
}

func (d *Daemon) failedLaunch(u *unit, now units.Instant, err error) {
	d.actedOn(u)
	u.launches++
	u.launch = converge.Launch{RetryAt: now.Boot + backoff(launchFirst, launchLongest, u.launches)}
	if err == nil {
		return
	}
	u.launch.Failure = units.Reason{Code: units.ReasonSystemdFailed, Message: err.Error()}
	if f := (*Failure)(nil); errors.As(err, &f) {
		u.launch.Failure, u.launch.Permanent = f.Reason, f.Permanent
	}
	d.o.Logger.Warn().Err(err).Str("unit", u.rec.ID.String()).Msg("unit could not be started")
}

// service decides, expands and checks everything about the unit's process.
func (d *Daemon) service(u *unit) (Service, error) {
	target, ok := u.app.PathFor(d.self.System)
	if !ok {
		return Service{}, fmt.Errorf("it has no path for %s", d.self.System)
	}
	vars := d.vars(u)
	argv := make([]string, len(u.app.Command))
	for i, arg := range u.app.Command {
		expanded, err := units.Expand(arg, vars)
		if err != nil {
			return Service{}, err
		}
		argv[i] = expanded
	}
	argv[0] = path.Join(string(target), argv[0])
	env := make([]string, 0, len(u.app.Env)+8)
	for _, name := range slices.Sorted(maps.Keys(u.app.Env)) {
		value, err := units.Expand(u.app.Env[name], vars)
		if err != nil {
			return Service{}, err
		}
		env = append(env, name+"="+value)
	}
	token := units.FenceToken(d.cluster.Epoch, u.rec.Revision)
	if u.bound() {
		token = u.admission.token
	}
	env = append(env,
		"NSCHED_UNIT="+u.rec.ID.String(),
		"NSCHED_INDEX="+u.rec.ID.Slot.Ordinal(u.app.Type),
		"NSCHED_ADDRESS="+vars.Address,
		"NSCHED_FENCE_TOKEN="+strconv.FormatInt(token, 10),
	)
	for _, p := range u.app.Ports {
		env = append(env, units.PortVariable(p.Name)+"="+d.port(u, p.Name))
	}
	s := Service{ID: u.rec.ID, App: *u.app, Root: target, Argv: argv, Env: env}
	if u.bound() {
		s.Bound = &units.Bound{Unit: s.ID, Tenure: d.tenureOf(u), StopTimeout: u.app.Stop.Timeout}
	}
	return s, nil
}

// vars is what the unit's variables stand for.
func (d *Daemon) vars(u *unit) units.Vars {
	return units.Vars{
		Unit: u.rec.ID, Type: u.app.Type, Node: d.o.Node, Address: d.address(), Ports: u.rec.Assignment.Ports,
		RuntimeDir: systemd.RuntimeDir(u.rec.ID), CredentialsDir: systemd.CredentialsDir(u.rec.ID),
	}
}

func (d *Daemon) port(u *unit, name string) string {
	return strconv.Itoa(int(u.rec.Assignment.Ports[name]))
}

// address is what units bind and peers reach: the node's preferred one.
func (d *Daemon) address() string {
	if len(d.self.Addresses) == 0 {
		return "127.0.0.1"
	}
	return d.self.Addresses[0]
}

// stopUnit asks systemd to stop the unit.
func (d *Daemon) stopUnit(u *unit, why string) {
	d.o.Logger.Info().Str("unit", u.rec.ID.String()).Str("reason", why).Msg("unit is stopped")
	d.act(u, "stop", d.o.Services.Stop)
}

// resetUnit lets systemd forget the failed unit.
func (d *Daemon) resetUnit(u *unit) { d.act(u, "reset", d.o.Services.Reset) }

func (d *Daemon) act(u *unit, kind string, do func(context.Context, units.UnitID) error) {
	u.busy[laneSystemd] = true
	id := u.rec.ID
	loop.Go(d.o.Executor, kind, id.String(), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, do(ctx, id)
	}, func(now units.Instant, _ struct{}, err error) {
		d.actedOn(u)
		if err == nil {
			u.refusals = 0
			return
		}
		u.refusals++
		u.actAt = now.Boot + backoff(launchFirst, launchLongest, u.refusals)
		d.o.Logger.Warn().Err(err).Str("unit", id.String()).Str("kind", kind).Msg("systemd refused")
	})
}

// actedOn ends an action on systemd: only a listing that begins from now on says anything new.
func (d *Daemon) actedOn(u *unit) {
	u.busy[laneSystemd] = false
	u.acted = d.sequence
	d.listAt = 0
}
