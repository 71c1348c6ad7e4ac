package sim

import (
	"time"

	"github.com/nsched/nsched/units/registry"
)

// fences is what the watchman remembers of those who lead.
type fences struct {
	term    int64                    // the latest that wrote
	doubtAt map[string]time.Duration // by process: when it last asked for what it will not learn of
	life    map[string]int           // in which life
	// puts is when each leader's key was put: a restored etcd holds one as it was.
	puts map[version]time.Duration
}

// version is a key as it was at one revision.
type version struct {
	key string
	mod int64
}

func newFences() fences {
	return fences{doubtAt: map[string]time.Duration{}, life: map[string]int{}, puts: map[version]time.Duration{}}
}

// patience is how long after it asked a sender knows for certain that no answer comes.
const patience = 8 * time.Second

// fence checks that a write was its writer's to make. The key that leads in etcd names the writer; it has
// not been put again since the write was asked for; and whoever had an outcome that it does not know has
// put it again before it wrote anything more. All of that holds in a restored etcd as well, whatever it brought
// back: it may name another leader than the one that led when it was put back.
func (m *Watchman) fence(p *Process, t registry.Txn) {
	f := &m.fences
	first, ok := m.mirror.leader()
	what := t.Then[0].Key
	switch {
	case !ok || first.name != p.host.Name:
		m.fail(FencedWrites, "%s wrote %s and %q leads", p.Name, what, first.name)
		return
	case m.w.sent < first.put:
		m.fail(FencedWrites, "%s wrote %s, asked for %v before it put its key again", p.Name, what, first.put-m.w.sent)
		return
	case first.create < f.term:
		m.fail(TokensRise, "%s wrote %s in term %d, after term %d", p.Name, what, first.create, f.term)
		return
	}
	if at, doubts := f.doubtAt[p.Name]; doubts && f.life[p.Name] == p.life && m.w.sent > at+patience && first.put < at {
		m.fail(FencedWrites, "%s wrote %s while it did not know what became of a write %v earlier", p.Name, what, m.w.sent-at)
		return
	}
	f.term = first.create
}

// doubted notes that a scheduler will never learn what became of a write.
func (m *Watchman) doubted(p *Process, t registry.Txn) {
	if decides(t) && p.running {
		m.fences.doubtAt[p.Name], m.fences.life[p.Name] = m.w.now, p.life
	}
}

// renewed notes from when on a node's guard may believe in its tenure: it cannot know that a hand has taken
// alive/<node> from a lease that lives.
func (m *Watchman) renewed(p *Process, _ registry.LeaseID, sent time.Duration) {
	for i, n := range m.w.nodes {
		if n.Guard.Process == p {
			m.machines.at(i).fresh = max(m.machines.at(i).fresh, sent)
		}
	}
}
