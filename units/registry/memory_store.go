package registry

import (
	"fmt"
	"sort"
)

// version is one state of a key. Versions are appended and never changed.
type version struct {
	mod, create, n int64
	lease          LeaseID
	value          []byte
	deleted        bool
}

func (v version) of(key string) KeyValue {
	return KeyValue{
		Key: key, Value: v.value, CreateRevision: v.create, ModRevision: v.mod, Version: v.n, Lease: v.lease,
	}
}

// store is the keys at every revision since the compacted one, and what changed at each.
//
//	revision   1      2        3        4  = rev
//	changes    -     put a    put b    del a
//	           `-- compacted: what can be read begins here
type store struct {
	rev       int64
	compacted int64 // the first revision that can be read; 0 before the first compaction
	keys      index
	changes   [][]Change // changes[i] are those of revision first+i
	first     int64
}

func newStore() store {
	return store{rev: 1, first: 2}
}

// current is the newest version of a key, the zero version where it does not exist.
func (s *store) current(key string) version {
	it := s.keys.at(key)
	if it == nil {
		return version{}
	}
	return it.at(s.rev + 1)
}

// at is the newest version of the item that is not newer than rev, the zero version where the key does
// not exist then.
func (it *item) at(rev int64) version {
	n := len(it.versions)
	i := n
	if n > 0 && it.versions[n-1].mod > rev {
		i = sort.Search(n, func(i int) bool { return it.versions[i].mod > rev })
	}
	if i == 0 || it.versions[i-1].deleted {
		return version{}
	}
	return it.versions[i-1]
}

// readable says whether a revision can be read.
func (s *store) readable(rev int64) error {
	switch {
	case rev > s.rev:
		return fmt.Errorf("%w: %d is asked for, the newest is %d", ErrFutureRevision, rev, s.rev)
	case rev < s.compacted:
		return fmt.Errorf("%w: %d is asked for, the oldest is %d", ErrCompacted, rev, s.compacted)
	}
	return nil
}

func (s *store) read(r Range) (RangeResult, error) {
	rev := r.Revision
	if rev <= 0 {
		rev = s.rev
	}
	if err := s.readable(rev); err != nil {
		return RangeResult{}, err
	}
	return s.readAt(r, rev, s.rev), nil
}

// readAt reads at rev and answers for a store at header.
func (s *store) readAt(r Range, rev, header int64) RangeResult {
	res := RangeResult{Revision: header}
	s.keys.each(r.Key, r.End, func(it *item) bool {
		v := it.at(rev)
		if v.mod == 0 {
			return true
		}
		res.Count++
		switch {
		case r.CountOnly:
		case r.Limit > 0 && len(res.KVs) >= r.Limit:
			res.More = true
		default:
			kv := v.of(it.key)
			if r.KeysOnly {
				kv.Value, kv.Lease = nil, 0
			}
			res.KVs = append(res.KVs, kv)
		}
		return true
	})
	return res
}

// put writes a key at rev+1. The change counts when commit is called.
func (s *store) put(key string, value []byte, lease LeaseID) Change {
	it := s.keys.ensure(key)
	old := it.at(s.rev + 1)
	v := version{mod: s.rev + 1, create: old.create, n: old.n + 1, lease: lease}
	if len(value) > 0 {
		v.value = append([]byte(nil), value...)
	}
	if old.mod == 0 {
		v.create = v.mod
	}
	it.versions = append(it.versions, v)
	return Change{KeyValue: v.of(key)}
}

// remove deletes a range at rev+1.
func (s *store) remove(key, end string) []Change {
	var out []Change
	s.keys.each(key, end, func(it *item) bool {
		if it.at(s.rev+1).mod != 0 {
			it.versions = append(it.versions, version{mod: s.rev + 1, deleted: true})
			out = append(out, Change{Deleted: true, KeyValue: KeyValue{Key: it.key, ModRevision: s.rev + 1}})
		}
		return true
	})
	return out
}

// commit makes changes the next revision. Without any it does nothing.
func (s *store) commit(changes []Change) {
	if len(changes) == 0 {
		return
	}
	s.rev++
	s.changes = append(s.changes, changes)
}

// since calls do with the changes of every revision from rev on.
func (s *store) since(rev int64, do func(rev int64, changes []Change)) {
	for r := max(rev, s.first); r <= s.rev; r++ {
		do(r, s.changes[r-s.first])
	}
}

func (s *store) compact(rev int64) error {
	if rev > s.rev {
		return fmt.Errorf("%w: %d is to be compacted, the newest is %d", ErrFutureRevision, rev, s.rev)
	}
	if rev <= s.compacted {
		return fmt.Errorf("%w: %d is to be compacted, %d was", ErrCompacted, rev, s.compacted)
	}
	s.compacted = rev
	if rev > s.first {
		s.changes = append([][]Change(nil), s.changes[rev-s.first:]...)
		s.first = rev
	}
	s.keys.prune(func(it *item) bool {
		// The version that is current at rev is the oldest to keep, unless it is a deletion.
		i := sort.Search(len(it.versions), func(i int) bool { return it.versions[i].mod > rev })
		if i > 0 && !it.versions[i-1].deleted {
			i--
		}
		if i > 0 {
			it.versions = append([]version(nil), it.versions[i:]...)
		}
		return len(it.versions) > 0
	})
	return nil
}
