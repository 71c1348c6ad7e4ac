package node

import (
	"context"

	"github.com/nsched/nsched/units"
)

// trust looks whether the registry is still the one that this node knew. While it is not, what it says is
// no reason to start, forget or remove anything; what runs runs on, and is reported and published.
func (d *Daemon) trust(ctx context.Context, now units.Instant) (units.Instant, error) {
	before := d.continuity.Held()
	if d.doubted {
		d.doubted = false
		d.continuity.Doubt()
	}
	if d.identified() && !d.reidentifying {
		d.continuity.Read(d.seen.cluster, d.seen.clock)
	}
	if d.continuity.Turned() {
		d.view.Reload()
		d.about.Reload()
		d.rereading, d.reidentifying = true, true
		d.o.Mail.Post(func(units.Instant) {}) // the views begin with the next pass
	}
	switch held := d.continuity.Held(); {
	case before == "" && held != "":
		d.events.Add(now, units.Event{Type: units.EventRegression, Node: d.o.Node, Reason: units.Reason{Message: held}, Epoch: d.continuity.Seen().Epoch})
	case before != "" && held == "":
		d.time.Reset()
	}
	return d.continuity.Step(ctx, now)
}

// trusts reports whether the registry is the one that this node knew, and what is known of it is of its
// present history.
func (d *Daemon) trusts() bool {
	return d.continuity.Trusted() && !d.rereading && !d.reidentifying
}
