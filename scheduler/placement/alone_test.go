package placement_test

import (
	"slices"
	"time"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

// ends says in this file's own words when a unit is certain not to run any more: at once, at a time, or never.
// It is written from what guards and daemons do, not from how placement decides.
func ends(s placement.Snapshot, u placement.Unit) (at int64, ever bool) {
	doc, readable := document(s, u.ID)
	readable = readable && doc.Bound()
	n, registered := nodesOf(s)[u.Node]
	switch {
	case u.CreateRev == 0 && (u.StatusRev == 0 || u.Status.State.Terminal()):
		return 0, true // nobody runs it
	case u.CreateRev != 0 && u.Problem.IsZero() && u.StatusRev != 0 && u.Status.Assignment == u.CreateRev && u.Status.State.Terminal():
		return 0, true // its node says so
	case !registered:
		return 0, false
	}
	if readable && u.Problem.IsZero() {
		given := u.Assignment.Tenure
		if u.CreateRev == 0 {
			given = u.Status.Tenure
		}
		if given != 0 && given < n.Tenure {
			return 0, true // its guard let it end before it claimed anew
		}
	}
	away := n.Standing == placement.LostNode || n.Standing == placement.Forgotten
	switch {
	case !away:
		return 0, false
	case n.Confirmed, n.Standing == placement.Forgotten && !readable:
		return 0, true // a person says so
	case !readable:
		return 0, false
	}
	// The guard stops it 6 s after the last answer at the latest, and the reaper kills it when its stop has
	// had its time: it is gone when the lease has run out, unless its stop takes longer than 4 s or somebody
	// ended the lease before its time. A second is for the clocks.
	return n.LostAtMs + (7*time.Second + max(4*time.Second, doc.Stop.Timeout)).Milliseconds(), true
}

// checkAlone asserts that no unit of a singleton is placed while another of the app may run.
func checkAlone(t judge, s placement.Snapshot, o placement.Outcome) {
	t.Helper()
	for _, a := range o.Actions {
		doc, known := document(s, a.Unit)
		if a.Kind != placement.KindPlace || !known || !doc.Singleton {
			continue
		}
		for _, u := range s.Units {
			if u.ID.AppID() != a.Unit.AppID() {
				continue
			}
			if at, ever := ends(s, u); !ever || at > s.NowMs {
				t.Errorf("placed %s while %s on %s may run", a.Unit, u.ID, u.Node)
			}
		}
		if s.Epoch.Since != 0 {
			checkRestored(t, s, a, doc)
		}
	}
	singles := make(map[units.AppID]units.UnitID)
	for _, u := range placement.Apply(s, o).Units {
		doc, known := document(s, u.ID)
		placed := slices.ContainsFunc(o.Actions, func(a placement.Action) bool { return a.Kind == placement.KindPlace && a.Unit == u.ID })
		if !placed || !known || !doc.Singleton {
			continue
		}
		if other, twice := singles[u.ID.AppID()]; twice {
			t.Errorf("placed both %s and %s", other, u.ID)
		}
		singles[u.ID.AppID()] = u.ID
	}
}

// checkRestored asserts that whatever a restored registry has forgotten cannot run any more.
func checkRestored(t judge, s placement.Snapshot, a placement.Action, doc units.App) {
	t.Helper()
	wait := (15*time.Second + max(0, doc.Stop.Timeout-4*time.Second)).Milliseconds()
	if s.NowMs < s.Epoch.SeenMs+wait {
		t.Errorf("placed %s %d ms after a restore", a.Unit, s.NowMs-s.Epoch.SeenMs)
	}
	for _, n := range s.Nodes {
		alive := n.Alive || n.Standing == placement.Ready || n.Standing == placement.AgentDown
		switch {
		case n.Tenure > s.Epoch.Since, n.Confirmed, n.Standing == placement.Forgotten:
		case alive:
			t.Errorf("placed %s though %s has its tenure of before the restore", a.Unit, n.Name)
		case s.NowMs < n.LostAtMs+wait:
			t.Errorf("placed %s though %s was lost just now", a.Unit, n.Name)
		}
		if n.Name == a.Node && n.Tenure <= s.Epoch.Since {
			t.Errorf("placed %s on %s, which has its tenure of before the restore", a.Unit, n.Name)
		}
	}
}

// checkLostAfter asserts that no unit is replaced before its lost node has had its time to return.
func checkLostAfter(t judge, s placement.Snapshot, o placement.Outcome) {
	t.Helper()
	nodes := nodesOf(s)
	for _, a := range o.Actions {
		if a.Kind != placement.KindPlace {
			continue
		}
		for _, u := range s.Units {
			n := nodes[u.Node]
			doc, known := document(s, u.ID)
			away := n.Standing == placement.LostNode && !n.Confirmed && holds(u) && !passed(s, u) && u.Assignment.Desired == units.DesiredRun && u.Problem.IsZero() && u.CreateRev != 0
			if u.ID.AppID() != a.Unit.AppID() || u.ID.Slot != a.Unit.Slot || u.ID.Generation != a.Unit.Generation || !known || !away || doc.Type == units.TypeSystem {
				continue
			}
			if due := n.LostAtMs + doc.Disconnect.LostAfter.Milliseconds(); s.NowMs < due {
				t.Errorf("placed %s %d ms before %s has had its time to return", a.Unit, due-s.NowMs, u.Node)
			}
		}
	}
}

// checkHoldings asserts that whatever is decided of units out of reach is compared when it is written.
func checkHoldings(t judge, s placement.Snapshot, o placement.Outcome) {
	t.Helper()
	nodes := nodesOf(s)
	for _, a := range o.Actions {
		for _, h := range a.While {
			n := nodes[h.Node]
			alive := n.Alive || n.Standing == placement.Ready || n.Standing == placement.AgentDown
			if alive && h.Tenure != n.Tenure || !alive && h.Tenure != 0 {
				t.Errorf("%s %s holds while %+v, which is not so", a.Kind, a.Unit, h)
			}
		}
		if a.Kind == placement.KindEvict && !slices.ContainsFunc(a.While, func(h placement.Holding) bool { return h.Node == a.Node }) {
			t.Errorf("evicts %s and does not compare that %s is away", a.Unit, a.Node)
		}
		if a.Kind != placement.KindPlace || a.Reason.Code != placement.ReasonNewUnit {
			continue // an update does not care for what is away
		}
		for _, u := range s.Units {
			lost := nodes[u.Node].Standing == placement.LostNode && u.Problem.IsZero() && u.CreateRev != 0 && u.Assignment.Desired == units.DesiredRun && holds(u)
			if doc, known := document(s, u.ID); u.ID.AppID() != a.Unit.AppID() || u.ID.Slot != a.Unit.Slot || !lost || known && doc.Type == units.TypeSystem {
				continue
			}
			target, known := document(s, a.Unit)
			if known && target.Type == units.TypeSystem {
				continue
			}
			if !slices.Contains(a.While, placement.Holding{Node: u.Node}) {
				t.Errorf("placed %s for %s and does not compare that %s is away", a.Unit, u.ID, u.Node)
			}
		}
	}
}
