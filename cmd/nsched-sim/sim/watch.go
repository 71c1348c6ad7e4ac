package sim

import (
	"context"

	"github.com/nsched/nsched/units/registry"
)

// watch carries the responses of one watch over the network, in order. While the host is cut off they
// wait, as they do in a TCP connection; a hung watch delivers nothing more, ever.
type watch struct {
	n       *Net
	l       *link
	inner   registry.Watcher
	deliver func(registry.WatchResponse)
	closed  bool
	hung    bool
	broken  bool // its end is queued
	queued  []registry.WatchResponse
	sending bool
}

// Watch implements registry.KV.
func (l *link) Watch(ctx context.Context, r registry.Watch, deliver func(registry.WatchResponse)) registry.Watcher {
	w := &watch{n: l.n, l: l, deliver: deliver}
	l.n.watches = append(l.n.watches, w)
	w.inner = l.n.w.Etcd.Watch(context.WithoutCancel(ctx), r, w.push)
	return w
}

func (w *watch) push(r registry.WatchResponse) {
	if w.closed || w.hung || w.broken {
		return
	}
	w.queued = append(w.queued, r)
	w.send()
}

func (w *watch) blocked() bool { return w.l.p.host.CutFrom || w.n.EtcdDown }

// send delivers the oldest response after the network's delay, then the next.
func (w *watch) send() {
	if w.sending || w.closed || len(w.queued) == 0 || w.blocked() {
		return
	}
	w.sending = true
	w.n.w.After(w.n.delay(w.l.p.host), func() {
		w.sending = false
		if w.closed || w.hung || w.blocked() || len(w.queued) == 0 {
			return
		}
		if h := w.l.p.host; h.chance(w.n.Hang + h.Link.Hang) {
			w.n.w.Trace.Add(w.n.w.now, "fault", w.l.p.Name+" watch hung")
			w.hung, w.queued = true, nil
			return
		}
		r := w.queued[0]
		w.queued = w.queued[1:]
		if w.l.life == w.l.p.life {
			w.l.hear(r.Revision)
			w.deliver(r)
			w.l.p.poke()
		}
		w.send()
	})
}

// RequestProgress implements registry.Watcher.
func (w *watch) RequestProgress() {
	if w.closed || w.hung || w.blocked() || w.l.p.host.CutTo {
		return
	}
	w.inner.RequestProgress()
}

// Close implements registry.Watcher.
func (w *watch) Close() {
	if !w.closed {
		w.closed = true
		w.inner.Close()
	}
}

// died closes the watches of a process that has ended.
func (n *Net) died(p *Process) {
	kept := n.watches[:0]
	for _, w := range n.watches {
		if w.l.p == p {
			w.Close()
			continue
		}
		if !w.closed {
			kept = append(kept, w)
		}
	}
	n.watches = kept
}

// breakWatches ends the watches of a host as a connection does that is lost: each is told, now.
func (n *Net) breakWatches(h *Host, err error) {
	for _, w := range n.watches {
		if w.l.p.host == h && !w.closed && !w.hung {
			w.queued = append(w.queued, registry.WatchResponse{Revision: n.w.Etcd.Revision(), Err: err})
			w.broken = true
			w.send()
		}
	}
}

// healed lets what had to wait go on.
func (n *Net) healed(h *Host) {
	for _, w := range n.watches {
		if w.l.p.host == h {
			w.send()
		}
	}
}

// EtcdStop and EtcdStart make etcd unreachable and reachable for everybody; its data stays.
func (n *Net) EtcdStop() {
	n.w.Trace.Add(n.w.now, "fault", "etcd unreachable")
	n.w.etcd.sync()
	n.EtcdDown = true
}

// EtcdStart ends EtcdStop.
func (n *Net) EtcdStart() {
	n.w.Trace.Add(n.w.now, "fault", "etcd reachable")
	n.w.etcd.sync()
	n.EtcdDown = false
	for _, h := range n.w.hosts {
		n.healed(h)
	}
}
