package registry

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// memoryWatch is one watch of the twin. Its fields are guarded by the twin's lock.
type memoryWatch struct {
	m       *Memory
	ctx     context.Context
	req     Watch
	next    int64 // the first revision that has not been queued
	told    int64 // the highest revision that has been queued, as changes or as progress
	deliver func(WatchResponse)
	queue   []WatchResponse
	closed  bool
	// running is held while deliver runs, so that Close can wait for it.
	running sync.Mutex
}

// Watch implements KV. The watch also ends when ctx does, which is looked at when there is something to
// deliver.
func (m *Memory) Watch(ctx context.Context, req Watch, deliver func(WatchResponse)) Watcher {
	w := &memoryWatch{m: m, ctx: ctx, req: req, next: req.Revision, deliver: deliver}
	m.mu.Lock()
	w.startLocked()
	m.mu.Unlock()
	m.drain()
	return w
}

func (w *memoryWatch) startLocked() {
	s := &w.m.store
	if w.req.Key == "" {
		w.req.Key = "\x00" // the first key there can be
	}
	switch {
	case w.req.End != "" && w.req.End != "\x00" && w.req.End <= w.req.Key:
		w.failLocked(WatchResponse{Err: fmt.Errorf("%w: watch of the empty range %q to %q", ErrRefused, w.req.Key, w.req.End)})
		return
	case w.next <= 0:
		w.next = s.rev + 1
	case w.next < s.compacted:
		err := fmt.Errorf("watch from %d: %w up to %d", w.next, ErrCompacted, s.compacted)
		w.failLocked(WatchResponse{CompactRevision: s.compacted, Err: err})
		return
	}
	w.m.watches = append(w.m.watches, w)
	s.since(w.next, w.queueLocked)
}

// failLocked queues the end of a watch that never began.
func (w *memoryWatch) failLocked(r WatchResponse) {
	r.Revision = w.m.store.rev
	w.pushLocked(r)
}

// queueLocked queues what the watch wants of one revision.
func (w *memoryWatch) queueLocked(rev int64, changes []Change) {
	if rev < w.next {
		return
	}
	w.next = rev + 1
	var wanted []Change
	for _, c := range changes {
		if within(c.Key, w.req.Key, w.req.End) {
			wanted = append(wanted, c)
		}
	}
	if len(wanted) > 0 {
		w.told = rev
		w.pushLocked(WatchResponse{Revision: rev, Changes: wanted})
	}
}

func (w *memoryWatch) pushLocked(r WatchResponse) {
	w.queue = append(w.queue, r)
	w.m.pending = append(w.m.pending, w)
}

// announceLocked queues the newest revision for every watch.
func (m *Memory) announceLocked(changes []Change) {
	ended := false
	for _, w := range m.watches {
		if w.ctx.Err() != nil {
			w.closed, ended = true, true
			continue
		}
		w.queueLocked(m.store.rev, changes)
	}
	if ended {
		m.watches = slices.DeleteFunc(m.watches, func(w *memoryWatch) bool { return w.closed })
	}
}

// drain hands out what is due. It runs on the goroutine that made it due, or on the one that is at it.
func (m *Memory) drain() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for !m.draining && len(m.pending) > 0 {
		w := m.pending[0]
		m.pending[0] = nil
		m.pending = m.pending[1:]
		m.draining = true
		m.mu.Unlock()
		m.opts.Deliver(w.deliverNext)
		m.mu.Lock()
		m.draining = false
	}
}

// deliverNext delivers the oldest response of the watch that has not been delivered.
func (w *memoryWatch) deliverNext() {
	w.running.Lock()
	defer w.running.Unlock()
	w.m.mu.Lock()
	if w.closed || w.ctx.Err() != nil || len(w.queue) == 0 {
		w.m.mu.Unlock()
		return
	}
	r := w.queue[0]
	w.queue[0] = WatchResponse{}
	w.queue = w.queue[1:]
	w.closed = r.Err != nil
	w.m.mu.Unlock()
	w.deliver(r)
}

// RequestProgress implements Watcher. The answer takes its place behind the changes that are queued.
func (w *memoryWatch) RequestProgress() {
	w.m.mu.Lock()
	if rev := w.m.store.rev; !w.closed && rev >= w.told && rev >= w.next-1 {
		w.told = w.m.store.rev
		w.pushLocked(WatchResponse{Revision: w.told})
	}
	w.m.mu.Unlock()
	w.m.drain()
}

// Close implements Watcher. It waits for a delivery under way, so deliver must not call it.
func (w *memoryWatch) Close() {
	w.m.mu.Lock()
	w.closed = true
	w.queue = nil
	w.m.watches = slices.DeleteFunc(w.m.watches, func(o *memoryWatch) bool { return o == w })
	w.m.mu.Unlock()
	w.running.Lock()
	defer w.running.Unlock()
}
