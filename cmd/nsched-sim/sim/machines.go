package sim

import (
	"math"
	"slices"
	"time"

	"github.com/nsched/nsched/node/guard"
	"github.com/nsched/nsched/units"
)

// machines is what runs, by the machines' own processes.
type machines struct {
	of      []machine
	singles map[units.AppID][]unitKey // where each singleton runs
	ran     map[unitKey]bool
	knew    map[unitKey]time.Duration // when its node first said that a unit was told to stop
	handed  map[unitKey]int64         // the fence token that a unit was last to be started with
	tokens  map[units.AppID]shown     // the highest that one has begun to run with
	boundBy time.Duration             // when a bound unit has to be gone, the first of them
	second  time.Duration             // of the last look at all stores
}

// shown is a fence token, and which unit showed it first.
type shown struct {
	token int64
	by    unitKey
}

type machine struct {
	version int
	live    []units.UnitID
	fresh   time.Duration // when the latest renewal was asked for that etcd has acknowledged
	excused time.Duration // until when nothing is promised
	word    time.Duration // until when the guard last said that its tenure is fresh, in its own time
	unsure  int64         // the tenure of which it has said that it was not, at some time
}

func newMachines() machines {
	return machines{singles: map[units.AppID][]unitKey{}, ran: map[unitKey]bool{}, knew: map[unitKey]time.Duration{}, handed: map[unitKey]int64{}, tokens: map[units.AppID]shown{}, boundBy: math.MaxInt64}
}

func (s *machines) name(n *NodeHost) units.NodeName { return units.NodeName(n.Name) }

func (s *machines) at(i int) *machine {
	for len(s.of) <= i {
		s.of = append(s.of, machine{version: -1})
	}
	return &s.of[i]
}

// lookAtMachines follows the processes of every machine on which something has changed.
func (m *Watchman) lookAtMachines() error {
	s := &m.machines
	for i, n := range m.w.nodes {
		if i >= len(s.of) {
			n.OnStop = func(id units.UnitID) { m.stopped(n, id) }
			n.OnStart = func(id units.UnitID, sent time.Duration, token int64) { m.asked(n, id, sent, token) }
			n.OnEnforce = func(id units.UnitID) { m.enforced(n, id) }
			n.OnUnroot = func() { m.lookAtStore(n) }
		}
		at := s.at(i)
		m.excuse(n, at)
		m.vouches(n, at)
		if v := n.Systemd.Version(); v != at.version {
			at.version = v
			m.compare(n, at, slices.Clone(n.Systemd.Live()))
			s.boundBy = 0
		}
	}
	if m.w.now >= s.boundBy {
		m.lookAtBound()
	}
	if second := m.w.now / time.Second; second != s.second {
		s.second = second
		m.lookAtStores()
	}
	return nil
}

// excuse is for what README does not promise: a pause of the whole machine, and guard and reaper both
// stopped while PID 1 has no time.
func (m *Watchman) excuse(n *NodeHost, at *machine) {
	if n.suspended || n.saturated && stands(n.Guard.Process) && stands(n.Reaper) {
		at.excused = m.w.now + time.Second
	}
}

// vouches checks the guard's word: its tenure is fresh for so long after a renewal was asked for that etcd has
// acknowledged, however long the answer took. A word about the past says since when it is not.
func (m *Watchman) vouches(n *NodeHost, at *machine) {
	if n.Instant().Boot >= n.Guard.word.FreshUntil {
		at.unsure = n.Guard.word.Tenure
	}
	if n.Guard.word.FreshUntil == at.word || n.Guard.told != n.BootID() {
		return
	}
	at.word = n.Guard.word.FreshUntil
	if until := n.booted + at.word - bootBegins; until > max(m.w.now, at.fresh+guard.FenceAfter) {
		m.fail(FencedInTime, "the guard of %s vouches for its tenure for %v after it asked for it", n.Name, until-at.fresh)
	}
}

func stands(p *Process) bool { return !p.running || p.paused }

// compare notes what began and what ended. Both lists are in order.
func (m *Watchman) compare(n *NodeHost, at *machine, live []units.UnitID) {
	was := at.live
	at.live = live
	for i, j := 0, 0; i < len(was) || j < len(live); {
		c := -1
		switch {
		case i == len(was):
			c = 1
		case j < len(live):
			c = was[i].Compare(live[j])
		}
		switch {
		case c < 0:
			m.gone(n, was[i])
			i++
		case c > 0:
			m.began(n, at, live[j])
			j++
		default:
			i, j = i+1, j+1
		}
	}
}

func (m *Watchman) gone(n *NodeHost, id units.UnitID) {
	if app := id.AppID(); len(m.machines.singles[app]) > 0 {
		m.machines.singles[app] = slices.DeleteFunc(m.machines.singles[app], func(k unitKey) bool {
			return k == unitKey{m.machines.name(n), id}
		})
	}
}

// began checks a process that has just been started: what it is made of is pinned, it is the only one of a
// singleton, and what is bound to a tenure runs in that tenure, while the guard may believe in it.
func (m *Watchman) began(n *NodeHost, at *machine, id units.UnitID) {
	s := &m.machines
	k := unitKey{s.name(n), id}
	s.ran[k] = true
	app := m.spec(id)
	m.rooted(n, id, app)
	m.token(n, id)
	if !app.Bound() {
		return
	}
	if n.tenures[id] == 0 {
		m.fail(FencedInTime, "%s started %s, which is bound to its tenure, and its shim was told to ask nobody", n.Name, id)
	}
	if alive, there := m.mirror.alive[k.node]; there && m.w.now >= at.excused {
		if a, known := m.mirror.units[k]; known && a.Tenure != alive.CreateRevision {
			m.fail(FencedInTime, "%s started %s in tenure %d on an assignment for tenure %d", n.Name, id, alive.CreateRevision, a.Tenure)
		}
	}
	if late := m.w.now - at.fresh - guard.FenceAfter; late > 0 && m.w.now >= at.excused {
		m.fail(FencedInTime, "%s started %s, which is bound to its tenure, %v after its guard's last word held", n.Name, id, late)
	}
	if app.Singleton {
		m.single(id.AppID(), k)
	}
}

// single checks that a singleton runs once. A machine that stands still is none of it: nothing runs there.
func (m *Watchman) single(app units.AppID, k unitKey) {
	for _, other := range m.machines.singles[app] {
		if i := m.nodeIndex(other.node); m.w.now >= m.machines.at(i).excused && m.w.now >= m.machines.at(m.nodeIndex(k.node)).excused {
			m.fail(OneOfASingleton, "%s runs on %s while %s runs on %s", k.id, k.node, other.id, other.node)
		}
	}
	m.machines.singles[app] = append(m.machines.singles[app], k)
}

func (m *Watchman) nodeIndex(name units.NodeName) int {
	return slices.IndexFunc(m.w.nodes, func(n *NodeHost) bool { return n.Name == string(name) })
}

// asked checks a start that the daemon asks for: of nothing that it has said was told to stop.
func (m *Watchman) asked(n *NodeHost, id units.UnitID, sent time.Duration, token int64) {
	at, knew := m.machines.knew[unitKey{m.machines.name(n), id}]
	if knew && sent > at {
		m.fail(AttemptsOnce, "%s starts %s, of which it said %v before that it was told to stop", n.Name, id, sent-at)
	}
	m.machines.handed[unitKey{m.machines.name(n), id}] = token
}

// token checks that each singleton that begins to run shows a larger number than any that began before, over
// every history of etcd; one that begins again shows its own. A start that systemd comes to late shows none to
// anybody: the shim is refused.
func (m *Watchman) token(n *NodeHost, id units.UnitID) {
	if spec := m.spec(id); !spec.Singleton {
		return
	}
	now := unitKey{m.machines.name(n), id}
	token, last := m.machines.handed[now], m.machines.tokens[id.AppID()]
	switch {
	case token == 0:
		m.fail(TokensRise, "%s starts %s without a fence token", n.Name, id)
	case token < last.token, token == last.token && now != last.by:
		m.fail(TokensRise, "%s starts %s with fence token %d after %s on %s had %d", n.Name, id, token, last.by.id, last.by.node, last.token)
	}
	if token > last.token {
		m.machines.tokens[id.AppID()] = shown{token, now}
	}
}

// bootBegins is what the clock of a host shows when it boots; see Host.Instant.
const bootBegins = time.Second

// boundSlack is how much later than promised a bound unit may be seen to run.
const boundSlack = 500 * time.Millisecond

// lookAtBound checks that what is bound to a tenure has ended once the guard's last word, and then the
// unit's stop time, have passed.
func (m *Watchman) lookAtBound() {
	s := &m.machines
	s.boundBy = math.MaxInt64
	for i, n := range m.w.nodes {
		at := s.at(i)
		for _, id := range at.live {
			app := m.spec(id)
			if !app.Bound() {
				continue
			}
			due := max(at.fresh+guard.FenceAfter+app.Stop.Timeout+boundSlack, at.excused)
			if m.w.now > due {
				m.fail(FencedInTime, "%s still runs %s, %v after the last renewal of its tenure was asked for", n.Name, id, m.w.now-at.fresh)
			}
			s.boundBy = min(s.boundBy, due+1)
		}
	}
}

// unbound reports whether a unit was bound to a tenure that is over, or that its node cannot be sure of.
func (m *Watchman) unbound(n *NodeHost, id units.UnitID) bool {
	app, k := m.spec(id), unitKey{m.machines.name(n), id}
	alive, there := m.mirror.alive[k.node]
	return app.Bound() && (!there || m.mirror.units[k].Tenure != alive.CreateRevision ||
		m.w.now >= m.machines.at(m.nodeIndex(k.node)).fresh+guard.FenceAfter)
}

// claimed checks that a node takes a new tenure only when nothing runs that was bound to an earlier one.
func (m *Watchman) claimed(node units.NodeName, claims bool) {
	i := m.nodeIndex(node)
	if !claims || i < 0 || m.w.now < m.machines.at(i).excused {
		return
	}
	for _, id := range m.machines.at(i).live {
		if app := m.spec(id); app.Bound() {
			m.fail(FencedInTime, "%s took a new tenure while it ran %s, which is bound to an earlier one", node, id)
		}
	}
}

// lookAtStores checks that no collector has taken anything away from what runs.
func (m *Watchman) lookAtStores() {
	for _, n := range m.w.nodes {
		m.lookAtStore(n)
	}
}

func (m *Watchman) lookAtStore(n *NodeHost) {
	for _, id := range n.Systemd.Live() {
		m.rooted(n, id, m.spec(id))
	}
}

// rooted checks that what a unit runs from is there, and that something pins it.
func (m *Watchman) rooted(n *NodeHost, id units.UnitID, app units.App) {
	path := app.Path
	if path == "" {
		return // a generation that the watchman never saw
	}
	if !n.store[path] {
		m.fail(Pinned, "%s runs %s and %s is not in its store", n.Name, id, path)
	}
	if n.roots[units.RootName(id.AppID(), id.Generation)] != path {
		m.fail(Pinned, "%s runs %s and nothing pins %s", n.Name, id, path)
	}
}
