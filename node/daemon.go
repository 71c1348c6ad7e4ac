package node

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

const recordVersion = 1

// DefaultMaxOfflineAge is how long after the last contact a node still starts what its disk holds.
const DefaultMaxOfflineAge = 24 * time.Hour

// Options makes a daemon. Every field but Past, Seen, MaxOfflineAge, Rand and Logger is required.
type Options struct {
	Node    units.NodeName
	BootID  string
	Version string
	Keys    registry.Keys
	KV      registry.KV

	Store    Store
	Services Services
	Prober   Prober
	Records  Records
	// Past keeps the last attempts that ended here; nil forgets them with the daemon.
	Past    Records
	Guard   Guard
	Ports   Ports
	Machine Machine
	Contact Contact
	// Seen keeps over a reboot how far the cluster was seen; nil keeps nothing.
	Seen registry.SeenStore

	MaxOfflineAge time.Duration
	Rand          *rand.Rand // jitters the back-offs of the views; nil is no jitter
	Logger        zerolog.Logger

	Mail     *loop.Mailbox
	Executor loop.Executor
}

// Daemon is the shell. All fields but fetched and told belong to Step's goroutine.
type Daemon struct {
	o     Options
	view  *registry.View // of units/<node>/
	about *registry.View // of the cluster's identity and clock, and of nodes/<node>

	units map[units.UnitID]*unit
	order []*unit // the units, sorted: what is done in a pass does not depend on a map's order
	// passAt is when time alone makes another pass over the units; 0 is never. Otherwise something happens first.
	passAt time.Duration
	// passing is the order as it was when the present pass began.
	passing []*unit
	bad     map[string]string
	past    map[units.UnitID]Record // what ended here and is forgotten by the registry; see bury

	loading, loaded bool
	broken          []error // records that cannot be read
	confirmed       bool
	doubted         bool // a view went back
	rereading       bool // the assignments are being read anew for that
	reidentifying   bool // and so is what says which cluster this is
	continuity      *registry.Continuity
	seen            struct { // as last read, complete
		cluster units.Cluster
		clock   units.Clock
	}
	cluster   units.Cluster
	clock     units.Clock
	time      registry.ClusterTime
	events    *registry.Events
	startedAt time.Duration
	contact   time.Time
	keepAt    time.Duration
	keeping   bool

	place   place
	placed  bool  // the guard has held the node's place in this life of the daemon
	lost    int64 // a tenure that is over, whatever the guard last said
	asking  bool
	guardAt time.Duration
	guardErr,
	registerErr,
	systemdErr error
	unsureAt time.Duration // when the guard could last not vouch for the node
	// answeredAt is when a request to the registry was last answered; cutOffAt is when it was last heard of
	// before the node was cut off.
	answeredAt, cutOffAt time.Duration
	cutOff               bool

	goingDown bool // the machine is, when systemd was last listed
	leaving   bool // and this process with it
	leftFrom  int64
	sawDown   atomic.Bool // goingDown, for who ends the process
	left      atomic.Bool

	self         units.Node
	look         int64 // raised when self is another
	described    bool
	describing   bool
	describeAt   time.Duration
	describeErr  error
	registering  bool
	registerAt   time.Duration
	registered   bool
	nodeRevision int64
	registeredAt time.Duration
	registeredIn int64 // the tenure of the last registration that was put; 0 is none in this life
	shown        int64 // the mod revision of the registration as viewed; 0 is absent
	keyUnique    bool  // no other node has registered this one's key
	nodeExtra    registry.Extra
	agentLease   registry.LeaseID
	agentOut     bool
	agentAt      time.Duration
	agentMod     int64 // the mod revision of the agent's key; 0 is absent

	sequence int64 // numbers listings and actions
	listed   int64 // the listing that was applied last
	listing  bool
	listAt   time.Duration
	// listsPaid is the boot time until which listApart is used up by the listings begun.
	listsPaid time.Duration

	fetches  int
	fetching map[string]bool // roots that somebody works on
	realised map[string]bool // roots known to be here and checked
	fetched  progressBoard
	sweeping bool
	sweepAt  time.Duration
	tidying  bool
	tidyAt   time.Duration
	cleaning cleaning

	writing bool
	writeAt time.Duration
	// writesPaid is the boot time until which writeEvery is used up by the batches sent; it lies ahead
	// after a burst of them.
	writesPaid time.Duration

	told     atomic.Pointer[Overview]
	retell   bool // a unit's state has changed since it was told
	retellAt time.Duration
}

// New returns a daemon that has done nothing yet.
func New(o Options) (*Daemon, error) {
	if o.MaxOfflineAge == 0 {
		o.MaxOfflineAge = DefaultMaxOfflineAge
	}
	d := &Daemon{
		o: o, units: map[units.UnitID]*unit{}, bad: map[string]string{}, past: map[units.UnitID]Record{},
		fetching: map[string]bool{}, realised: map[string]bool{},
	}
	var err error
	d.view, err = registry.NewView(registry.ViewOptions{
		KV: o.KV, Exec: o.Executor, Mail: o.Mail, Sink: assignments{d}, Rand: o.Rand, Log: o.Logger,
		Prefixes: []string{o.Keys.Under(registry.KindUnit, string(o.Node))},
	})
	if err != nil {
		return nil, fmt.Errorf("view the node's assignments: %w", err)
	}
	d.about, err = registry.NewView(registry.ViewOptions{
		KV: o.KV, Exec: o.Executor, Mail: o.Mail, Sink: cluster{d}, Rand: o.Rand, Log: o.Logger,
		Keys: []string{o.Keys.Cluster(), o.Keys.Clock(), o.Keys.Node(o.Node)},
	})
	if err != nil {
		return nil, fmt.Errorf("view the cluster: %w", err)
	}
	d.events, err = registry.NewEvents(registry.EventsOptions{
		KV: o.KV, Exec: o.Executor, Keys: o.Keys, Writer: "node." + string(o.Node), Time: &d.time, Log: o.Logger,
	})
	if err != nil {
		return nil, err
	}
	d.continuity = registry.NewContinuity(registry.ContinuityOptions{Store: o.Seen, Exec: o.Executor, Log: o.Logger})
	d.tellAll(units.Instant{})
	return d, nil
}

// Step makes one pass; see package loop.
func (d *Daemon) Step(ctx context.Context, now units.Instant) (units.Instant, error) {
	happened := d.o.Mail.Apply(now) > 0
	if !d.loaded {
		d.load()
		return units.Instant{}, nil
	}
	next, err := d.view.Step(ctx, now)
	if err != nil {
		return units.Instant{}, fmt.Errorf("view the node's assignments: %w", err)
	}
	about, err := d.about.Step(ctx, now)
	if err != nil {
		return units.Instant{}, fmt.Errorf("view the cluster: %w", err)
	}
	next = loop.Earliest(next, about)
	trusted, err := d.trust(ctx, now)
	if err != nil {
		return units.Instant{}, fmt.Errorf("compare the cluster with the one that was seen: %w", err)
	}
	next = loop.Earliest(next, trusted)
	if d.clock.N != 0 {
		d.time.Observe(now, d.clock)
	}
	d.watchGuard(now)
	for _, component := range []func(units.Instant) units.Instant{
		d.askGuard, d.describe, d.register, d.observe, d.keepContact, d.clean, d.sweep, d.tidy, d.touch,
	} {
		next = loop.Earliest(next, component(now))
	}
	if happened || d.passAt != 0 && now.Reached(d.passAt) {
		d.passAt = d.passAll(now).Boot
	}
	if d.passAt != 0 {
		next = loop.Earliest(next, now.Add(max(0, d.passAt-now.Boot)))
	}
	next = loop.Earliest(next, d.write(now))
	told, err := d.events.Step(ctx, now)
	if err != nil {
		return units.Instant{}, fmt.Errorf("tell what happened: %w", err)
	}
	next = loop.Earliest(next, told)
	d.depart()
	d.tellAll(now)
	return next, nil
}

// passAll looks at every unit, and returns when time alone gives reason to look again.
func (d *Daemon) passAll(now units.Instant) (next units.Instant) {
	d.passing = append(d.passing[:0], d.order...)
	for _, u := range d.passing {
		next = loop.Earliest(next, d.pass(u, now))
	}
	return next
}

// pass looks at one unit: what is not on disk goes there first, everything else follows from what
// converge says.
func (d *Daemon) pass(u *unit, now units.Instant) units.Instant {
	if u.dropping {
		return units.Instant{}
	}
	d.recall(u)
	if !u.saved {
		d.save(u, now)
	}
	stuck := u.saveErr != nil && u.rec.Assignment.Desired == units.DesiredStop
	if !u.onDisk() && !stuck {
		if u.busy[laneDisk] {
			return units.Instant{} // its end is an event
		}
		return now.Add(max(0, u.saveAt-now.Boot))
	}
	if d.listed == 0 {
		return units.Instant{}
	}
	if d.described && u.app == nil && u.refused.IsZero() && u.rec.Document != "" {
		d.adopt(u, u.rec.Document)
	}
	next := d.health(u, now)
	v := converge.Decide(u.facts(d, now))
	d.tell(u, v, now)
	for _, a := range v.Do {
		d.do(u, a, now)
	}
	if v.Wake != 0 {
		next = loop.Earliest(next, now.Add(max(0, v.Wake-now.Boot)))
	}
	if !u.saved {
		d.save(u, now)
	}
	for _, again := range [...]time.Duration{u.actAt, u.readAt, u.saveAt} {
		if again > now.Boot {
			next = loop.Earliest(next, now.Add(again-now.Boot))
		}
	}
	return next
}

// do carries out one action unless its kind of work is under way for the unit.
func (d *Daemon) do(u *unit, a converge.Action, now units.Instant) {
	switch a.Kind {
	case converge.Read:
		if !u.busy[laneRead] {
			d.read(u, now)
		}
	case converge.Fetch:
		if !u.busy[laneFetch] {
			d.fetch(u)
		}
	case converge.LaunchIt:
		if !u.busy[laneSystemd] && !d.tidying {
			d.launchUnit(u, now)
		}
	case converge.Stop:
		if !u.busy[laneSystemd] && now.Reached(u.actAt) {
			d.stopUnit(u, a.Why)
		}
	case converge.Reset:
		if !u.busy[laneSystemd] && now.Reached(u.actAt) {
			d.resetUnit(u)
		}
	case converge.Publish:
		d.publish(u)
	case converge.Withdraw:
		d.withdraw(u, now)
	case converge.End:
		d.o.Logger.Info().Str("unit", u.rec.ID.String()).Str("state", string(a.Ending.State)).Str("reason", a.Ending.Reason.String()).Msg("unit ended")
		u.rec.Ended, u.saved = a.Ending, false
	case converge.Forget:
		u.report.gone = true
	}
}

// remove lets go of a unit.
func (d *Daemon) remove(id units.UnitID) {
	delete(d.units, id)
	if at, ok := slices.BinarySearchFunc(d.order, id, (*unit).compare); ok {
		d.order = slices.Delete(d.order, at, at+1)
	}
	d.fetched.forget(id)
}

// Close ends the daemon's watches. What runs runs on.
func (d *Daemon) Close() {
	d.view.Close()
	d.about.Close()
}
