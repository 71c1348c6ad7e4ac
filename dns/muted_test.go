package dns_test

import (
	"slices"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
)

// says is a node's word about a unit.
func (l *leader) says(node units.NodeName, slot units.Slot, s units.State) {
	l.t.Helper()
	l.put(l.keys.Status(node, unit(slot)), units.Status{State: s})
}

// The story: every lease was revoked at once, all nodes were back within a second, and between their new
// leases and their endpoints the leader had taken addresses of healthy units out of the DNS.
func TestWhatWentWithALeaseStaysServed(t *testing.T) {
	l := twoUp(t)
	l.says("n1", "0", units.StateRunning)
	l.says("n2", "1", units.StateRunning)
	l.lose("n1", "0")
	l.lose("n2", "1")
	l.Advance(time.Second)
	l.served(5)
	l.restart() // a new leader has never seen the endpoints
	for _, c := range slices.Clone(l.history) {
		l.change(c)
	}
	l.Advance(time.Second)
	l.served(5)
}

func TestAMutedUnitIsServedUntilSomebodyDecides(t *testing.T) {
	for name, decide := range map[string]func(l *leader){
		"its node says that it is unhealthy": func(l *leader) { l.says("n1", "0", units.StateUnhealthy) },
		"its node says that it ended":        func(l *leader) { l.says("n1", "0", units.StateFailed) },
		"its status is gone":                 func(l *leader) { l.remove(l.keys.Status("n1", unit("0"))) },
		"it is told to stop": func(l *leader) {
			l.put(l.keys.Unit("n1", unit("0")), units.Assignment{Desired: units.DesiredStop})
		},
		"its assignment is gone":    func(l *leader) { l.remove(l.keys.Unit("n1", unit("0"))) },
		"its node is found lost":    func(l *leader) { l.put(l.keys.Fence("n1"), units.Fence{Tenure: l.rev}) },
		"the app has been stopped":  func(l *leader) { l.put(l.keys.App(web), units.Intent{Generation: 1, Count: 3, Stopped: true}) },
		"it starts, and has checks": func(l *leader) { l.says("n1", "0", units.StateStarting) },
	} {
		t.Run(name, func(t *testing.T) {
			l := twoUp(t)
			l.says("n1", "0", units.StateRunning)
			l.lose("n1", "0")
			l.Advance(time.Second)
			l.served(5)
			decide(l)
			l.Advance(time.Second)
			l.served(4)
		})
	}
}
