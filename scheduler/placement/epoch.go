package placement

import "github.com/nsched/nsched/units"

// restoredWait returns why no unit of a singleton may be started after the registry was restored, and until
// when; no reason if one may. A snapshot has forgotten what was placed after it was taken, and whoever runs
// that is bound to a tenure of before:
//
//	a node with a tenure of this epoch       has let go of everything before it claimed
//	a node with one of before                may run a unit that nobody knows, until it has another
//	a node that is away, known or forgotten  may do so until its fence has passed, which began at the latest
//	                                         when the restored registry did
func (p *planner) restoredWait(w *work) (units.Reason, int64) {
	s := p.state
	if s.epoch.Since == 0 {
		return units.Reason{}, 0
	}
	wait := p.policy.LeaseTTL + max(w.filler.spec.replaceDelay, w.target.spec.replaceDelay)
	until, former := p.after(s.epoch.SeenMs, wait), units.NodeName("")
	for i := range s.nodes {
		past := &s.pasts[i]
		switch {
		case !past.registered || past.confirmed || !s.former(int32(i)):
		case past.alive:
			if former == "" || s.names[i] < former {
				former = s.names[i]
			}
		default:
			until = max(until, p.after(max(s.epoch.SeenMs, past.lostAtMs), wait))
		}
	}
	switch {
	case former != "":
		return units.Reason{
			Code:    units.ReasonSingletonWaiting,
			Message: string(former) + " may still run a unit that a restored etcd has forgotten: it has not begun a new tenure yet",
		}, forever
	case until == 0:
		return units.Reason{}, 0
	}
	return units.Reason{
		Code:    units.ReasonSingletonWaiting,
		Message: "waits until " + clockText(until, p.now) + ": a unit that a restored etcd has forgotten may still run",
	}, until
}
