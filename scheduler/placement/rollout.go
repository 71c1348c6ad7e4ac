package placement

import (
	"strconv"

	"github.com/nsched/nsched/units"
)

// settle writes what has become of an app's way to its target. A rollout is complete once every slot
// has had a ready unit of the target at the same time; what fails later is not its business.
func (p *planner) settle(w *work) {
	if w.target == nil {
		return
	}
	number := w.target.number
	var record units.Rollout
	for _, r := range w.app.rollouts {
		if r.Generation == number {
			record = r.Record
		} else if r.Record.Phase == units.PhaseRolling {
			ended := r.Record
			ended.Phase = units.PhaseSuperseded
			p.roll(w, r.Generation, ended, "generation "+strconv.FormatInt(int64(number), 10)+" is wanted now")
		}
	}
	switch {
	case !w.unsettled && record.Phase != units.PhaseComplete:
		record.Phase = units.PhaseComplete
		p.roll(w, number, record, "every slot has a unit of it that is ready")
	case w.app.intent.Paused:
		// A rollout that has not begun does not begin.
	case w.unsettled && (record.Phase == "" || record.Phase != units.PhaseRolling && w.older):
		p.roll(w, number, units.Rollout{Phase: units.PhaseRolling, Serving: p.serving(w)}, "it is wanted")
	}
}

func (p *planner) roll(w *work, g units.Generation, record units.Rollout, message string) {
	p.act(Action{
		Kind: KindRollout, App: w.app.id, Generation: g, Rollout: record,
		Reason: units.Reason{Code: string(record.Phase), Message: message},
	})
}

// serving returns the other generation that has most units at work, 0 if none has any.
func (p *planner) serving(w *work) units.Generation {
	counts := make(map[units.Generation]int)
	most := units.Generation(0)
	for _, u := range w.app.inOrder(p.state.names) {
		if u.stage != live || u.generation == w.target.number {
			continue
		}
		counts[u.generation]++
		if n := counts[u.generation]; n > counts[most] || n == counts[most] && u.generation > most {
			most = u.generation
		}
	}
	return most
}
