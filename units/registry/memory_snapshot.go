package registry

import (
	"maps"
	"slices"
)

// MemorySnapshot is the whole state of a Memory at one moment. It never changes.
type MemorySnapshot struct {
	store  store
	leases []memoryLease
}

// Revision is that of the snapshot.
func (s *MemorySnapshot) Revision() int64 { return s.store.rev }

// Snapshot keeps the state for a later Restore.
func (m *Memory) Snapshot() *MemorySnapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &MemorySnapshot{store: m.store.clone()}
	for _, id := range slices.Sorted(maps.Keys(m.leases.byID)) {
		l := *m.leases.byID[id]
		l.keys = maps.Clone(l.keys)
		s.leases = append(s.leases, l)
	}
	return s
}

// Restore puts the twin back to a snapshot, as an etcd that was restored from a backup: the revision
// goes back, and every lease begins anew with its whole TTL.
//
// Watches go on as those of a reconnected client do: each waits for the first revision that it has not
// seen, stays silent until the new history has come that far, and never learns that it is another one.
func (m *Memory) Restore(s *MemorySnapshot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.store = s.store.clone()
	next := m.leases.next
	m.leases = newLeaseTable()
	m.leases.next = next // etcd's ids are not given twice either
	for _, l := range s.leases {
		l.keys = maps.Clone(l.keys)
		l.expiry = m.now + l.ttl
		m.leases.add(&l)
	}
}

func (s *store) clone() store {
	c := *s
	c.keys = s.keys.clone()
	c.changes = s.changes[:len(s.changes):len(s.changes)]
	return c
}
