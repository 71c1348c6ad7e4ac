package registry

import (
	"time"

	"github.com/nsched/nsched/units"
)

const (
	// ClockPeriod is how often the leader writes cluster/clock.
	ClockPeriod = 5 * time.Second
	// ClockAlarm is the difference to the leader's wall clock that people must hear of.
	ClockAlarm = 10 * time.Second
	// slewShare bounds corrections: a hundredth of the time that has passed.
	slewShare = 100
)

// ClusterTime is the time that persisted deadlines and cron are made of: what cluster/clock said last,
// and the boot time since. For whoever reads it, it never goes back, whichever leader writes it and
// whatever its clock says.
//
// The leader moves it towards its own wall clock, by at most 1 % of the time that passes: a leader whose
// clock is wrong by days does little harm before people have read the alarm. The others go ahead to
// what the leader wrote at once, and back to it by slowing down as much; one that begins to lead goes back at once (Lead).
//
// It is pure. The zero value has seen no clock. Values are milliseconds since 1970.
type ClusterTime struct {
	reading
	offered reading // what Next returned last, if it gets written
	written reading // what was seen last, as it was
	adrift  time.Duration
}

// reading is one reading of cluster time and what is wrong with it.
type reading struct {
	n    int64 // of cluster/clock; 0 is none
	base int64 // cluster time in ms at boot
	boot time.Duration
	owed int64 // ms by which to correct it, little by little
	have bool
}

// at returns the cluster time at a later instant.
func (r reading) at(now units.Instant) int64 {
	passed := (now.Boot - r.boot).Milliseconds()
	return r.base + passed + min(max(r.owed, -passed/slewShare), passed/slewShare)
}

// Observe takes in cluster/clock as a view brought it. What was seen already changes nothing; that etcd
// went back is Highest's to find.
func (c *ClusterTime) Observe(now units.Instant, clock units.Clock) {
	if c.have && clock.N <= c.n {
		return
	}
	c.written = reading{base: clock.TimeMs, boot: now.Boot, have: true}
	switch mine := c.at(now); {
	case c.offered.have && clock.N == c.offered.n && clock.TimeMs == c.offered.base:
		c.reading = c.offered // our own: when it was written is known exactly
	case !c.have || clock.TimeMs > mine:
		c.reading = reading{base: clock.TimeMs, boot: now.Boot}
	default:
		c.reading = reading{base: mine, boot: now.Boot, owed: clock.TimeMs - mine}
	}
	c.n, c.have = clock.N, true
}

// Lead is for whoever begins to lead: the time becomes what was written last, and the boot time since, though that be
// earlier. A leader that had just been started took the time up where it was written last, seconds behind whoever
// had read it since; what it made due is due by its time, and not those seconds sooner because another leads.
func (c *ClusterTime) Lead(now units.Instant) {
	if c.written.have && c.written.at(now) < c.at(now) {
		n := c.n
		c.reading = c.written
		c.n = n
	}
}

// NowMs returns the cluster time, and whether it is known at all.
func (c *ClusterTime) NowMs(now units.Instant) (int64, bool) { return c.at(now), c.have }

// Next returns what the leader is to write to cluster/clock at this instant. Where no clock was ever
// written, time begins at the leader's wall clock; the caller has read that there is none. Calling it
// without writing does no harm.
func (c *ClusterTime) Next(now units.Instant) units.Clock {
	wall := now.Wall.UnixMilli()
	next := reading{n: c.n + 1, base: wall, boot: now.Boot, have: true}
	if c.have {
		next.base = c.at(now)
		next.owed = wall - next.base
	}
	c.adrift = time.Duration(next.owed) * time.Millisecond
	c.offered = next
	return units.Clock{N: next.n, TimeMs: next.base}
}

// Adrift returns how far the wall clock was ahead of cluster time (behind, if negative) when Next was
// called last, and whether that is beyond ClockAlarm.
func (c *ClusterTime) Adrift() (time.Duration, bool) {
	return c.adrift, c.adrift.Abs() > ClockAlarm
}

// Jump moves the time ahead to the wall clock at once. It is for whoever knows that the cluster was
// switched off as a whole: the time since has passed for nobody.
func (c *ClusterTime) Jump(now units.Instant) {
	if wall := now.Wall.UnixMilli(); c.have && wall > c.at(now) {
		n := c.n
		c.reading = reading{n: n, base: wall, boot: now.Boot, have: true}
	}
}

// Reset lets the clock's numbers begin anew, after an operator acknowledged that etcd was restored. The
// time itself goes on.
func (c *ClusterTime) Reset() {
	c.n = 0
	c.offered = reading{}
}
