package registry

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// Item is one key with its value.
type Item struct {
	// Raw is the last state of the key that could be read.
	Raw KeyValue
	// ID is the parsed key. Its kind is KindUnknown for keys of a kind that this version does not know.
	ID Key
	// Decoded is the units value of the kind, nil where the kind has none: such values are raw bytes.
	Decoded any
	// Extra is what the value holds besides.
	Extra Extra
}

// Bad is a key whose name or newest value cannot be read. Where an earlier value could, it still counts:
// what cannot be read is no command.
type Bad struct {
	Key         string
	ID          Key // only its Kind where the name is malformed
	ModRevision int64
	Err         error // wraps ErrKey or ErrUndecodable
	Held        bool  // an earlier value is held
}

// Store is a sink that holds every value, decoded, in the order of keys.
type Store struct {
	keys     Keys
	revision int64
	items    sorted[*Item]
	bad      sorted[Bad]
}

var _ Sink = (*Store)(nil)

// NewStore returns an empty store, at revision 0.
func NewStore(keys Keys) *Store { return &Store{keys: keys} }

// Apply implements Sink.
func (s *Store) Apply(b Batch) {
	for _, c := range b.Changes {
		if c.Deleted {
			s.items.delete(c.Key)
			s.bad.delete(c.Key)
			continue
		}
		item, err := s.keys.Decode(c.KeyValue)
		if err != nil {
			_, held := s.items.lookup(c.Key)
			s.bad.put(c.Key, Bad{Key: c.Key, ID: item.ID, ModRevision: c.ModRevision, Err: err, Held: held})
			continue
		}
		s.bad.delete(c.Key)
		s.items.put(c.Key, &item)
	}
	s.revision = b.Revision
}

// Snapshot returns the state as it is now. It costs next to nothing and never changes; the next Apply
// copies what it touches.
func (s *Store) Snapshot() *Snapshot {
	return &Snapshot{revision: s.revision, items: s.items.freeze(), bad: s.bad.freeze()}
}

// Snapshot is the state of a single revision. It is immutable and safe for concurrent use.
type Snapshot struct {
	revision int64
	items    sorted[*Item]
	bad      sorted[Bad]
}

// Revision returns the revision of the state, 0 when nothing has been read yet.
func (s *Snapshot) Revision() int64 { return s.revision }

// Len returns how many keys have a value that could be read.
func (s *Snapshot) Len() int { return s.items.len }

// Item returns what is held of a key.
func (s *Snapshot) Item(key string) (*Item, bool) { return s.items.lookup(key) }

// Items yields what is held under a prefix, in the order of keys.
func (s *Snapshot) Items(prefix string) iter.Seq[*Item] {
	return func(yield func(*Item) bool) {
		for _, item := range s.items.ascend(prefix, PrefixEnd(prefix)) {
			if !yield(item) {
				return
			}
		}
	}
}

// Bad yields the keys under a prefix that cannot be read, in their order.
func (s *Snapshot) Bad(prefix string) iter.Seq[Bad] {
	return func(yield func(Bad) bool) {
		for _, bad := range s.bad.ascend(prefix, PrefixEnd(prefix)) {
			if !yield(bad) {
				return
			}
		}
	}
}

// Lookup returns the decoded value of a key, and whether there is one of type T.
func Lookup[T any](s *Snapshot, key string) (v T, ok bool) {
	item, ok := s.items.lookup(key)
	if !ok {
		return v, false
	}
	v, ok = item.Decoded.(T)
	return v, ok
}

// All yields the keys and decoded values of type T under a prefix, in the order of keys.
func All[T any](s *Snapshot, prefix string) iter.Seq2[Key, T] {
	return func(yield func(Key, T) bool) {
		for item := range s.Items(prefix) {
			if v, ok := item.Decoded.(T); ok && !yield(item.ID, v) {
				return
			}
		}
	}
}

// snapshotPage is how many keys ReadSnapshot asks for at once, and snapshotRestarts how often it begins
// anew when what it reads is compacted away.
const (
	snapshotPage     = 1000
	snapshotRestarts = 5
)

// ReadSnapshot reads everything under the prefixes at one revision, the newest. It blocks and is for
// commands, not for a Step. It begins anew when the revision is compacted meanwhile; any other error
// ends it.
func ReadSnapshot(ctx context.Context, kv KV, keys Keys, prefixes ...string) (*Snapshot, error) {
	var err error
	for range snapshotRestarts {
		s := NewStore(keys)
		for _, p := range prefixes {
			if err = s.read(ctx, kv, p); err != nil {
				break
			}
		}
		if err == nil {
			return s.Snapshot(), nil
		}
		if !errors.Is(err, ErrCompacted) && !errors.Is(err, ErrFutureRevision) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("read the registry %d times: %w", snapshotRestarts, err)
}

// read adds what is under a prefix, at the store's revision once that is settled.
func (s *Store) read(ctx context.Context, kv KV, prefix string) error {
	for from, more := prefix, true; more; {
		res, err := kv.Range(ctx, Range{Key: from, End: PrefixEnd(prefix), Revision: s.revision, Limit: snapshotPage})
		if err != nil {
			return err // which says what was read
		}
		b := Batch{Revision: s.revision}
		if b.Revision == 0 {
			b.Revision = res.Revision
		}
		for _, kv := range res.KVs {
			b.Changes = append(b.Changes, Change{KeyValue: kv})
		}
		s.Apply(b)
		if more = res.More && len(res.KVs) > 0; more {
			from = res.KVs[len(res.KVs)-1].Key + "\x00"
		}
	}
	return nil
}
