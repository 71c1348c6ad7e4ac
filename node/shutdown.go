package node

import (
	"context"
	"time"

	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/units"
)

const (
	// leaveWithin bounds how long the daemon of a machine that goes down tries to tell the cluster of it.
	leaveWithin = 5 * time.Second
	// leavePoll is how often it is looked whether all is told.
	leavePoll = 20 * time.Millisecond
	// askDownWithin bounds the question whether the machine goes down.
	askDownWithin = 2 * time.Second
)

// Leave tells the daemon that its process is about to end with the machine: it looks at systemd once more
// and reports. Any goroutine may call it.
func (d *Daemon) Leave() {
	d.o.Mail.Post(func(units.Instant) {
		if !d.leaving {
			d.leaving, d.goingDown, d.leftFrom, d.listAt = true, true, d.sequence+1, 0
		}
	})
}

// Left reports whether everything has been told. Any goroutine may call it.
func (d *Daemon) Left() bool { return d.left.Load() }

// depart looks whether there is anything left to tell.
func (d *Daemon) depart() {
	d.left.Store(d.leaving && d.listed >= d.leftFrom && d.allTold())
}

// allTold reports whether every unit is down and the registry knows.
func (d *Daemon) allTold() bool {
	for _, u := range d.order {
		if u.up() || !u.onDisk() || u.report.inFlight || d.dirty(&u.report) {
			return false
		}
	}
	return true
}

// up reports whether systemd has a process of the unit, as far as it was last listed.
func (u *unit) up() bool { return converge.Service{Phase: u.observed.Phase}.Up() }

// leave lets the daemon tell the cluster of the machine's way down, if that is why it is to end. A mere
// restart of the daemon is nobody's business.
func leave(ctx context.Context, d *Daemon, services Services) {
	ask, cancel := context.WithTimeout(ctx, askDownWithin)
	down, err := services.GoingDown(ask)
	cancel()
	if err != nil {
		down = d.sawDown.Load() // systemd told it before it fell silent
	}
	if !down {
		return
	}
	d.Leave()
	end := time.NewTimer(leaveWithin)
	defer end.Stop()
	look := time.NewTicker(leavePoll)
	defer look.Stop()
	for !d.Left() {
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-look.C:
		}
	}
}
