package embedded

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"google.golang.org/protobuf/proto"

	"github.com/nsched/nsched/units/registry"
)

// Snapshot is what a copy of etcd's database holds.
type Snapshot struct {
	Bytes int64
	// Hashed says that etcd's hash stands at the end, and fits. Without one it is the database of a member
	// that did not run; one that does not fit is an error.
	Hashed   bool
	Revision int64
	// Storage is the version of etcd that the database is of, as far as it says so.
	Storage string
	// Kinds counts the keys of the cluster by their kind, Foreign those of others.
	Kinds   map[registry.Kind]int
	Foreign int
	// State holds, of all keys, those of the identity, the clock, the nodes and the apps.
	State *registry.Snapshot

	identity *mvccpb.KeyValue // the key cluster
}

// told are the kinds whose values are read.
var told = map[registry.Kind]bool{
	registry.KindCluster: true, registry.KindClock: true, registry.KindNode: true, registry.KindApp: true,
}

// sectorBytes divides the size of every database of etcd; what is left is the hash at the end.
const sectorBytes = 512

// ReadSnapshot reads a file, without etcd, and changes nothing. ErrSnapshot says that the file is no
// snapshot, or not a whole one. Where there is no hash to go by, every page is checked instead.
func ReadSnapshot(file string, keys registry.Keys) (s Snapshot, err error) {
	s.Bytes, s.Hashed, err = checkHash(file)
	if err != nil {
		return s, fmt.Errorf("read %s: %w", file, err)
	}
	db, err := bolt.Open(file, 0o400, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return s, fmt.Errorf("read %s: %w", file, ErrInUse)
	case err != nil:
		return s, fmt.Errorf("read %s: %w: %w", file, registry.ErrSnapshot, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.View(func(tx *bolt.Tx) error { return s.read(tx, keys) }); err != nil {
		return s, fmt.Errorf("read %s: %w", file, err)
	}
	return s, nil
}

// checkHash compares a file with the hash at its end, where there is one.
func checkHash(file string) (size int64, hashed bool, err error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return 0, false, err
	}
	size = info.Size()
	switch {
	case !info.Mode().IsRegular():
		return 0, false, errors.New("it is not a file")
	case size >= sectorBytes && size%sectorBytes == 0:
		return size, false, nil
	case size < sectorBytes || size%sectorBytes != sha256.Size:
		return size, false, fmt.Errorf("%w: %d bytes are no whole database", registry.ErrSnapshot, size)
	}
	hash := sha256.New()
	if _, err := io.CopyN(hash, f, size-sha256.Size); err != nil {
		return size, false, err
	}
	end, err := io.ReadAll(f)
	if err != nil {
		return size, false, err
	}
	if !bytes.Equal(end, hash.Sum(nil)) {
		return size, false, fmt.Errorf("%w: the hash at its end does not fit", registry.ErrSnapshot)
	}
	return size, true, nil
}

// place is where the latest value of a key lies.
type place struct {
	revision []byte // the key in the database
	kind     registry.Kind
}

func (s *Snapshot) read(tx *bolt.Tx, keys registry.Keys) (err error) {
	// What bolt finds in pages that nobody vouches for may lead anywhere.
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", registry.ErrSnapshot, p)
		}
	}()
	if tx.Size() > s.Bytes {
		return fmt.Errorf("%w: %d bytes are missing", registry.ErrSnapshot, tx.Size()-s.Bytes)
	}
	if !s.Hashed {
		var wrong error
		for problem := range tx.Check() {
			if wrong == nil {
				wrong = problem
			}
		}
		if wrong != nil {
			return fmt.Errorf("%w: %w", registry.ErrSnapshot, wrong)
		}
	}
	bucket := tx.Bucket(schema.Key.Name())
	if bucket == nil {
		return fmt.Errorf("%w: it is no database of etcd", registry.ErrSnapshot)
	}
	if v := schema.ReadStorageVersionFromSnapshot(tx); v != nil {
		s.Storage = v.String()
	}
	latest, err := s.latest(bucket, keys)
	if err != nil {
		return err
	}
	return s.values(bucket, keys, latest)
}

// latest finds the last revision of every key that there is: the database holds them in the order in which
// they were written, deletions included.
func (s *Snapshot) latest(bucket *bolt.Bucket, keys registry.Keys) (map[string]place, error) {
	found := map[string]place{}
	err := bucket.ForEach(func(revision, value []byte) error {
		s.Revision = max(s.Revision, mvcc.BytesToRev(revision).Main)
		var kv mvccpb.KeyValue
		if err := proto.Unmarshal(value, &kv); err != nil {
			return fmt.Errorf("%w: %w", registry.ErrSnapshot, err)
		}
		name := string(kv.GetKey())
		switch {
		case name == "": // a restore put it there to raise the revision
		case mvcc.IsTombstone(revision):
			delete(found, name)
		default:
			id, _ := keys.Parse(name) // of one that is malformed the kind is known
			found[name] = place{bytes.Clone(revision), id.Kind}
		}
		return nil
	})
	return found, err
}

// values counts the keys and reads the values of those that are told.
func (s *Snapshot) values(bucket *bolt.Bucket, keys registry.Keys, latest map[string]place) error {
	s.Kinds = map[registry.Kind]int{}
	batch := registry.Batch{Revision: s.Revision}
	for name, at := range latest {
		if at.kind == registry.KindForeign {
			s.Foreign++
			continue
		}
		s.Kinds[at.kind]++
		if !told[at.kind] {
			continue
		}
		kv := &mvccpb.KeyValue{}
		if err := proto.Unmarshal(bucket.Get(at.revision), kv); err != nil {
			return fmt.Errorf("%w: %w", registry.ErrSnapshot, err)
		}
		if name == keys.Cluster() {
			s.identity = kv
		}
		batch.Changes = append(batch.Changes, registry.Change{KeyValue: registry.KeyValue{
			Key: name, Value: kv.GetValue(), CreateRevision: kv.GetCreateRevision(),
			ModRevision: kv.GetModRevision(), Version: kv.GetVersion(), Lease: registry.LeaseID(kv.GetLease()),
		}})
	}
	store := registry.NewStore(keys)
	store.Apply(batch)
	s.State = store.Snapshot()
	return nil
}
