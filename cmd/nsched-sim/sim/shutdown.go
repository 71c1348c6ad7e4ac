package sim

import (
	"time"

	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/node/guard"
)

// How long a machine that goes down waits for its parts: TimeoutStopSec= of units, daemon and guard.
const (
	unitsEndWithin  = 90 * time.Second
	daemonEndWithin = 10 * time.Second
	guardEndWithin  = 20 * time.Second
	shutdownLook    = 100 * time.Millisecond
)

// ShutDown takes the machine down in order: the units stop, the daemon tells the cluster and ends, the guard
// gives up its tenure and ends, and the power goes. Each has its time and no more. A machine that stands
// still or is down does nothing.
func (n *NodeHost) ShutDown() {
	if n.down || n.suspended || n.goingDown {
		return
	}
	n.w.Trace.Add(n.w.now, "fault", n.Name+" goes down")
	n.goingDown = true
	boot := n.boots
	daemon := func() *node.Daemon {
		d, _ := n.Daemon.Shell().(*node.Daemon)
		return d
	}
	n.await(boot, unitsEndWithin, func() bool { return len(n.Live()) == 0 }, func() {
		if d := daemon(); d != nil {
			d.Leave()
			n.Daemon.poke()
		}
		n.await(boot, daemonEndWithin, func() bool { return daemon() == nil || daemon().Left() }, func() {
			n.Daemon.die()
			if g, ok := n.Guard.Shell().(*guard.Guard); ok {
				g.End("the machine goes down")
				n.Guard.poke()
			}
			n.await(boot, guardEndWithin, func() bool {
				s, alive := n.Guard.Published()
				return !alive || s.Phase == guard.PhaseEnded
			}, n.PowerOff)
		})
	})
	n.Systemd.ShutDown()
}

// await goes on once something is so, or the time for it is over. A machine that has lost its power meanwhile
// is down already.
func (n *NodeHost) await(boot int, within time.Duration, so func() bool, then func()) {
	if n.down || n.boots != boot {
		return
	}
	if so() || within <= 0 {
		then()
		return
	}
	if n.suspended {
		within += shutdownLook
	}
	n.w.After(shutdownLook, func() { n.await(boot, within-shutdownLook, so, then) })
}

// reboot takes the machine down in order and starts it again once the strike's time has passed, and it is
// down.
func reboot(w *World, _ Strike, n *NodeHost) func() {
	n.ShutDown()
	var on func()
	on = func() {
		if n.goingDown {
			w.After(time.Second, on)
			return
		}
		n.PowerOn()
	}
	return on
}
