package conformance

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nsched/nsched/units/registry"
)

// player applies steps to one back end and puts its answers into words that mean the same on every back
// end: revisions count from the back end's first one, leases go by the step that granted them.
type player struct {
	b       backend
	base    int64
	newest  int64 // the newest revision, relative
	ids     map[int]registry.LeaseID
	names   map[registry.LeaseID]int
	watches map[int]*recorder
	closing map[int]bool
}

// answer is what one step came to.
type answer struct {
	Error string
	Range registry.RangeResult
	Txn   registry.TxnResult
	Lease registry.Lease
}

// history is what one watch delivered: a line a change, and how it ended.
type history struct {
	Watch   int
	Changes []string
	Error   string
	Compact int64
}

// never is the id of a lease that no back end has.
const never registry.LeaseID = 12345

func newPlayer(t *testing.T, b backend) *player {
	t.Helper()
	// Nothing of an earlier run may be seen in this one.
	var res registry.TxnResult
	for _, op := range []registry.Op{{Kind: registry.OpDelete, Key: "\x00", End: "\x00"}, {Kind: registry.OpPut, Key: "~base"}} {
		var err error
		if res, err = b.Txn(t.Context(), registry.Txn{Then: []registry.Op{op}}); err != nil {
			t.Fatal(err)
		}
	}
	return &player{
		b: b, base: res.Revision, ids: map[int]registry.LeaseID{}, names: map[registry.LeaseID]int{},
		watches: map[int]*recorder{}, closing: map[int]bool{},
	}
}

// close ends the watches.
func (p *player) close() {
	for id := range p.watches {
		p.closeWatch(id)
	}
}

func (p *player) closeWatch(id int) {
	p.watches[id].Close()
	delete(p.watches, id)
	delete(p.closing, id)
}

// at turns "so far back" into the back end's own revision. It never reaches before the base.
func (p *player) at(back int64) int64 {
	if back == nowhere {
		return 0
	}
	return p.base + max(0, p.newest-back)
}

func (p *player) lease(step int) registry.LeaseID {
	if step == 0 {
		return 0
	}
	if id, ok := p.ids[step]; ok {
		return id
	}
	return never
}

func (p *player) play(t *testing.T, s step) answer {
	t.Helper()
	ctx := t.Context()
	var a answer
	var err error
	switch s.kind {
	case "raise no space", "clear no space":
		p.b.setNoSpace(t, s.kind == "raise no space")
	case "compact":
		err = p.b.compact(t, p.at(s.back))
	case "grant":
		a.Lease, err = p.b.Grant(ctx, s.ttl)
		if err == nil {
			p.ids[s.id], p.names[a.Lease.ID] = a.Lease.ID, s.id
		}
	case "expire":
		a.Lease, err = p.expire(t, s)
	case "keep alive":
		a.Lease, err = p.b.KeepAlive(ctx, p.orNever(s.ref))
	case "time to live":
		a.Lease, err = p.b.TimeToLive(ctx, p.orNever(s.ref))
	case "revoke":
		err = p.b.Revoke(ctx, p.orNever(s.ref))
	case "watch":
		w := record(ctx, p.b, registry.Watch{Key: s.key, End: s.end, Revision: p.at(s.back)})
		if s.back == nowhere {
			w.upTo(t, 0) // only now is it certain to see what comes next
		}
		p.watches[s.id] = w
	case "close watch":
		if p.watches[s.ref] != nil {
			p.closing[s.ref] = true // after the next comparison
		}
	case "range":
		a.Range, err = p.b.Range(ctx, registry.Range{
			Key: s.key, End: s.end, Revision: p.at(s.back), Limit: s.limit, KeysOnly: s.keysOnly, CountOnly: s.countOnly,
		})
	case "txn":
		a.Txn, err = p.b.Txn(ctx, p.txn(s))
	default:
		panic(s.kind)
	}
	a.Error = class(err)
	p.relative(&a)
	return a
}

// expire grants the shortest lease, hangs two keys on it, and waits until they are gone.
func (p *player) expire(t *testing.T, s step) (registry.Lease, error) {
	t.Helper()
	l, err := p.b.Grant(t.Context(), 2*time.Second)
	if err != nil {
		return l, err
	}
	p.ids[s.id], p.names[l.ID] = l.ID, s.id
	ops := []registry.Op{leased(s.key, l.ID), leased(s.end, l.ID)}
	if _, err := p.b.Txn(t.Context(), registry.Txn{Then: ops}); err != nil {
		return l, err
	}
	until(t, "see the lease end", func() error {
		p.b.pass(100 * time.Millisecond)
		res, err := p.b.Range(t.Context(), registry.Range{Key: s.key})
		if err == nil && res.Count > 0 {
			err = errors.New("its key is there")
		}
		return err
	})
	settle(t, p)
	return l, nil
}

func (p *player) orNever(ref int) registry.LeaseID {
	if id := p.lease(ref); id != 0 {
		return id
	}
	return never
}

func (p *player) txn(s step) registry.Txn {
	var t registry.Txn
	for _, c := range s.when {
		real := c.Compare
		if c.back != nowhere {
			real.Number = p.at(c.back)
		}
		if c.lease != 0 {
			real.Number = int64(p.lease(c.lease))
		}
		t.If = append(t.If, real)
	}
	t.Then, t.Else = p.ops(s.txn), p.ops(s.or)
	return t
}

func (p *player) ops(ops []symbolicOp) []registry.Op {
	var out []registry.Op
	for _, op := range ops {
		real := op.Op
		real.Lease = p.lease(op.lease)
		out = append(out, real)
	}
	return out
}

// relative takes out of an answer what differs between back ends by right.
func (p *player) relative(a *answer) {
	p.relativeRange(&a.Range)
	if a.Txn.Revision != 0 {
		a.Txn.Revision -= p.base
		p.newest = a.Txn.Revision
	}
	for i := range a.Txn.Results {
		p.relativeRange(&a.Txn.Results[i].Range)
	}
	if a.Lease.ID != 0 {
		a.Lease.ID = registry.LeaseID(p.names[a.Lease.ID])
		// Clocks differ; what remains is something, and no more than was granted.
		if a.Lease.Remaining > 0 && a.Lease.Remaining <= a.Lease.Granted {
			a.Lease.Remaining = time.Second
		}
	}
}

func (p *player) relativeRange(r *registry.RangeResult) {
	if r.Revision == 0 {
		return
	}
	r.Revision -= p.base
	p.newest = max(p.newest, r.Revision)
	for i, kv := range r.KVs {
		r.KVs[i] = p.relativeKV(kv)
	}
}

func (p *player) relativeKV(kv registry.KeyValue) registry.KeyValue {
	if kv.CreateRevision != 0 {
		kv.CreateRevision -= p.base
	}
	if kv.ModRevision != 0 {
		kv.ModRevision -= p.base
	}
	if kv.Lease != 0 {
		kv.Lease = registry.LeaseID(p.names[kv.Lease])
	}
	return kv
}

// history waits until a watch has come up to now and tells what is new since it was asked last.
func (p *player) history(t *testing.T, id int, w *recorder) history {
	t.Helper()
	h := history{Watch: id}
	got := w.responses()
	if w.req.Revision <= p.base+p.newest+1 { // otherwise nothing tells when it has come
		got = w.upTo(t, p.base+p.newest)
	}
	for _, resp := range got {
		for _, c := range resp.Changes {
			h.Changes = append(h.Changes, fmt.Sprintf("deleted=%t %+v", c.Deleted, p.relativeKV(c.KeyValue)))
		}
		h.Error = class(resp.Err)
		if resp.CompactRevision != 0 {
			h.Compact = resp.CompactRevision - p.base
		}
	}
	w.forget()
	return h
}

// class is the sentinel of an error.
func class(err error) string {
	if err == nil {
		return ""
	}
	for _, s := range []error{
		registry.ErrUnknownOutcome, registry.ErrUnavailable, registry.ErrCompacted, registry.ErrFutureRevision,
		registry.ErrLeaseNotFound, registry.ErrRefused, registry.ErrNoSpace, registry.ErrPermission, registry.ErrClosed,
	} {
		if errors.Is(err, s) {
			return s.Error()
		}
	}
	return "an error without a sentinel: " + err.Error()
}
