package registry

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// faultyWatch is a watch between a Faulty's caller and the KV below. Its fields are guarded by the
// Faulty's lock.
type faultyWatch struct {
	f       *Faulty
	req     Watch
	deliver func(WatchResponse)
	below   Watcher
	hung    bool
	ended   bool
	running sync.Mutex // held while deliver runs
}

// Watch implements KV.
func (f *Faulty) Watch(ctx context.Context, req Watch, deliver func(WatchResponse)) Watcher {
	w := &faultyWatch{f: f, req: req, deliver: deliver}
	fault, err := f.ask(Request{Kind: RequestWatch, Watch: req})
	switch fault {
	case NoFault:
	case FaultUnsent:
		w.ended = true
		deliver(WatchResponse{Err: err})
		return w
	default:
		w.hung = true
		return w
	}
	f.mu.Lock()
	f.watches = append(f.watches, w)
	f.mu.Unlock()
	below := f.kv.Watch(ctx, req, w.receive)
	f.mu.Lock()
	w.below = below
	f.mu.Unlock()
	return w
}

// HangWatches makes every watch that is open go silent, for good.
func (f *Faulty) HangWatches() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.watches {
		w.hung = true
	}
}

// EndWatches ends every watch that is open with ErrUnavailable, in the order in which they were opened.
func (f *Faulty) EndWatches() {
	f.mu.Lock()
	open := slices.Clone(f.watches)
	f.mu.Unlock()
	for _, w := range open {
		w.end()
	}
}

// receive takes one response from below.
func (w *faultyWatch) receive(r WatchResponse) {
	w.f.mu.Lock()
	fault := PassResponse
	if w.f.policy.Watch != nil && !w.hung && !w.ended {
		fault = w.f.policy.Watch(w.req, r)
	}
	if fault == HangWatch {
		w.hung = true
	}
	silent := w.hung
	w.f.mu.Unlock()
	switch {
	case silent, fault == DropResponse:
	case fault == EndWatch:
		w.end()
	default:
		w.pass(r)
	}
}

func (w *faultyWatch) pass(r WatchResponse) {
	w.running.Lock()
	defer w.running.Unlock()
	w.f.mu.Lock()
	ended := w.ended
	if r.Err != nil {
		w.leaveLocked()
	}
	w.f.mu.Unlock()
	if !ended {
		w.deliver(r)
	}
}

// end delivers the end that the policy wants. The watch below stays until Close and speaks to nobody.
func (w *faultyWatch) end() {
	w.running.Lock()
	defer w.running.Unlock()
	w.f.mu.Lock()
	ended := w.ended
	w.leaveLocked()
	w.f.mu.Unlock()
	if !ended {
		w.deliver(WatchResponse{Err: fmt.Errorf("watch %s: %w: %w", w.req.Key, ErrUnavailable, errInjected)})
	}
}

func (w *faultyWatch) leaveLocked() {
	w.ended = true
	w.f.watches = slices.DeleteFunc(w.f.watches, func(o *faultyWatch) bool { return o == w })
}

// RequestProgress implements Watcher.
func (w *faultyWatch) RequestProgress() {
	w.f.mu.Lock()
	below, silent := w.below, w.hung || w.ended
	w.f.mu.Unlock()
	if below != nil && !silent {
		below.RequestProgress()
	}
}

// Close implements Watcher.
func (w *faultyWatch) Close() {
	w.f.mu.Lock()
	w.leaveLocked()
	below := w.below
	w.f.mu.Unlock()
	if below != nil {
		below.Close()
	}
	w.running.Lock()
	defer w.running.Unlock()
}
