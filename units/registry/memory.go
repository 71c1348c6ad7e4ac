package registry

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// MemoryOptions sets up a Memory. The zero value is etcd's defaults on a virtual clock at zero, with
// every watch answered before the call that changed something returns.
type MemoryOptions struct {
	// Deliver is handed each delivery of a watch, once it is due, in the order of the commits. It may
	// run it at once, later, on another goroutine, or never. Run in another order, the deliveries of
	// one watch still come in their own order. nil runs each at once.
	Deliver func(func())
	// MinTTL is the shortest lease: shorter ones are raised to it. 0 is 2 s, which is etcd's with its
	// default timing.
	MinTTL time.Duration
	// MaxOps and MaxRequestBytes are the server's limits. 0 is etcd's 128 and 1.5 MiB.
	MaxOps, MaxRequestBytes int
	// RevokesPerSecond limits how fast expired leases end, in steps of half a second as etcd does it
	// with 1,000. 0 is no limit: each lease ends exactly when it expires.
	RevokesPerSecond int
}

// Memory is the twin of etcd in memory: one KV with the whole history until it is compacted, leases
// on a clock that only Advance moves, and watches from old revisions. It starts no goroutine, reads no
// clock, and the same calls give the same answers and deliveries.
//
// It is safe for concurrent use. Byte slices in its answers are shared and must not be changed.
type Memory struct {
	opts MemoryOptions

	mu       sync.Mutex
	now      time.Duration
	store    store
	leases   leaseTable
	noSpace  bool
	watches  []*memoryWatch
	pending  []*memoryWatch // one entry a delivery that is due
	draining bool
}

var _ KV = (*Memory)(nil)

// NewMemory makes an empty twin, at revision 1 as a new etcd is.
func NewMemory(o MemoryOptions) *Memory {
	if o.Deliver == nil {
		o.Deliver = func(run func()) { run() }
	}
	if o.MinTTL == 0 {
		o.MinTTL = 2 * time.Second
	}
	if o.MaxOps == 0 {
		o.MaxOps = 128
	}
	if o.MaxRequestBytes == 0 {
		o.MaxRequestBytes = 3 << 19
	}
	return &Memory{opts: o, store: newStore(), leases: newLeaseTable()}
}

// Range implements KV.
func (m *Memory) Range(ctx context.Context, r Range) (RangeResult, error) {
	if err := ctx.Err(); err != nil {
		return RangeResult{}, unsent(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Key == "" {
		return RangeResult{}, fmt.Errorf("%w: the key of a range is empty", ErrRefused)
	}
	return m.store.read(r)
}

// Txn implements KV.
func (m *Memory) Txn(ctx context.Context, t Txn) (TxnResult, error) {
	if err := ctx.Err(); err != nil {
		return TxnResult{}, unsent(err)
	}
	m.mu.Lock()
	res, err := m.txnLocked(t)
	m.mu.Unlock()
	m.drain()
	return res, err
}

// Revision is the store's.
func (m *Memory) Revision() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.store.rev
}

// Compact forgets what was before rev: what has been overwritten or deleted by then, and the changes.
// It fails with ErrCompacted or ErrFutureRevision as etcd does.
func (m *Memory) Compact(rev int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.store.compact(rev)
}

// SetNoSpace raises or clears the alarm of a full database: while it is raised, puts and new leases
// are refused with ErrNoSpace.
func (m *Memory) SetNoSpace(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.noSpace = on
}

// unsent is the error of a request that was given up before it was sent.
func unsent(err error) error {
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
