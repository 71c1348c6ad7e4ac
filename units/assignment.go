package units

// Assignment is the scheduler's word that a unit belongs on a node: units/<node>/<unit>.
//
// It is written once; afterwards only Desired changes, and only forward:
//
//	stage -> run -> stop
//
// The unit, its app and its generation are in the key. The create revision of the key is the
// assignment's age: it fences singletons (see FenceToken) and a status that names another one is
// about an earlier life of the key.
type Assignment struct {
	Desired Desired `json:"desired"`
	// Tenure is the create revision of alive/<node> for which the assignment was made. A singleton
	// starts in no other tenure.
	Tenure int64 `json:"tenure"`
	// Term is the create revision of the leader's key that placed it.
	Term int64 `json:"term"`
	// Ports holds the number given to each named port of the app.
	Ports map[string]uint16 `json:"ports,omitempty"`
}

// FenceToken is the number a unit shows to whatever it writes to, so that an older holder can be
// refused. It rises with every assignment, and across a restored etcd because the epoch does.
func FenceToken(epoch, createRevision int64) int64 { return epoch<<40 | createRevision }
