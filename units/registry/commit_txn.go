package registry

import (
	"context"
	"errors"
	"slices"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/planted"
)

// lookAhead is how many groups that must wait are passed over to fill a transaction.
const lookAhead = 1000

// packed is one transaction of several groups.
type packed struct {
	fence  fence
	groups []*pending
	txn    Txn
	bytes  int
	reads  []string // the keys that Else reads after the candidates', in its order
}

// pack takes groups from the queue for one transaction, in order. A group that touches what an earlier
// one writes waits until that is done, and so do those that touch what it writes.
func (c *Committer) pack() packed {
	t := packed{fence: c.fence}
	t.txn.If = c.fence.conditions()
	if planted.On(planted.SessionDone) { // breaks: a leader that was slow or paused writes over its successor
		t.txn.If = nil
	}
	seen := newTouched(c.writing, c.reading)
	var passed []*pending
	i := 0
	for ; i < len(c.queue); i++ {
		p := c.queue[i]
		if len(passed) > lookAhead || len(t.txn.Then) >= c.o.MaxOps || (len(t.groups) > 0 && t.groups[0].alone) {
			break
		}
		if seen.clash(p) || !c.fits(&t, p) {
			passed = append(passed, p)
		} else {
			t.add(p)
		}
		seen.add(p)
	}
	i -= len(passed)
	copy(c.queue[i:], passed)
	c.queue = c.queue[i:]
	t.txn.Else = append(make([]Op, 0, 1+len(t.reads)), c.fence.candidates())
	for _, key := range t.reads {
		t.txn.Else = append(t.txn.Else, Op{Kind: OpRange, Key: key})
	}
	return t
}

func (c *Committer) fits(t *packed, p *pending) bool {
	if len(t.groups) == 0 {
		return true
	}
	return !p.alone &&
		len(t.txn.Then)+len(p.Then) <= c.o.MaxOps &&
		len(t.txn.If)+len(missing(t.txn.If, p.If)) <= c.o.MaxOps &&
		t.bytes+p.bytes <= c.o.MaxBytes
}

func (t *packed) add(p *pending) {
	t.groups = append(t.groups, p)
	t.txn.Then = append(t.txn.Then, p.Then...)
	t.txn.If = append(t.txn.If, missing(t.txn.If, p.If)...)
	for _, cmp := range p.If {
		if !slices.Contains(t.reads, cmp.Key) {
			t.reads = append(t.reads, cmp.Key)
		}
	}
	t.bytes += p.bytes
}

// missing returns the comparisons that are not among those there: units on one node share theirs.
func missing(there, more []Compare) (out []Compare) {
	for _, m := range more {
		same := func(c Compare) bool {
			return c.Key == m.Key && c.Target == m.Target && c.Relation == m.Relation && c.Number == m.Number &&
				string(c.Bytes) == string(m.Bytes)
		}
		if !slices.ContainsFunc(there, same) && !slices.ContainsFunc(out, same) {
			out = append(out, m)
		}
	}
	return out
}

// touched is what transactions under way, and groups passed over, write and compare.
type touched struct {
	writing, reading map[string]int // under way
	writes, reads    map[string]struct{}
}

func newTouched(writing, reading map[string]int) touched {
	return touched{writing, reading, map[string]struct{}{}, map[string]struct{}{}}
}

func (t touched) add(p *pending) {
	for _, op := range p.Then {
		t.writes[op.Key] = struct{}{}
	}
	for _, cmp := range p.If {
		t.reads[cmp.Key] = struct{}{}
	}
}

func (t touched) clash(p *pending) bool {
	for _, op := range p.Then {
		if _, ok := t.writes[op.Key]; ok || t.writing[op.Key] > 0 || t.reading[op.Key] > 0 {
			return true
		}
		if _, ok := t.reads[op.Key]; ok {
			return true
		}
	}
	for _, cmp := range p.If {
		if _, ok := t.writes[cmp.Key]; ok || t.writing[cmp.Key] > 0 {
			return true
		}
	}
	return false
}

// mark counts the keys of a transaction in (1) or out (-1) of those under way.
func (c *Committer) mark(t packed, by int) {
	c.inFlight += by
	count := func(m map[string]int, key string) {
		if m[key] += by; m[key] == 0 {
			delete(m, key)
		}
	}
	for _, p := range t.groups {
		for _, op := range p.Then {
			count(c.writing, op.Key)
		}
		for _, cmp := range p.If {
			count(c.reading, cmp.Key)
		}
	}
}

func (c *Committer) send(t packed) {
	c.mark(t, 1)
	kv, txn := c.o.KV, t.txn
	loop.Go(c.o.Exec, "txn", txn.Then[0].Key, func(ctx context.Context) (TxnResult, error) {
		return kv.Txn(ctx, txn)
	}, func(now units.Instant, res TxnResult, err error) {
		c.mark(t, -1)
		c.answered(now, t, res, err)
	})
}

func (c *Committer) answered(now units.Instant, t packed, res TxnResult, err error) {
	current := t.fence.term.same(c.fence.term)
	switch {
	case err == nil && res.Succeeded:
		c.retry.reset()
		c.report(now, t.groups, Result{Outcome: Committed, Revision: res.Revision})
	case err == nil:
		c.declined(now, t, res, current)
	case errors.Is(err, ErrNoSpace):
		c.report(now, t.groups, Result{Outcome: Rejected, Err: err})
	case errors.Is(err, ErrUnavailable) && current && c.fence.phase == fenceOpen:
		// Certainly not written, and no group's fault: again, later.
		c.queue = append(slices.Clone(t.groups), c.queue...)
		c.retryAt = now.Boot + c.retry.next()
	case errors.Is(err, ErrUnavailable):
		c.report(now, t.groups, Result{Outcome: NotWritten})
	case refused(err) && len(t.groups) > 1 && current && c.fence.phase == fenceOpen:
		// One of them is to blame: each alone.
		for _, p := range t.groups {
			p.alone = true
		}
		c.queue = append(slices.Clone(t.groups), c.queue...)
	case refused(err) && len(t.groups) > 1:
		c.report(now, t.groups, Result{Outcome: NotWritten})
	case refused(err):
		c.report(now, t.groups, Result{Outcome: Rejected, Err: err})
	default:
		c.report(now, t.groups, Result{Outcome: Unknown, Err: err})
		if current {
			c.doubt(now, err)
		}
	}
}

// declined tells from what Else read whether the fence failed or the comparisons of a group; the other
// groups go again.
func (c *Committer) declined(now units.Instant, t packed, res TxnResult, current bool) {
	read := make(map[string]KeyValue, len(t.reads))
	for i, key := range t.reads {
		read[key] = first(res.Results[1+i].Range)
	}
	own, older := t.fence.place(res.Results[0].Range)
	switch {
	case !t.fence.term.owns(own):
		c.report(now, t.groups, Result{Outcome: Fenced})
		if current {
			c.fenced(now, "the leader's key is gone or another's")
		}
		return
	case own.ModRevision != t.fence.mod:
		// Our own Proclaim came before it. That is what it is for.
		c.report(now, t.groups, Result{Outcome: NotWritten})
		if current && own.ModRevision != c.fence.mod {
			c.doubt(now, errors.New("the leader's key was put again"))
		}
		return
	case len(older) > 0:
		c.report(now, t.groups, Result{Outcome: NotWritten})
		if current {
			c.doubt(now, errors.New("a candidate's key is older"))
		}
		return
	}
	var again []*pending
	for _, p := range t.groups {
		if failed := p.failed(read); failed != nil {
			c.report(now, []*pending{p}, Result{Outcome: Conflict, Failed: failed, Revision: res.Revision})
		} else {
			again = append(again, p)
		}
	}
	switch {
	case len(again) == 0:
	case !current || c.fence.phase != fenceOpen:
		c.report(now, again, Result{Outcome: NotWritten})
	case len(again) == len(t.groups) && len(again) == 1:
		c.report(now, again, Result{Outcome: Conflict}) // cannot be: it was refused for no reason
	case len(again) == len(t.groups):
		for _, p := range again {
			p.alone = true
		}
		fallthrough
	default:
		c.queue = append(again, c.queue...)
	}
}

// failed returns the first of the group's comparisons that does not hold.
func (p *pending) failed(read map[string]KeyValue) *Compare {
	for _, cmp := range p.If {
		kv := read[cmp.Key]
		v := version{mod: kv.ModRevision, create: kv.CreateRevision, n: kv.Version, lease: kv.Lease, value: kv.Value}
		if !cmp.holds(v) {
			return &cmp
		}
	}
	return nil
}

func (c *Committer) report(now units.Instant, groups []*pending, r Result) {
	results := make([]Result, len(groups))
	for i, p := range groups {
		results[i] = r
		results[i].Tag = p.Tag
	}
	c.o.Done(now, results)
}
