package registry

// Term is one leadership: the life of one leader's key.
type Term struct {
	Key string
	// CreateRevision numbers the term: later terms have larger ones.
	CreateRevision int64
	// ModRevision is that of the key when the term was won. Each Proclaim raises it; the Committer
	// keeps count.
	ModRevision int64
	Lease       LeaseID
	// Since is a revision at which no earlier leader was left. State of it, or newer, holds
	// everything that any earlier leader ever wrote.
	Since int64
	// Value is the key's, for Proclaim to put again.
	Value []byte
}

// IsZero reports whether there is no term.
func (t Term) IsZero() bool { return t.CreateRevision == 0 }

// same reports whether two terms are one. In one history of etcd a create revision is enough; a restored one may give
// it to another candidate's key.
func (t Term) same(other Term) bool {
	return t.CreateRevision == other.CreateRevision && t.Key == other.Key
}

// owns reports whether kv is the key of this term, at whatever mod revision.
func (t Term) owns(kv KeyValue) bool {
	return kv.Key == t.Key && kv.CreateRevision == t.CreateRevision && kv.Lease == t.Lease
}
