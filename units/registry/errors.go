package registry

import "errors"

// What can go wrong at the seam. Callers branch with errors.Is.
var (
	// ErrUnknownOutcome: no answer came to a write; it may have been applied, or be applied later.
	ErrUnknownOutcome = errors.New("the outcome of the write is unknown")
	// ErrUnavailable: no answer came to a read, a keepalive or a lease query; or a write was certainly not
	// applied and never will be, since it was not sent or etcd was too busy for it. Try again.
	ErrUnavailable = errors.New("etcd cannot be reached")
	// ErrCompacted: the revision asked for is gone. Read anew.
	ErrCompacted = errors.New("the revision has been compacted")
	// ErrFutureRevision: the revision asked for does not exist yet; a sign that etcd went back.
	ErrFutureRevision = errors.New("the revision lies in the future")
	// ErrLeaseNotFound: the lease has ended or never was.
	ErrLeaseNotFound = errors.New("the lease does not exist")
	// ErrRefused: the server refused the request for good; nothing was written.
	ErrRefused = errors.New("etcd refused the request")
	// ErrNoSpace: etcd is over its quota; nothing was written.
	ErrNoSpace = errors.New("etcd is out of space")
	// ErrPermission: the credentials do not allow it; nothing was written.
	ErrPermission = errors.New("etcd denied permission")
	// ErrClosed: the watch was closed.
	ErrClosed = errors.New("the watch was closed")
	// ErrKey: the text is no key of this cluster, or its identities are malformed.
	ErrKey = errors.New("not a key")
	// ErrUndecodable: the value under a key cannot be read. It harms that key's owner alone.
	ErrUndecodable = errors.New("the value cannot be read")
	// ErrStaleView: what is to be committed was planned on state older than the fence allows.
	ErrStaleView = errors.New("the plan stands on state that is too old; read again")
	// ErrNoTerm: there is no leadership to commit under.
	ErrNoTerm = errors.New("not the leader")
	// ErrSnapshot: what came, or what a file holds, is not the whole of a snapshot.
	ErrSnapshot = errors.New("the snapshot is damaged")
	// ErrRegressed: etcd went back in time, or is another cluster.
	ErrRegressed = errors.New("etcd went back in time")
)
