package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Request is what a Faulty asks its policy about. One of Range, Txn, TTL, Lease and Watch belongs to the
// kind.
type Request struct {
	Number int // counts from 1
	Kind   RequestKind
	Range  Range
	Txn    Txn
	TTL    time.Duration
	Lease  LeaseID
	Watch  Watch
}

// RequestKind is a method of KV.
type RequestKind string

// The kinds of request.
const (
	RequestRange      RequestKind = "range"
	RequestTxn        RequestKind = "txn"
	RequestGrant      RequestKind = "grant"
	RequestKeepAlive  RequestKind = "keepAlive"
	RequestTimeToLive RequestKind = "timeToLive"
	RequestRevoke     RequestKind = "revoke"
	RequestWatch      RequestKind = "watch"
)

// Writes says whether the request could change something.
func (r Request) Writes() bool {
	return r.Kind == RequestGrant || r.Kind == RequestRevoke || (r.Kind == RequestTxn && writes(r.Txn))
}

// Fault is what befalls a request.
type Fault int

const (
	// NoFault lets the request through.
	NoFault Fault = iota
	// FaultUnsent fails it with ErrUnavailable; it never reaches etcd. A watch ends at once.
	FaultUnsent
	// FaultLost fails it as if no answer had come; it never reaches etcd. A watch opens and hangs.
	FaultLost
	// FaultReplyLost applies it and then fails it as if no answer had come. For a watch it is FaultLost.
	FaultReplyLost
	// FaultHeld fails it as if no answer had come; it reaches etcd when Release is called. For a watch it
	// is FaultLost.
	FaultHeld
)

// WatchFault is what befalls one response of a watch.
type WatchFault int

const (
	// PassResponse delivers it.
	PassResponse WatchFault = iota
	// DropResponse leaves it out, as no etcd does: what it makes of a view is for a test to show.
	DropResponse
	// HangWatch leaves it and every later one out. The watch stays open, silent.
	HangWatch
	// EndWatch ends the watch with ErrUnavailable instead.
	EndWatch
)

// FaultPolicy decides what goes wrong. Both functions may be nil, which lets everything through. They are
// called one at a time and must not call the Faulty.
type FaultPolicy struct {
	Request func(Request) Fault
	Watch   func(Watch, WatchResponse) WatchFault
}

// Faulty is a KV whose requests and watches fail as a policy says. It adds no goroutine, clock or
// randomness of its own. It is safe for concurrent use.
type Faulty struct {
	kv KV

	mu      sync.Mutex
	policy  FaultPolicy
	number  int
	held    []Request
	watches []*faultyWatch
}

var _ KV = (*Faulty)(nil)

// errInjected marks every error that a Faulty makes.
var errInjected = errors.New("a fault was injected")

// NewFaulty wraps kv.
func NewFaulty(kv KV, p FaultPolicy) *Faulty { return &Faulty{kv: kv, policy: p} }

// SetPolicy replaces the policy, for what comes from now on.
func (f *Faulty) SetPolicy(p FaultPolicy) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.policy = p
}

// ask decides about a request, and makes the error of one that fails.
func (f *Faulty) ask(r Request) (fault Fault, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.number++
	r.Number = f.number
	if f.policy.Request != nil {
		fault = f.policy.Request(r)
	}
	if fault == NoFault {
		return fault, nil
	}
	if fault == FaultHeld && r.Kind != RequestWatch {
		f.held = append(f.held, r)
	}
	sentinel := ErrUnavailable
	if r.Writes() && fault != FaultUnsent {
		sentinel = ErrUnknownOutcome
	}
	return fault, fmt.Errorf("%s: %w: %w", r.Kind, sentinel, errInjected)
}

// through makes a request unless its fault says otherwise.
func through[T any](f *Faulty, r Request, do func() (T, error)) (T, error) {
	var none T
	fault, err := f.ask(r)
	switch fault {
	case NoFault:
		return do()
	case FaultReplyLost:
		_, _ = do() // whatever it answers is what got lost
	}
	return none, err
}

// Range implements KV.
func (f *Faulty) Range(ctx context.Context, r Range) (RangeResult, error) {
	return through(f, Request{Kind: RequestRange, Range: r}, func() (RangeResult, error) { return f.kv.Range(ctx, r) })
}

// Txn implements KV.
func (f *Faulty) Txn(ctx context.Context, t Txn) (TxnResult, error) {
	return through(f, Request{Kind: RequestTxn, Txn: t}, func() (TxnResult, error) { return f.kv.Txn(ctx, t) })
}

// Grant implements KV.
func (f *Faulty) Grant(ctx context.Context, ttl time.Duration) (Lease, error) {
	return through(f, Request{Kind: RequestGrant, TTL: ttl}, func() (Lease, error) { return f.kv.Grant(ctx, ttl) })
}

// KeepAlive implements KV.
func (f *Faulty) KeepAlive(ctx context.Context, id LeaseID) (Lease, error) {
	return through(f, Request{Kind: RequestKeepAlive, Lease: id}, func() (Lease, error) { return f.kv.KeepAlive(ctx, id) })
}

// TimeToLive implements KV.
func (f *Faulty) TimeToLive(ctx context.Context, id LeaseID) (Lease, error) {
	return through(f, Request{Kind: RequestTimeToLive, Lease: id}, func() (Lease, error) { return f.kv.TimeToLive(ctx, id) })
}

// Revoke implements KV.
func (f *Faulty) Revoke(ctx context.Context, id LeaseID) error {
	_, err := through(f, Request{Kind: RequestRevoke, Lease: id}, func() (struct{}, error) { return struct{}{}, f.kv.Revoke(ctx, id) })
	return err
}

// Held returns the requests that wait for Release, oldest first.
func (f *Faulty) Held() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.held)
}

// Release makes a held request now and returns its error, which nobody else learns. false says that no
// held request has the number.
func (f *Faulty) Release(ctx context.Context, number int) (bool, error) {
	r, ok := f.take(number)
	if !ok {
		return false, nil
	}
	var err error
	switch r.Kind {
	case RequestRange:
		_, err = f.kv.Range(ctx, r.Range)
	case RequestTxn:
		_, err = f.kv.Txn(ctx, r.Txn)
	case RequestGrant:
		_, err = f.kv.Grant(ctx, r.TTL)
	case RequestKeepAlive:
		_, err = f.kv.KeepAlive(ctx, r.Lease)
	case RequestTimeToLive:
		_, err = f.kv.TimeToLive(ctx, r.Lease)
	case RequestRevoke:
		err = f.kv.Revoke(ctx, r.Lease)
	}
	return true, err
}

// Forget drops a held request: it never reaches etcd. false says that no held request has the number.
func (f *Faulty) Forget(number int) bool {
	_, ok := f.take(number)
	return ok
}

func (f *Faulty) take(number int) (Request, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.held, func(r Request) bool { return r.Number == number })
	if i < 0 {
		return Request{}, false
	}
	r := f.held[i]
	f.held = slices.Delete(f.held, i, i+1)
	return r, true
}
