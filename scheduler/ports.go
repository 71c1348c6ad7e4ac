package scheduler

import (
	"slices"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

// busyForMs is how long a port is avoided on a node after somebody else was found listening there.
const busyForMs = 10 * 60 * 1000

// busyPort is one that is avoided until a cluster time.
type busyPort struct {
	placement.BusyPort
	untilMs int64 // 0: not counted from yet
}

// portsBusy notes that a unit ended since one of its ports was taken. Which one is in no field of its status,
// so all that it was given are avoided: the next attempt would ask for all of them again.
func (w *world) portsBusy(u *placement.Unit) {
	n := w.node(u.Node)
	var app units.App
	if g := w.app(u.ID.AppID()).generations[u.ID.Generation]; g != nil {
		app = g.app
	}
	for name, port := range u.Assignment.Ports { // order-free: it fills a set
		protocol := units.TCP
		if i := slices.IndexFunc(app.Ports, func(p units.Port) bool { return p.Name == name }); i >= 0 {
			protocol = app.Ports[i].Protocol
		}
		at := placement.BusyPort{Protocol: protocol, Port: port}
		n.busy = slices.DeleteFunc(n.busy, func(b busyPort) bool { return b.BusyPort == at })
		n.busy = append(n.busy, busyPort{BusyPort: at})
	}
	w.dirtyNodes[u.Node] = true
}

// avoid counts the time of the ports that are avoided, and returns when the next of them is not any more, 0 for
// never, and whether one has ceased to be now.
func (n *nodeFacts) avoid(nowMs int64) (nextMs int64, changed bool) {
	for i := range n.busy {
		if n.busy[i].untilMs == 0 {
			n.busy[i].untilMs = nowMs + busyForMs
		}
	}
	before := len(n.busy)
	n.busy = slices.DeleteFunc(n.busy, func(b busyPort) bool { return b.untilMs <= nowMs })
	for _, b := range n.busy {
		if nextMs == 0 || b.untilMs < nextMs {
			nextMs = b.untilMs
		}
	}
	return nextMs, len(n.busy) != before
}
