package registry

import (
	"context"
	"time"
)

// KV is the narrow seam to etcd: what nsched uses of it, with etcd's semantics.
//
// Every method but Watch is one request, never repeated. A write that fails with ErrUnknownOutcome may
// have been applied, or be applied later; one that fails otherwise certainly never will be, because
// etcd refused it or because it was not sent. Byte slices in answers must not be changed.
type KV interface {
	// Range reads keys in ascending order at one revision. It is linearizable unless a revision is
	// given or Serializable is set.
	Range(ctx context.Context, r Range) (RangeResult, error)
	// Txn applies Then when every comparison holds and Else otherwise, atomically. A key may be
	// written once in a transaction.
	Txn(ctx context.Context, t Txn) (TxnResult, error)
	// Grant makes a lease. etcd counts whole seconds; ttl is rounded up.
	Grant(ctx context.Context, ttl time.Duration) (Lease, error)
	// KeepAlive renews a lease once. ErrLeaseNotFound says that it has ended.
	KeepAlive(ctx context.Context, id LeaseID) (Lease, error)
	// TimeToLive tells what remains of a lease without renewing it: nothing when it has expired and its
	// end is due. ErrLeaseNotFound says that it has ended.
	TimeToLive(ctx context.Context, id LeaseID) (Lease, error)
	// Revoke ends a lease and deletes its keys.
	Revoke(ctx context.Context, id LeaseID) error
	// Watch delivers every change of a range from a revision on, in order, until Close, the end of
	// ctx, or a response with Err. All changes of one revision come in one response. deliver is called
	// by one goroutine at a time, perhaps before Watch returns; it must not block for long nor close the
	// watch. Each watch has a stream of its own, and goes on by itself after a lost connection.
	Watch(ctx context.Context, w Watch, deliver func(WatchResponse)) Watcher
}

// Watcher is a watch under way.
type Watcher interface {
	// RequestProgress asks for a response that tells how far the watch has come. It does not block; a
	// hung stream answers by silence, and so does an etcd whose newest revision is more than one behind
	// the first that the watch still wants.
	RequestProgress()
	// Close ends the watch. Nothing is delivered after it has returned.
	Close()
}

// LeaseID is etcd's number of a lease; 0 is none.
type LeaseID int64

// Lease is what is known of a lease: Granted is the TTL it was granted with, Remaining what is left.
type Lease struct {
	ID        LeaseID
	Granted   time.Duration
	Remaining time.Duration
}

// KeyValue is one key at one revision.
type KeyValue struct {
	Key            string
	Value          []byte
	CreateRevision int64
	ModRevision    int64
	Version        int64
	Lease          LeaseID
}

// Range is a request to read. End is the first key beyond; empty means the one key, and PrefixEnd
// gives that of a prefix. KeysOnly leaves out values and leases, CountOnly the keys too.
type Range struct {
	Key, End     string
	Revision     int64 // 0 is the newest
	Limit        int   // 0 is none
	KeysOnly     bool
	CountOnly    bool
	Serializable bool
}

// RangeResult is what was read. Revision is the store's at that moment, not the one asked for.
type RangeResult struct {
	Revision int64
	KVs      []KeyValue
	More     bool
	Count    int64
}

// Target is what a comparison looks at.
type Target int

// The targets of a comparison. A key that does not exist has zero in each but Value, where any
// comparison fails.
const (
	CreateRevision Target = iota
	ModRevision
	Version
	LeaseOf
	Value
)

// Relation is how a comparison compares.
type Relation int

// The relations of a comparison: the key's own on the left, the operand on the right.
const (
	Equal Relation = iota
	NotEqual
	Greater
	Less
)

// Compare is one condition of a transaction. With an End, it is one of every key from Key up to there, as in
// Range; where there is none of them, of one key that does not exist.
type Compare struct {
	Key, End string
	Target   Target
	Relation Relation
	Number   int64  // for every target but Value
	Bytes    []byte // for Value
}

// OpKind says what an operation does.
type OpKind int

// The kinds of operation.
const (
	OpPut OpKind = iota
	OpDelete
	OpRange
)

// Op is one operation of a transaction. Key and End select as in Range; a put takes Value and Lease,
// and keeps the key's lease when IgnoreLease is set.
type Op struct {
	Kind        OpKind
	Key, End    string
	Value       []byte
	Lease       LeaseID
	IgnoreLease bool
	Limit       int // of a range
}

// Txn is a transaction.
type Txn struct {
	If         []Compare
	Then, Else []Op
}

// TxnResult is the outcome of a transaction. Results answers the operations that ran, one each: a
// range fills Range, a delete Deleted.
type TxnResult struct {
	Revision  int64
	Succeeded bool
	Results   []OpResult
}

// OpResult answers one operation.
type OpResult struct {
	Range   RangeResult
	Deleted int64
}

// Watch is a request to watch a range. Revision is the first one wanted; 0 means what comes once etcd has
// taken up the watch, some time after Watch returned.
type Watch struct {
	Key, End string
	Revision int64
}

// Change is one change of one key. A deletion carries only the key and its ModRevision.
type Change struct {
	Deleted bool
	KeyValue
}

// WatchResponse is one message of a watch: changes, progress, or its end with an error. With changes
// Revision is that of the last one; it never falls. With neither changes nor Err everything up to
// Revision has been delivered. ErrCompacted comes with the first revision that can still be read in
// CompactRevision.
type WatchResponse struct {
	Revision        int64
	Changes         []Change
	CompactRevision int64
	Err             error
}

// MaxOps is how many comparisons, and how many operations, nsched puts in one transaction: one less
// than etcd's default limit of 128.
const MaxOps = 127

// PrefixEnd returns the first key beyond all that begin with prefix.
func PrefixEnd(prefix string) string {
	end := []byte(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return string(end[:i+1])
		}
	}
	return "\x00"
}
