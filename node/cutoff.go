package node

import (
	"time"

	"github.com/nsched/nsched/node/guard"
	"github.com/nsched/nsched/units"
)

// CutOff tells that a node has lost touch with the cluster: what it says of itself is all there is.
type CutOff struct {
	// Since is when the registry was last heard of, or when the daemon began if it never was: this
	// machine's wall clock.
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
	// Running is how many units run on nevertheless.
	Running int `json:"running"`
}

// answered notes that the registry has answered.
func (d *Daemon) answered(now units.Instant) { d.answeredAt = max(d.answeredAt, now.Boot) }

// heardAt is when the registry was last heard of, in boot time.
func (d *Daemon) heardAt(now units.Instant) time.Duration {
	at := max(d.startedAt, d.answeredAt)
	if d.confirmed {
		at = max(at, now.Boot-d.view.State(now).Age)
	}
	if d.about.Revision() != 0 {
		at = max(at, now.Boot-d.about.State(now).Age)
	}
	return at
}

// touch finds out whether the node is cut off, and says so once. A node is when nothing has come for as
// long as its guard trusts a keepalive; as long as the guard hears of its own, the daemon alone may be out
// of luck, and is given as long as its watches are.
func (d *Daemon) touch(now units.Instant) units.Instant {
	patience := guard.FenceAfter
	if d.vouched(d.place.Tenure, now) {
		patience = recentContact
	}
	heard := d.heardAt(now)
	off := now.Boot >= heard+patience
	if off != d.cutOff {
		d.cutOff = off
		if off {
			d.cutOffAt = heard
			d.o.Logger.Warn().Dur("took", now.Boot-heard).Msg("node was cut off from the cluster; what is not bound to its place there runs on")
		} else {
			d.o.Logger.Info().Dur("took", now.Boot-d.cutOffAt).Msg("node came in touch with the cluster again")
		}
	}
	if off {
		return units.Instant{}
	}
	return now.Add(heard + patience - now.Boot)
}

// overviewCutOff words it; nil while the node is in touch.
func (d *Daemon) overviewCutOff(now units.Instant) *CutOff {
	if !d.cutOff {
		return nil
	}
	c := &CutOff{Since: now.Wall.Add(d.cutOffAt - now.Boot).UTC(), Reason: "the registry does not answer"}
	switch {
	case d.view.State(now).Err != nil:
		c.Reason += ": " + d.view.State(now).Err.Error()
	case d.about.State(now).Err != nil:
		c.Reason += ": " + d.about.State(now).Err.Error()
	}
	for _, u := range d.order {
		if u.observed.ID == u.rec.ID && u.up() {
			c.Running++
		}
	}
	return c
}
