package sim

import (
	"context"
	"errors"
	"time"

	"github.com/nsched/nsched/units/registry"
)

// Net is the network between processes and etcd.
type Net struct {
	w *World
	// Base and Jitter make the delay of one direction.
	Base, Jitter time.Duration
	// Timeout is how long a client waits for an answer.
	Timeout time.Duration
	// Lost is the chance that a request, or its answer, is lost; Late that a write is applied only
	// after its sender was told that no answer came.
	Lost, Late float64
	// Hang is the chance that a response of a watch, and all that follow on it, never arrive.
	Hang float64
	// EtcdDown loses everything.
	EtcdDown bool

	watches []*watch
}

type callKey struct{}

// call is what the network did to the one request of a task, and when its shell asked for it.
type call struct{ sent, took time.Duration }

// sentAt is when the shell asked for what is being done.
func sentAt(ctx context.Context) time.Duration {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c.sent
	}
	return 0
}

// delay draws how long one direction takes between a host and etcd.
func (n *Net) delay(h *Host) time.Duration {
	jitter := n.Jitter + h.Link.Jitter
	if jitter <= 0 {
		return n.Base
	}
	return n.Base + time.Duration(h.rng.Int64N(int64(jitter)))
}

// Link is what is wrong with the network of one host, on top of what is wrong with all of it.
type Link struct {
	Jitter           time.Duration
	Lost, Late, Hang float64
	// Answers is the most by which an answer comes late, at least half of it; 0 is not at all.
	Answers time.Duration
}

// link returns the registry as a process reaches it.
func (n *Net) link(p *Process) registry.KV { return &link{n: n, p: p, life: p.life} }

type link struct {
	n    *Net
	p    *Process
	life int
}

// request performs do as the network allows: now, late or never; lost is what the caller is told when
// no answer comes.
func request[T any](ctx context.Context, l *link, write bool, lost error, do func(context.Context) (T, error)) (T, error) {
	n, h := l.n, l.p.host
	n.w.etcd.sync()
	c, _ := ctx.Value(callKey{}).(*call)
	if c == nil {
		c = &call{}
	}
	var none T
	if h.CutTo || n.EtcdDown || h.chance(n.Lost+h.Link.Lost) {
		c.took = n.Timeout
		return none, lost
	}
	if write && h.chance(n.Late+h.Link.Late) {
		c.took = n.Timeout
		n.w.Trace.Add(n.w.now, "fault", l.p.Name+" write held back")
		n.w.After(h.uniform(n.Timeout/2, 4*n.Timeout), func() {
			n.w.etcd.sync()
			if !n.EtcdDown {
				_, err := do(context.WithoutCancel(ctx))
				n.w.Trace.Add(n.w.now, "late", l.p.Name+" held write landed: "+outcome(err))
			}
		})
		return none, lost
	}
	v, err := do(ctx)
	if h.CutFrom || h.chance(n.Lost+h.Link.Lost) {
		c.took = n.Timeout
		return none, lost
	}
	return v, err
}

func outcome(err error) string {
	if err != nil {
		return err.Error()
	}
	return "done"
}

// Range implements registry.KV.
func (l *link) Range(ctx context.Context, r registry.Range) (registry.RangeResult, error) {
	return request(ctx, l, false, registry.ErrUnavailable, func(ctx context.Context) (registry.RangeResult, error) {
		return l.n.w.Etcd.Range(ctx, r)
	})
}

// hear notes how far etcd has told the process that it is, by a watch or as the answer to a write: what
// only the head of a read has said is not remembered by anybody.
func (l *link) hear(revision int64) {
	if l.life == l.p.life {
		l.p.heard = max(l.p.heard, revision)
	}
}

// Txn implements registry.KV.
func (l *link) Txn(ctx context.Context, t registry.Txn) (registry.TxnResult, error) {
	w := l.n.w
	r, err := request(ctx, l, true, registry.ErrUnknownOutcome, func(ctx context.Context) (registry.TxnResult, error) {
		r, err := w.Etcd.Txn(ctx, t)
		if err == nil {
			w.sent = sentAt(ctx)
			for _, told := range w.wrote {
				told(l.p, t, r)
			}
		}
		return r, err
	})
	if errors.Is(err, registry.ErrUnknownOutcome) {
		for _, told := range w.doubted {
			told(l.p, t)
		}
	}
	if err == nil {
		l.hear(r.Revision)
	}
	return r, err
}

// Grant implements registry.KV.
func (l *link) Grant(ctx context.Context, ttl time.Duration) (registry.Lease, error) {
	return request(ctx, l, false, registry.ErrUnknownOutcome, func(ctx context.Context) (registry.Lease, error) {
		return l.n.w.Etcd.Grant(ctx, ttl)
	})
}

// KeepAlive implements registry.KV.
func (l *link) KeepAlive(ctx context.Context, id registry.LeaseID) (registry.Lease, error) {
	lease, err := request(ctx, l, false, registry.ErrUnavailable, func(ctx context.Context) (registry.Lease, error) {
		return l.n.w.Etcd.KeepAlive(ctx, id)
	})
	if err == nil {
		for _, told := range l.n.w.renewed {
			told(l.p, id, sentAt(ctx))
		}
	}
	return lease, err
}

// TimeToLive implements registry.KV.
func (l *link) TimeToLive(ctx context.Context, id registry.LeaseID) (registry.Lease, error) {
	return request(ctx, l, false, registry.ErrUnavailable, func(ctx context.Context) (registry.Lease, error) {
		return l.n.w.Etcd.TimeToLive(ctx, id)
	})
}

// Revoke implements registry.KV.
func (l *link) Revoke(ctx context.Context, id registry.LeaseID) error {
	_, err := request(ctx, l, true, registry.ErrUnknownOutcome, func(ctx context.Context) (struct{}, error) {
		l.n.w.givenBack[id] = true
		return struct{}{}, l.n.w.Etcd.Revoke(ctx, id)
	})
	return err
}
