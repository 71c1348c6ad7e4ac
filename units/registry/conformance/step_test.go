package conformance

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nsched/nsched/units/registry"
)

// step is one random operation. It is the same for every back end, so it names leases and watches by the
// step that made them, and revisions by how far they lie back from the newest.
type step struct {
	id   int
	kind string
	key  string
	end  string
	back int64 // of a range, a watch or a compaction; nowhere means that none is given
	txn  []symbolicOp
	or   []symbolicOp
	when []symbolicCompare
	ref  int // the step that made the lease or the watch; 0 is one that does not exist
	ttl  time.Duration

	limit               int
	keysOnly, countOnly bool
}

const nowhere = int64(-1 << 40)

// expiryInterval is how many steps lie between two leases that expire, which costs seconds each.
const expiryInterval = 5000

type symbolicOp struct {
	registry.Op
	lease int // the step that granted it; 0 is none, -1 one that does not exist
}

type symbolicCompare struct {
	registry.Compare
	back  int64 // for the targets that are revisions; nowhere means zero
	lease int
}

func (s step) String() string {
	out := fmt.Sprintf("#%d %s", s.id, s.kind)
	if s.key != "" || s.end != "" {
		out += fmt.Sprintf(" %q-%q", s.key, s.end)
	}
	if s.back != nowhere {
		out += fmt.Sprintf(" back %d", s.back)
	}
	if s.ref != 0 {
		out += fmt.Sprintf(" of #%d", s.ref)
	}
	if s.ttl != 0 {
		out += " " + s.ttl.String()
	}
	if s.limit != 0 || s.keysOnly || s.countOnly {
		out += fmt.Sprintf(" limit %d keysOnly %t countOnly %t", s.limit, s.keysOnly, s.countOnly)
	}
	if len(s.when) > 0 {
		out += fmt.Sprintf(" if %v", s.when)
	}
	if len(s.txn) > 0 {
		out += fmt.Sprintf(" then %v", s.txn)
	}
	if len(s.or) > 0 {
		out += fmt.Sprintf(" else %v", s.or)
	}
	return out
}

func (op symbolicOp) String() string {
	switch op.Kind {
	case registry.OpDelete:
		return fmt.Sprintf("delete %q-%q", op.Key, op.End)
	case registry.OpRange:
		return fmt.Sprintf("range %q-%q limit %d", op.Key, op.End, op.Limit)
	default:
		return fmt.Sprintf("put %q=%q lease #%d ignore %t", op.Key, op.Value, op.lease, op.IgnoreLease)
	}
}

func (c symbolicCompare) String() string {
	return fmt.Sprintf("%q-%q target %d relation %d to %d %q back %d lease #%d",
		c.Key, c.End, c.Target, c.Relation, c.Number, c.Bytes, c.back, c.lease)
}

// generator makes steps from a seed alone.
type generator struct {
	rand    *rand.Rand
	leases  []int
	watches []int
	full    bool
	edge    int   // how many of the next steps look at what was compacted last
	last    int64 // how far it lies back, as long as nothing is written
}

// generate makes n steps.
func generate(seed uint64, n int) []step {
	g := &generator{rand: rand.New(rand.NewPCG(seed, 1))}
	out := make([]step, 0, n)
	for id := 1; id <= n; id++ {
		s := g.step(id)
		s.id = id
		out = append(out, s)
	}
	return out
}

func (g *generator) step(id int) step {
	s := step{back: nowhere}
	switch p := g.rand.IntN(1000); {
	case g.edge > 0:
		g.edge--
		s.kind, s.key, s.end, s.back = "range", "a", "z", g.last+int64(g.rand.IntN(3)-1)
		if g.edge%2 == 0 {
			s.kind = "watch"
			g.watches = append(g.watches, id)
		}
	case id%expiryInterval == expiryInterval/2 && !g.full:
		s.kind, s.key, s.end = "expire", "a/1", "c/2"
		g.leases = append(g.leases, id)
	case g.full && p < 300:
		s.kind, g.full = "clear no space", false
	case p < 2:
		s.kind, g.full = "raise no space", true
	case p < 5:
		s.kind, s.back = "compact", int64(g.rand.IntN(60)-2)
		g.edge, g.last = 6, s.back
	case p < 30:
		s.kind, s.ttl = "grant", time.Duration(g.rand.IntN(4000)+1000)*time.Second+time.Duration(g.rand.IntN(2))*300*time.Millisecond
		g.leases = append(g.leases, id)
	case p < 50:
		s.kind, s.ref = "keep alive", pick(g, g.leases)
	case p < 70:
		s.kind, s.ref = "time to live", pick(g, g.leases)
	case p < 95:
		s.kind, s.ref = "revoke", pick(g, g.leases)
	case p < 115:
		s.kind = "watch"
		s.key, s.end = g.span()
		s.back = g.back(80)
		g.watches = append(g.watches, id)
	case p < 135:
		s.kind = "close watch"
		s.ref = pick(g, g.watches)
	case p < 300:
		s.kind = "range"
		s.key, s.end = g.span()
		s.back = g.back(60)
		s.limit = max(0, g.rand.IntN(8)-3)
		s.keysOnly, s.countOnly = g.rand.IntN(6) == 0, g.rand.IntN(6) == 0
	default:
		s.kind = "txn"
		s.txn = g.ops()
		if g.rand.IntN(2) == 0 {
			s.or = g.ops()
		}
		for range g.rand.IntN(4) {
			s.when = append(s.when, g.compare())
		}
	}
	return s
}

// pick chooses one of the newest few, or one that does not exist.
func pick(g *generator, from []int) int {
	if len(from) == 0 || g.rand.IntN(12) == 0 {
		return 0
	}
	return from[len(from)-1-g.rand.IntN(min(len(from), 12))]
}

func (g *generator) back(far int) int64 {
	if g.rand.IntN(3) == 0 {
		return nowhere
	}
	return int64(g.rand.IntN(far) - 3)
}

func (g *generator) key() string {
	if g.rand.IntN(200) == 0 {
		return ""
	}
	return fmt.Sprintf("%c/%d", 'a'+rune(g.rand.IntN(3)), g.rand.IntN(8))
}

// span is a key, a prefix, everything, or a range that may be empty or the wrong way round.
func (g *generator) span() (key, end string) {
	switch g.rand.IntN(8) {
	case 0, 1, 2:
		return g.key(), ""
	case 3, 4:
		p := string(rune('a' + g.rand.IntN(3)))
		return p, registry.PrefixEnd(p)
	case 5:
		return "a", "z"
	default:
		return g.key(), g.key()
	}
}

func (g *generator) ops() []symbolicOp {
	var out []symbolicOp
	n := 1 + g.rand.IntN(4)
	if g.rand.IntN(40) == 0 {
		n = 120 + g.rand.IntN(20)
	}
	for i := range n {
		var op symbolicOp
		switch g.rand.IntN(10) {
		case 0, 1:
			op.Kind = registry.OpDelete
			op.Key, op.End = g.span()
		case 2, 3:
			op.Kind = registry.OpRange
			op.Key, op.End = g.span()
			op.Limit = max(0, g.rand.IntN(6)-2)
		default:
			op.Kind, op.Key = registry.OpPut, g.key()
			if n > 100 {
				op.Key = fmt.Sprintf("a/%d", 1000+i)
			}
			if size := g.rand.IntN(20); size > 0 {
				op.Value = []byte(fmt.Sprintf("%0*d", size, g.rand.IntN(10)))
			}
			switch g.rand.IntN(12) {
			case 0, 1, 2:
				op.lease = pick(g, g.leases)
			case 3:
				op.IgnoreLease = true
				if g.rand.IntN(10) == 0 {
					op.lease = pick(g, g.leases)
				}
			case 4:
				if g.rand.IntN(10) == 0 {
					op.lease = -1
				}
			}
		}
		if n > 100 && op.Kind == registry.OpDelete {
			op.Kind = registry.OpRange // the overlap would be refused nearly always
		}
		out = append(out, op)
	}
	return out
}

func (g *generator) compare() symbolicCompare {
	c := symbolicCompare{back: nowhere}
	c.Key = g.key()
	if g.rand.IntN(4) == 0 {
		c.End = g.key()
	}
	c.Target = registry.Target(g.rand.IntN(5))
	c.Relation = registry.Relation(g.rand.IntN(4))
	switch c.Target {
	case registry.CreateRevision, registry.ModRevision:
		if g.rand.IntN(3) > 0 {
			c.back = int64(g.rand.IntN(30))
		}
	case registry.Version:
		c.Number = int64(g.rand.IntN(4))
	case registry.LeaseOf:
		c.lease = pick(g, g.leases)
	case registry.Value:
		c.Bytes = []byte(fmt.Sprintf("%0*d", 1+g.rand.IntN(3), g.rand.IntN(10)))
	}
	return c
}
