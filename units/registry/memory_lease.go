package registry

import (
	"container/heap"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// firstLease is where the twin's lease ids begin: as large as etcd's, so that what cuts them short shows.
const firstLease LeaseID = 0x694d_1c5e_0000_0000

// maxTTL is the longest lease that etcd grants.
const maxTTL = 9_000_000_000 * time.Second

// revokeStep is how often etcd looks for expired leases.
const revokeStep = 500 * time.Millisecond

// memoryLease is one lease. Its keys are those that hang on it now.
type memoryLease struct {
	id     LeaseID
	ttl    time.Duration
	expiry time.Duration // on the twin's clock
	keys   map[string]struct{}
	place  int // in the table's heap
}

// leaseTable holds the leases by id, and by expiry.
type leaseTable struct {
	byID map[LeaseID]*memoryLease
	due  leaseHeap
	next LeaseID
}

func newLeaseTable() leaseTable {
	return leaseTable{byID: map[LeaseID]*memoryLease{}, next: firstLease}
}

func (t *leaseTable) has(id LeaseID) bool { return t.byID[id] != nil }

func (t *leaseTable) attach(id LeaseID, key string) {
	if l := t.byID[id]; l != nil {
		l.keys[key] = struct{}{}
	}
}

func (t *leaseTable) detach(id LeaseID, key string) {
	if l := t.byID[id]; l != nil {
		delete(l.keys, key)
	}
}

func (t *leaseTable) add(l *memoryLease) {
	t.byID[l.id] = l
	heap.Push(&t.due, l)
}

func (t *leaseTable) drop(l *memoryLease) {
	delete(t.byID, l.id)
	heap.Remove(&t.due, l.place)
}

// Grant implements KV. The ids count up.
func (m *Memory) Grant(ctx context.Context, ttl time.Duration) (Lease, error) {
	if err := ctx.Err(); err != nil {
		return Lease{}, unsent(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	ttl = max(wholeSeconds(ttl), wholeSeconds(m.opts.MinTTL))
	if ttl > maxTTL {
		return Lease{}, fmt.Errorf("%w: a lease of %s is too long", ErrRefused, ttl)
	}
	if m.noSpace {
		return Lease{}, ErrNoSpace
	}
	l := &memoryLease{id: m.leases.next, ttl: ttl, expiry: m.now + ttl, keys: map[string]struct{}{}}
	m.leases.next++
	m.leases.add(l)
	return Lease{ID: l.id, Granted: ttl, Remaining: ttl}, nil
}

// KeepAlive implements KV. A lease that has expired cannot be renewed, even when it has not ended yet.
func (m *Memory) KeepAlive(ctx context.Context, id LeaseID) (Lease, error) {
	if err := ctx.Err(); err != nil {
		return Lease{}, unsent(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.leases.byID[id]
	if l == nil || l.expiry <= m.now {
		return Lease{}, fmt.Errorf("renew %x: %w", int64(id), ErrLeaseNotFound)
	}
	l.expiry = m.now + l.ttl
	heap.Fix(&m.leases.due, l.place)
	return Lease{ID: id, Granted: l.ttl, Remaining: l.ttl}, nil
}

// TimeToLive implements KV. What remains is given in whole seconds, rounded down: nothing of a lease that
// has expired and not ended.
func (m *Memory) TimeToLive(ctx context.Context, id LeaseID) (Lease, error) {
	if err := ctx.Err(); err != nil {
		return Lease{}, unsent(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.leases.byID[id]
	if l == nil {
		return Lease{}, fmt.Errorf("look at %x: %w", int64(id), ErrLeaseNotFound)
	}
	return Lease{ID: id, Granted: l.ttl, Remaining: max(0, (l.expiry - m.now).Truncate(time.Second))}, nil
}

// Revoke implements KV.
func (m *Memory) Revoke(ctx context.Context, id LeaseID) error {
	if err := ctx.Err(); err != nil {
		return unsent(err)
	}
	m.mu.Lock()
	l := m.leases.byID[id]
	if l != nil {
		m.endLocked(l)
	}
	m.mu.Unlock()
	m.drain()
	if l == nil {
		return fmt.Errorf("revoke %x: %w", int64(id), ErrLeaseNotFound)
	}
	return nil
}

// Advance moves the twin's clock to now, which counts from its beginning, and ends the leases that
// expire on the way: each at a revision of its own, in the order of their expiry and then of their ids.
// A time in the past does nothing.
func (m *Memory) Advance(now time.Duration) {
	m.mu.Lock()
	if now > m.now {
		m.expireLocked(now)
		m.now = now
	}
	m.mu.Unlock()
	m.drain()
}

func (m *Memory) expireLocked(now time.Duration) {
	if m.opts.RevokesPerSecond == 0 {
		for len(m.leases.due) > 0 && m.leases.due[0].expiry <= now {
			m.endLocked(m.leases.due[0])
		}
		return
	}
	batch := max(1, m.opts.RevokesPerSecond/2)
	for step := m.now.Truncate(revokeStep) + revokeStep; step <= now; step += revokeStep {
		if len(m.leases.due) == 0 || m.leases.due[0].expiry > now {
			return
		}
		for n := 0; n < batch && len(m.leases.due) > 0 && m.leases.due[0].expiry <= step; n++ {
			m.endLocked(m.leases.due[0])
		}
	}
}

// Now is what the twin's clock says.
func (m *Memory) Now() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// NextExpiry is when the next lease expires; false where there is none. With RevokesPerSecond it may
// lie in the past: the lease ends at one of the next half seconds.
func (m *Memory) NextExpiry() (time.Duration, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.leases.due) == 0 {
		return 0, false
	}
	return m.leases.due[0].expiry, true
}

// endLocked ends a lease and deletes its keys, in their order, at one revision.
func (m *Memory) endLocked(l *memoryLease) {
	m.leases.drop(l)
	var changes []Change
	for _, key := range slices.Sorted(maps.Keys(l.keys)) {
		changes = append(changes, m.store.remove(key, "")...)
	}
	m.commitLocked(changes)
}

// wholeSeconds rounds up to what etcd counts in.
func wholeSeconds(d time.Duration) time.Duration {
	if r := d % time.Second; r > 0 {
		return d - r + time.Second
	}
	return d
}

// leaseHeap orders leases by expiry, then by id.
type leaseHeap []*memoryLease

func (h leaseHeap) Len() int { return len(h) }

func (h leaseHeap) Less(i, j int) bool {
	if h[i].expiry != h[j].expiry {
		return h[i].expiry < h[j].expiry
	}
	return h[i].id < h[j].id
}

func (h leaseHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *leaseHeap) Push(x any) {
	l := x.(*memoryLease)
	l.place = len(*h)
	*h = append(*h, l)
}

func (h *leaseHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return l
}
