package node

import (
	"maps"
	"slices"
	"time"

	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// report is what the registry should hold of one unit and what it does hold, as far as is known. Status
// and endpoint are written together.
type report struct {
	want     units.Status
	wantSet  bool
	endpoint *units.Endpoint // wanted; nil is none. It is replaced, never changed
	offers   offer           // what endpoint was made of
	note     units.Reason    // why something about the unit could not be read

	stored units.Status // the last one known to be written
	told   units.Status // the last one that events told of
	// toldEndpoint is what events last told of the endpoint; unknown is nothing in this life of the daemon.
	toldEndpoint endpointState
	revision     int64 // the mod revision of the status key; 0 is absent
	endpointOut  endpointState
	out          *units.Endpoint  // what is there
	outLease     registry.LeaseID // that it hangs on
	force        bool             // write whatever it is, so that a late write is refused
	inFlight     bool
	gone         bool // the status is to be deleted

	tokens float64 // of the writes that the unit may still make
	filled time.Duration

	withdrawAsked, withdrawn time.Duration
}

// endpointState is what is known of the endpoint's key.
type endpointState int

// The states. A daemon that has just started does not know what an earlier one left, and leaves it alone
// until it has something to say about it.
const (
	endpointUnknown endpointState = iota // an earlier daemon, or a write without an answer, may have left one
	endpointAbsent
	endpointThere
)

// published reports whether an endpoint may be out, or is about to be: one that is wanted and not written
// yet has to be withdrawn as well, or it is written together with the unit's end.
func (r *report) published() bool { return r.endpoint != nil || r.endpointOut != endpointAbsent }

// endStored reports whether the registry is known to hold the unit's end.
func (r *report) endStored() bool { return r.revision != 0 && r.stored.State.Terminal() }

// dirty reports whether the registry should be told something.
func (d *Daemon) dirty(r *report) bool {
	if !r.wantSet && !r.gone {
		return false
	}
	return r.force || r.gone || !sameStatus(r.want, r.stored) || d.puts(r) || r.deletes()
}

// puts reports whether the endpoint is to be written: one that is out is left alone, and none is written
// for a node that is not in its place.
func (d *Daemon) puts(r *report) bool {
	return r.endpoint != nil && !r.gone && d.inPlace() &&
		(r.endpointOut != endpointThere || r.outLease != d.place.Lease || !sameEndpoint(r.out, r.endpoint))
}

// deletes reports whether the endpoint is to go. What an earlier daemon published stays until it is known
// that it must not: a unit goes on serving while a daemon that was restarted makes up its mind.
func (r *report) deletes() bool {
	return r.endpointOut != endpointAbsent && (r.gone || r.endpoint == nil && r.withdrawAsked != 0)
}

// sameStatus compares what people and the scheduler decide by; how long a unit has been healthy is
// written along and causes no write.
func sameStatus(a, b units.Status) bool {
	a.HealthyForMs, b.HealthyForMs = 0, 0
	return a == b
}

// A unit may write burst times at once and then perSecond: a start has five or six steps, of which people
// wait for the last; a flapping unit has no end of them.
const (
	burst     = 8
	perSecond = 1
)

// allow takes one token, or returns how long until there is one.
func (r *report) allow(now units.Instant) (time.Duration, bool) {
	if r.filled == 0 {
		r.tokens, r.filled = burst, now.Boot
	}
	r.tokens = min(burst, r.tokens+(now.Boot-r.filled).Seconds()*perSecond)
	r.filled = now.Boot
	if r.tokens < 1 {
		return time.Duration((1 - r.tokens) / perSecond * float64(time.Second)), false
	}
	return 0, true
}

// tell makes the unit's report from a verdict.
func (d *Daemon) tell(u *unit, v converge.Verdict, now units.Instant) {
	r := &u.report
	if v.Blind && !v.State.CanFollow(r.stored.State) {
		r.wantSet = false // it ran when it was last told of; whether it still does is about to be known
		return
	}
	if v.Blind && r.wantSet {
		return
	}
	if u.saveErr == nil && slices.ContainsFunc(v.Do, func(a converge.Action) bool { return a.Kind == converge.End }) {
		return // its end is told once the disk holds it, or cannot
	}
	s := units.Status{
		State: v.State, Health: v.Health, Reason: v.Reason, Orphan: v.Orphan,
		Assignment: u.rec.Revision, Desired: u.rec.Assignment.Desired, Tenure: d.place.Tenure,
	}
	if s.State == units.StateAssigned && !s.State.CanFollow(r.stored.State) {
		s.State = units.StateStarting // it ran before the machine went down, and is to run again
	}
	if s.Reason.IsZero() || s.Reason.Message == "" {
		s.Reason = d.explain(u, s)
	}
	if u.observed.Phase == converge.Running && !v.State.Terminal() {
		s.PID, s.Invocation, s.Restarts = u.observed.PID, u.observed.Invocation, u.observed.Restarts
	}
	if e := u.rec.Ended; e != nil {
		s.Result, s.ExitCode, s.Signal = e.Result, e.ExitCode, e.Signal
	}
	up := v.State == units.StateHealthy || v.State == units.StateRunning && u.app != nil && !u.app.HealthChecks.Any()
	switch {
	case !up:
		u.healthyAt = 0
	case u.healthyAt == 0:
		u.healthyAt, u.healthyFor = now.Boot, 0
	default:
		u.healthyFor = now.Boot - u.healthyAt
	}
	if up || v.State.Terminal() {
		// An end says how long it had been well before: whether earlier failures are forgotten.
		s.HealthyForMs = u.healthyFor.Milliseconds()
	}
	d.retell = d.retell || !sameStatus(r.want, s)
	r.want, r.wantSet = s, true
}

// explain words what a verdict only has a code for.
func (d *Daemon) explain(u *unit, s units.Status) units.Reason {
	switch {
	case s.Reason.Code == units.ReasonCheckFailed, s.Reason.Code == units.ReasonChecksPending:
		_, why := overall(u.checks)
		return units.Reason{Code: s.Reason.Code, Message: why}
	case s.Reason.IsZero() && !s.State.Up():
		return u.report.note
	}
	return s.Reason
}

// offer names what an endpoint is made of: a look at the machine, and an assignment.
type offer struct{ look, revision int64 }

func (d *Daemon) offer(u *unit) offer { return offer{d.look, u.rec.Revision} }

// endpoint is where the unit can be reached.
func (d *Daemon) endpoint(u *unit) *units.Endpoint {
	return &units.Endpoint{Addresses: d.self.Addresses, Ports: u.rec.Assignment.Ports}
}

// offered reports whether the endpoint that is wanted out is the right one.
func (d *Daemon) offered(u *unit) bool {
	r := &u.report
	return r.endpoint != nil && (!d.described || r.offers == d.offer(u) || sameEndpoint(r.endpoint, d.endpoint(u)))
}

func sameEndpoint(a, b *units.Endpoint) bool {
	return a == b || a != nil && b != nil && slices.Equal(a.Addresses, b.Addresses) && maps.Equal(a.Ports, b.Ports)
}

// publish wants the endpoint out.
func (d *Daemon) publish(u *unit) {
	if !d.inPlace() || !d.described {
		return
	}
	u.report.endpoint, u.report.offers = d.endpoint(u), d.offer(u)
	u.report.withdrawAsked, u.report.withdrawn = 0, 0
}

// withdraw wants the endpoint gone.
func (d *Daemon) withdraw(u *unit, now units.Instant) {
	u.report.endpoint = nil
	if u.report.withdrawAsked == 0 {
		u.report.withdrawAsked = now.Boot
	}
}
