package placement_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

// box is a machine that keeps the rules that guards, reapers and daemons keep, each at the latest moment
// that the rule allows. What it does and what the registry says of it are two things.
type box struct {
	name      units.NodeName
	off       bool // for good
	connected bool
	held      int64 // its tenure; 0 is none
	epoch     int64 // of its claim
	ackMs     int64 // of its latest renewal
	leaving   bool  // gives its tenure up
	running   map[units.UnitID]*process
	ended     map[units.UnitID]bool
	found     map[units.UnitID]bool // its disk says that it is to run
}

type process struct {
	app   units.App
	endMs int64 // it is killed then; 0 is never
}

// lease is what the registry has of alive/<node>.
type lease struct{ tenure, endMs int64 }

// lab is a cluster of boxes and a registry. Cluster time is true time.
type lab struct {
	*world
	t       judge
	boxes   []*box
	leases  map[units.NodeName]lease
	told    []string
	pending *placement.Outcome
	copies  []copied
}

type copied struct {
	units  []placement.Unit
	apps   []placement.App
	leases map[units.NodeName]lease
	nodes  []placement.Node
}

const (
	labTTL   = 15_000
	labFence = 6000
)

func newLab(t judge, names ...string) *lab {
	l := &lab{world: newWorld(machines(names...)...), t: t, leases: map[units.NodeName]lease{}}
	for i := range l.Nodes {
		l.Nodes[i].Standing = placement.Unknown
		l.boxes = append(l.boxes, &box{
			name: l.Nodes[i].Name, connected: true,
			running: map[units.UnitID]*process{}, ended: map[units.UnitID]bool{}, found: map[units.UnitID]bool{},
		})
	}
	l.pass(2)
	return l
}

func (l *lab) tell(format string, args ...any) {
	l.told = append(l.told, fmt.Sprintf("%d ", l.NowMs)+fmt.Sprintf(format, args...))
}

func (l *lab) fail(format string, args ...any) {
	l.t.Helper()
	for _, line := range l.told[max(0, len(l.told)-60):] {
		l.t.Errorf("%s", line)
	}
	l.t.Fatalf(format, args...)
}

// registered returns the node's row, nil if it was forgotten.
func (l *lab) registered(name units.NodeName) *placement.Node {
	i := slices.IndexFunc(l.Nodes, func(n placement.Node) bool { return n.Name == name })
	if i < 0 || l.Nodes[i].Standing == placement.Forgotten {
		return nil
	}
	return &l.Nodes[i]
}

// pass lets seconds pass.
func (l *lab) pass(seconds int) {
	for range seconds {
		l.NowMs += 1000
		for _, b := range l.boxes {
			l.live(b)
		}
		for _, b := range l.boxes {
			if at := l.leases[b.name]; at.tenure != 0 && l.NowMs >= at.endMs {
				l.endLease(b.name)
			}
		}
		l.check()
	}
}

func (l *lab) endLease(name units.NodeName) {
	l.tell("the lease of %s ends", name)
	delete(l.leases, name)
	if n := l.registered(name); n != nil {
		n.Alive, n.Standing, n.LostAtMs = false, placement.Unknown, l.NowMs
	}
}

// live is a second of a box: its guard, and then its reaper.
func (l *lab) live(b *box) {
	if b.off {
		return
	}
	mine := b.held != 0 && l.leases[b.name].tenure == b.held
	if b.connected && b.held != 0 {
		if mine && b.epoch == l.Epoch.Since && !b.leaving {
			b.ackMs = l.NowMs
			l.leases[b.name] = lease{b.held, l.NowMs + labTTL}
		} else {
			b.leaving = true
		}
	}
	bound := 0
	for _, id := range slices.SortedFunc(maps.Keys(b.running), units.UnitID.Compare) {
		p := b.running[id]
		if !p.app.Bound() {
			continue
		}
		stale := b.ackMs + labFence
		if b.leaving {
			stale = min(stale, l.NowMs)
		}
		if (b.leaving || l.NowMs >= stale) && p.endMs == 0 {
			p.endMs = stale + p.app.Stop.Timeout.Milliseconds()
		}
		if p.endMs != 0 && l.NowMs >= p.endMs {
			l.tell("%s killed %s", b.name, id)
			delete(b.running, id)
			b.ended[id] = true
			continue
		}
		bound++
	}
	if !b.connected || bound > 0 || b.held != 0 && !b.leaving {
		return
	}
	if mine {
		l.endLease(b.name)
	}
	if l.leases[b.name].tenure == 0 {
		l.claim(b)
	}
}

func (l *lab) claim(b *box) {
	b.held, b.epoch, b.ackMs, b.leaving = l.next(), l.Epoch.Since, l.NowMs, false
	l.leases[b.name] = lease{b.held, l.NowMs + labTTL}
	n := l.registered(b.name)
	if n == nil {
		l.Nodes = slices.DeleteFunc(l.Nodes, func(n placement.Node) bool { return n.Name == b.name })
		l.Nodes = append(l.Nodes, machine(string(b.name)))
		n = &l.Nodes[len(l.Nodes)-1]
	}
	n.Standing, n.Alive, n.Tenure, n.LostAtMs, n.Confirmed = placement.Ready, true, b.held, 0, false
	l.tell("%s has tenure %d", b.name, b.held)
	// A restored registry learns from the daemon at once what it has forgotten and is not bound; until it has,
	// nobody can know.
	l.act(b)
}

// fresh reports whether the box's guard answers its shims with yes.
func (l *lab) fresh(b *box) bool {
	return !b.off && b.connected && b.held != 0 && !b.leaving && l.leases[b.name].tenure == b.held &&
		l.NowMs < b.ackMs+labFence && b.epoch == l.Epoch.Since
}

// act is a pass of a box's daemon over what it is told.
func (l *lab) act(b *box) {
	if b.off || !b.connected {
		return
	}
	kept := l.Units[:0]
	seen := map[units.UnitID]bool{}
	for _, u := range l.Units {
		if u.Node == b.name {
			seen[u.ID] = true
			if l.obeyOne(b, &u); u.CreateRev == 0 && u.StatusRev == 0 {
				continue
			}
		}
		kept = append(kept, u)
	}
	l.Units = kept
	for _, id := range slices.SortedFunc(maps.Keys(b.running), units.UnitID.Compare) {
		if !seen[id] && l.fresh(b) {
			u := placement.Unit{Node: b.name, ID: id}
			u.Status = units.Status{State: units.StateRunning, Orphan: true, Tenure: b.held}
			u.StatusRev = l.next()
			l.Units = append(l.Units, u)
		}
	}
}

func (l *lab) obeyOne(b *box, u *placement.Unit) {
	say := func(s units.State, code string) {
		if l.fresh(b) && (u.Status.State != s || u.Status.Assignment != u.CreateRev || u.Status.Tenure != b.held) {
			l.report(u, s, func(st *units.Status) { st.Tenure, st.Reason.Code = b.held, code })
		}
	}
	doc, known := document(l.Snapshot, u.ID)
	p := b.running[u.ID]
	switch {
	case u.CreateRev == 0 && p == nil:
		u.Status, u.StatusRev = units.Status{}, 0
	case u.CreateRev == 0:
		if l.fresh(b) && !u.Status.Orphan {
			u.Status.Orphan, u.Status.Tenure, u.StatusRev = true, b.held, l.next()
		}
	case !u.Problem.IsZero() || !known:
	case u.Assignment.Desired == units.DesiredStop:
		if p != nil {
			l.tell("%s stopped %s", b.name, u.ID)
			delete(b.running, u.ID)
		}
		delete(b.found, u.ID)
		b.ended[u.ID] = true
		say(units.StateStopped, "")
	case b.ended[u.ID]:
		say(units.StateStopped, units.ReasonFenced)
	case p != nil:
		say(l.readyState(u.ID), "")
	case doc.Bound() && u.Assignment.Tenure < b.held:
		b.ended[u.ID] = true
		say(units.StateFailed, units.ReasonTenureOver)
	case doc.Bound() && (!l.fresh(b) || u.Assignment.Tenure != b.held):
	default:
		l.start(b, u.ID, doc)
	}
}

// start starts a unit, and looks whether a singleton is alone.
func (l *lab) start(b *box, id units.UnitID, app units.App) {
	l.tell("%s started %s", b.name, id)
	b.running[id] = &process{app: app}
	if !app.Bound() {
		b.found[id] = true
	}
	for _, other := range l.boxes {
		for there := range other.running {
			if app.Singleton && there != id && there.AppID() == id.AppID() {
				l.fail("%s started %s while %s runs %s", b.name, id, other.name, there)
			}
		}
	}
}

// check asserts that no two units of a singleton run.
func (l *lab) check() {
	first := map[units.AppID]units.UnitID{}
	for _, b := range l.boxes {
		for id, p := range b.running {
			if other, twice := first[id.AppID()]; twice && p.app.Singleton {
				l.fail("%s and %s both run", other, id)
			}
			if p.app.Singleton {
				first[id.AppID()] = id
			}
		}
	}
}

// think is a plan of the leader; commit writes what of it still holds.
func (l *lab) think() {
	before := l.Clone()
	o := placement.Plan(l.Snapshot, l.policy)
	checkPlan(l.t, before, o, l.policy)
	l.pending = &o
}

func (l *lab) commit() {
	if l.pending == nil {
		return
	}
	refused := map[int]bool{}
	for _, a := range l.pending.Actions {
		refused[a.Group] = refused[a.Group] || a.Group != 0 && !l.holds(a)
	}
	var written placement.Outcome
	for _, a := range l.pending.Actions {
		if !refused[a.Group] && l.holds(a) {
			l.tell("wrote %s %s on %s: %s", a.Kind, a.Unit, a.Node, a.Reason.Message)
			written.Actions = append(written.Actions, a)
		}
	}
	l.Snapshot = placement.Apply(l.Snapshot, written)
	l.rev += int64(len(written.Actions))
	l.pending = nil
}

// holds compares what the scheduler compares.
func (l *lab) holds(a placement.Action) bool {
	if a.Kind == placement.KindRollout {
		return true
	}
	now := placement.Unit{}
	if i := slices.IndexFunc(l.Units, func(u placement.Unit) bool { return u.Node == a.Node && u.ID == a.Unit }); i >= 0 {
		now = l.Units[i]
	}
	switch {
	case now.ModRev != a.ModRev:
		return false
	case a.Kind == placement.KindDelete && now.StatusRev != a.StatusRev:
		return false
	case a.Kind == placement.KindDelete && a.Reason.Code == placement.ReasonNodeForgotten && (l.registered(a.Node) != nil || l.leases[a.Node].tenure != 0):
		return false
	case a.Kind == placement.KindPlace && l.leases[a.Node].tenure != a.Assignment.Tenure:
		return false
	}
	for _, h := range a.While {
		if l.leases[h.Node].tenure != h.Tenure {
			return false
		}
	}
	return true
}

// keep takes a snapshot of the registry; restore puts it back, which a person accepts at once.
func (l *lab) keep() {
	s := l.Clone()
	l.copies = append(l.copies, copied{s.Units, s.Apps, maps.Clone(l.leases), s.Nodes})
}

func (l *lab) restore(c copied) {
	l.tell("etcd is restored")
	l.pending = nil
	s := placement.Snapshot{Units: c.units, Apps: c.apps, Nodes: c.nodes}.Clone()
	l.Units = s.Units
	for i := range l.Apps { // documents and wishes stay: a person submits them again
		l.Apps[i].Slots = nil
		for _, a := range s.Apps {
			if a.ID == l.Apps[i].ID {
				l.Apps[i].Slots = a.Slots
			}
		}
	}
	l.Nodes, l.leases = s.Nodes, map[units.NodeName]lease{}
	for i := range l.Nodes {
		n := &l.Nodes[i]
		if at, was := c.leases[n.Name]; was {
			n.Alive, n.Standing, n.Tenure = true, placement.Ready, at.tenure
			l.leases[n.Name] = lease{at.tenure, l.NowMs + labTTL}
		}
	}
	l.Epoch = placement.Epoch{Since: l.next(), SeenMs: l.NowMs}
}

// heal makes everything well that can be.
func (l *lab) heal() {
	l.tell("all is well from now on")
	for i := range l.Units {
		if u := &l.Units[i]; !u.Problem.IsZero() {
			u.Problem, u.Assignment.Desired, u.ModRev = units.Reason{}, units.DesiredStop, l.next() // a person repairs it
		}
	}
	for _, b := range l.boxes {
		b.connected = !b.off
		if n := l.registered(b.name); n != nil {
			n.Cordon, n.Confirmed = false, b.off
		}
	}
	l.pending = nil
	for range 100 {
		l.pass(1)
		for _, b := range l.boxes {
			if n := l.registered(b.name); n != nil && b.off && !n.Alive {
				n.Standing = placement.LostNode
			}
			l.act(b)
		}
		l.think()
		l.commit()
	}
	l.NowMs += time.Hour.Milliseconds() / 2
	for _, b := range l.boxes {
		if b.ackMs = l.NowMs; b.held != 0 && l.leases[b.name].tenure == b.held {
			l.leases[b.name] = lease{b.held, l.NowMs + labTTL}
		}
	}
	for range 60 {
		l.pass(1)
		for _, b := range l.boxes {
			l.act(b)
		}
		l.think()
		l.commit()
	}
}
