package registry

import (
	"bytes"
	"cmp"
	"fmt"
)

// txnLocked checks everything before it changes anything: a transaction is applied whole or not at all.
func (m *Memory) txnLocked(t Txn) (TxnResult, error) {
	if err := m.checkShape(t); err != nil {
		return TxnResult{}, err
	}
	if m.noSpace && (puts(t.Then) || puts(t.Else)) {
		return TxnResult{}, ErrNoSpace
	}
	res := TxnResult{Succeeded: m.holds(t.If)}
	ops := t.Else
	if res.Succeeded {
		ops = t.Then
	}
	if err := m.checkPuts(ops); err != nil {
		return TxnResult{}, err
	}
	var changes []Change
	for _, op := range ops {
		var r OpResult
		switch op.Kind {
		case OpPut:
			changes = append(changes, m.putLocked(op))
		case OpDelete:
			removed := m.removeLocked(op.Key, op.End)
			r.Deleted = int64(len(removed))
			changes = append(changes, removed...)
		case OpRange:
			header := m.store.rev
			if len(changes) > 0 {
				header++
			}
			r.Range = m.store.readAt(Range{Key: op.Key, End: op.End, Limit: op.Limit}, m.store.rev+1, header)
		}
		res.Results = append(res.Results, r)
	}
	m.commitLocked(changes)
	res.Revision = m.store.rev
	return res, nil
}

func (m *Memory) putLocked(op Op) Change {
	old := m.store.current(op.Key)
	lease := op.Lease
	if op.IgnoreLease {
		lease = old.lease
	}
	if old.lease != lease {
		m.leases.detach(old.lease, op.Key)
		m.leases.attach(lease, op.Key)
	}
	return m.store.put(op.Key, op.Value, lease)
}

func (m *Memory) removeLocked(key, end string) []Change {
	m.store.keys.each(key, end, func(it *item) bool {
		m.leases.detach(it.at(m.store.rev+1).lease, it.key)
		return true
	})
	return m.store.remove(key, end)
}

// commitLocked makes the changes a revision and queues them for the watches.
func (m *Memory) commitLocked(changes []Change) {
	m.store.commit(changes)
	if len(changes) > 0 {
		m.announceLocked(changes)
	}
}

// holds says whether every comparison does.
func (m *Memory) holds(conditions []Compare) bool {
	for _, c := range conditions {
		if c.End == "" {
			if !c.holds(m.store.current(c.Key)) {
				return false
			}
		} else if !m.holdsForAll(c) {
			return false
		}
	}
	return true
}

// holdsForAll says whether a comparison holds for every key of its range.
func (m *Memory) holdsForAll(c Compare) bool {
	any, all := false, true
	m.store.keys.each(c.Key, c.End, func(it *item) bool {
		if v := it.at(m.store.rev + 1); v.mod != 0 {
			any, all = true, all && c.holds(v)
		}
		return all
	})
	if !any {
		return c.holds(version{})
	}
	return all
}

func (c Compare) holds(v version) bool {
	var order int
	switch c.Target {
	case CreateRevision:
		order = cmp.Compare(v.create, c.Number)
	case ModRevision:
		order = cmp.Compare(v.mod, c.Number)
	case Version:
		order = cmp.Compare(v.n, c.Number)
	case LeaseOf:
		order = cmp.Compare(int64(v.lease), c.Number)
	case Value:
		if v.mod == 0 {
			return false
		}
		order = bytes.Compare(v.value, c.Bytes)
	}
	switch c.Relation {
	case Equal:
		return order == 0
	case NotEqual:
		return order != 0
	case Greater:
		return order > 0
	default:
		return order < 0
	}
}

// checkShape refuses what the server refuses without looking at the store.
func (m *Memory) checkShape(t Txn) error {
	if n := max(len(t.If), len(t.Then), len(t.Else)); n > m.opts.MaxOps {
		return fmt.Errorf("%w: a transaction of %d operations, at most %d are allowed", ErrRefused, n, m.opts.MaxOps)
	}
	size := 0
	for _, c := range t.If {
		if c.Key == "" {
			return fmt.Errorf("%w: the key of a comparison is empty", ErrRefused)
		}
		size += len(c.Key) + len(c.End) + len(c.Bytes)
	}
	for _, ops := range [][]Op{t.Then, t.Else} {
		for _, op := range ops {
			if op.Key == "" {
				return fmt.Errorf("%w: the key of an operation is empty", ErrRefused)
			}
			if op.Kind == OpPut && op.IgnoreLease && op.Lease != 0 {
				return fmt.Errorf("%w: put %s both names and ignores a lease", ErrRefused, op.Key)
			}
			size += len(op.Key) + len(op.End) + len(op.Value)
		}
		if err := checkOverlap(ops); err != nil {
			return err
		}
	}
	// A transaction that only reads takes no part in the log and has no limit but the connection's.
	if size > m.opts.MaxRequestBytes && writes(t) {
		return fmt.Errorf("%w: a transaction of %d bytes, at most %d are allowed", ErrRefused, size, m.opts.MaxRequestBytes)
	}
	return nil
}

// checkOverlap refuses a key that is put twice, or put and deleted.
func checkOverlap(ops []Op) error {
	seen := make(map[string]bool, len(ops))
	for _, op := range ops {
		if op.Kind != OpPut {
			continue
		}
		if seen[op.Key] {
			return fmt.Errorf("%w: %s is written twice in one transaction", ErrRefused, op.Key)
		}
		seen[op.Key] = true
	}
	for _, del := range ops {
		if del.Kind != OpDelete {
			continue
		}
		for _, op := range ops {
			if op.Kind == OpPut && within(op.Key, del.Key, del.End) {
				return fmt.Errorf("%w: %s is put and deleted in one transaction", ErrRefused, op.Key)
			}
		}
	}
	return nil
}

// checkPuts refuses what depends on the store: leases and keys that do not exist.
func (m *Memory) checkPuts(ops []Op) error {
	for _, op := range ops {
		if op.Kind != OpPut {
			continue
		}
		if op.Lease != 0 && !m.leases.has(op.Lease) {
			return fmt.Errorf("put %s: %w", op.Key, ErrLeaseNotFound)
		}
		if op.IgnoreLease && m.store.current(op.Key).mod == 0 {
			return fmt.Errorf("%w: put %s keeps the lease of a key that does not exist", ErrRefused, op.Key)
		}
	}
	return nil
}

func puts(ops []Op) bool {
	for _, op := range ops {
		if op.Kind == OpPut {
			return true
		}
	}
	return false
}

// writes says whether a transaction could change anything.
func writes(t Txn) bool {
	for _, ops := range [][]Op{t.Then, t.Else} {
		for _, op := range ops {
			if op.Kind != OpRange {
				return true
			}
		}
	}
	return false
}
