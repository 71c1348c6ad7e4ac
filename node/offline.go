package node

import (
	"context"
	"fmt"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

const (
	// offlineGrace is how long a daemon that has just started waits for the registry before it believes
	// its own disk.
	offlineGrace = 5 * time.Second
	contactEvery = time.Minute
	// recentContact is how old the registry's last word may be to count as contact.
	recentContact = 15 * time.Second
)

// hold says why nothing may be started now; the zero Reason is "it may".
func (d *Daemon) hold(u *unit, now units.Instant) units.Reason {
	if d.confirmed && u.bound() {
		return d.holdBound(u, now)
	}
	switch {
	case d.continuity.Held() != "" && u.rec.LaunchedBoot != "":
		// It is nothing new: it has run here, on the word of the registry as it was then.
		return d.holdOffline(now)
	case d.continuity.Held() != "":
		return units.Reason{Code: units.ReasonOffline, Message: "nothing new is started: " + d.continuity.Held()}
	case d.confirmed && !d.trusts():
		return units.Reason{Code: units.ReasonOffline, Message: "the cluster's identity has not been read yet"}
	case d.confirmed && !d.placed:
		// Another machine may have this name, and these be its units.
		return units.Reason{Code: units.ReasonTenureLost, Message: "the guard has not taken this node's place in the cluster yet"}
	case d.confirmed:
		return units.Reason{}
	}
	return d.holdOffline(now)
}

// holdOffline says why nothing may be started on the word of the disk alone.
func (d *Daemon) holdOffline(now units.Instant) units.Reason {
	switch {
	case now.Boot < d.startedAt+offlineGrace:
		return units.Reason{Code: units.ReasonOffline, Message: "waiting for the registry"}
	case d.contact.IsZero():
		return units.Reason{Code: units.ReasonOffline, Message: "this node has never reached the registry"}
	}
	if age := now.Wall.Sub(d.contact); age > d.o.MaxOfflineAge {
		return units.Reason{Code: units.ReasonOffline, Message: fmt.Sprintf("out of touch for %v, longer than maxOfflineAge %v", age.Round(time.Second), d.o.MaxOfflineAge)}
	}
	return units.Reason{}
}

// keepContact remembers that the registry was read lately.
func (d *Daemon) keepContact(now units.Instant) units.Instant {
	if !d.confirmed || d.keeping {
		return units.Instant{}
	}
	if !now.Reached(d.keepAt) {
		return now.Add(d.keepAt - now.Boot)
	}
	d.keepAt = now.Boot + contactEvery
	if d.view.State(now).Age > recentContact {
		return now.Add(contactEvery)
	}
	d.keeping = true
	at := now.Wall
	loop.Go(d.o.Executor, "contact", "", func(context.Context) (struct{}, error) {
		return struct{}{}, d.o.Contact.Save(at)
	}, func(_ units.Instant, _ struct{}, err error) {
		d.keeping = false
		if err == nil {
			d.contact = at
		}
	})
	return units.Instant{}
}
