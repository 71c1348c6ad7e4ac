package node

import (
	"time"

	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/planted"
)

// lane is a kind of work of which a unit has at most one piece in flight.
type lane int

const (
	laneDisk lane = iota
	laneRead
	laneFetch
	laneSystemd
	lanes
)

// unit is what the daemon holds of one unit.
type unit struct {
	rec   Record
	saved bool // rec is on disk as it is here, or on its way there
	busy  [lanes]bool

	saveAt   time.Duration // when it may be tried again
	saveErr  error
	dropping bool

	// What the registry says. stop is a fresher Desired than rec's that is not on disk yet.
	assigned bool
	readAt   time.Duration // when the document may be read again

	rootName string // see root

	app     *units.App
	refused units.Reason

	closure converge.Closure
	tries   int // of the closure, in a row, failed

	observed Observation
	acted    int64 // the sequence number of the last action on systemd
	refusals int   // of a stop or reset, in a row
	actAt    time.Duration
	launch   converge.Launch
	launches int // failed in a row
	// begun: systemd may have run it in this boot.
	begun     bool
	beganAt   time.Duration // when it was started, or first seen up; 0 is never
	upAt      time.Duration // when it was last seen up
	admission admission

	checks     []*check
	checkedFor string // the invocation that the checks are about
	firstCheck time.Duration
	healthyAt  time.Duration // since when the unit has been up and passing; 0 is not
	healthyFor time.Duration // how long it was, the last time

	report report
}

// compare orders units by their names.
func (u *unit) compare(id units.UnitID) int { return u.rec.ID.Compare(id) }

// facts gathers what converge needs.
func (u *unit) facts(d *Daemon, now units.Instant) converge.Facts {
	f := converge.Facts{
		ID: u.rec.ID, Now: now.Boot, Desired: u.rec.Assignment.Desired,
		Confirmed: d.confirmed, Hold: d.hold(u, now),
		// What a registry that is not trusted does not hold may be assigned all the same.
		Assigned: u.assigned || !d.trusts(),
		Spec:     converge.Spec{Known: u.app != nil || !u.refused.IsZero(), Refused: u.refused},
		Closure:  u.closure,
		Service:  u.service(d),
		Over:     d.over(u), GoingDown: d.goingDown,
		Launch: u.launch,
		Ended:  u.rec.Ended, EndStored: u.report.endStored() && u.onDisk(),
		Published: u.report.published(), Offered: d.offered(u),
		WithdrawAsked: u.report.withdrawAsked, Withdrawn: u.report.withdrawn,
	}
	if d.realised[u.root()] {
		f.Closure = converge.Closure{Ready: true}
	}
	f.Launch.Asked = u.rec.LaunchedBoot == d.o.BootID
	f.Launch.Before = u.rec.LaunchedBoot != "" && !f.Launch.Asked
	f.Launch.Begun = u.begun
	if u.app != nil {
		f.Spec.Bound = u.bound()
		f.Spec.Checks, f.Spec.DrainDelay = u.app.HealthChecks.Any(), u.app.Stop.DrainDelay
	}
	if u.observed.Phase == converge.Running && u.checkedFor == u.observed.Invocation {
		f.Health, _ = overall(u.checks)
	}
	return f
}

// service is systemd's word, or nothing while an action is in flight or no listing has begun since.
func (u *unit) service(d *Daemon) converge.Service {
	if u.busy[laneSystemd] || d.listed <= u.acted {
		return converge.Service{}
	}
	o := u.observed
	if u.bound() {
		o.Reason = d.whyEnded(u)
	}
	return converge.Service{Phase: o.Phase, Result: o.Result, ExitCode: o.ExitCode, Signal: o.Signal, Reason: o.Reason}
}

// desire takes over an assignment's word, by maximum.
func (u *unit) desire(a units.Assignment, revision int64) {
	merged := u.rec.Assignment.Desired.Merge(a.Desired)
	if planted.On(planted.StopLastWrite) { // breaks: an older word, from a restored registry, takes a stop back
		merged = a.Desired
	}
	if u.rec.Revision == 0 || revision > u.rec.Revision && u.rec.LaunchedBoot == "" && u.rec.Ended == nil {
		u.rec.Assignment, u.rec.Revision, u.saved = a, revision, false
	}
	if u.rec.Revision != revision {
		// Another life of the key: the answer to an orphan. An end is only believed if it is about this one.
		u.rec.Revision, u.saved = revision, false
	}
	if u.rec.Assignment.Desired != merged {
		u.rec.Assignment.Desired, u.saved = merged, false
	}
}

// root names the GC root that pins the unit's closure: one per app and generation on a node.
func (u *unit) root() string {
	if u.rootName == "" {
		u.rootName = units.RootName(u.rec.ID.AppID(), u.rec.ID.Generation)
	}
	return u.rootName
}
