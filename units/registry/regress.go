package registry

import (
	"fmt"

	"github.com/nsched/nsched/units"
)

// Highest is the furthest that a node or scheduler ever saw its cluster: it is kept on disk, so that an
// etcd which was restored from an older snapshot, or replaced by another, is found out by everyone who
// knew the newer one. The zero value has seen nothing.
type Highest struct {
	ID    string `json:"id"`
	Epoch int64  `json:"epoch"`
	N     int64  `json:"n"` // of cluster/clock
}

// Admit compares a complete read of `cluster` and `cluster/clock` with the highest seen; a key that does
// not exist is the zero value. It returns the new highest, to be kept before anything is done on the
// strength of it, or an error that wraps ErrRegressed: then hold, change nothing, and ask again with the
// next read.
//
// Raising the epoch (`nsched cluster ack-restore`) admits anything: an operator has looked. What a
// restore has marked as restored is admitted by nobody, not even by who has seen nothing: a scheduler
// without a memory must not decide on it while the nodes hold.
func (h Highest) Admit(cluster units.Cluster, clock units.Clock) (Highest, error) {
	seen := Highest{ID: cluster.ID, Epoch: cluster.Epoch, N: clock.N}
	hold := func(format string, args ...any) (Highest, error) {
		return h, fmt.Errorf("%w: %s; `nsched cluster ack-restore` accepts it", ErrRegressed, fmt.Sprintf(format, args...))
	}
	switch {
	case cluster.Restored:
		return hold("it was restored from a snapshot")
	case h.ID == "" && seen.ID == "":
		return h, nil // no cluster yet
	case h.ID == "":
		return seen, nil
	case seen.ID == "":
		return hold("the key cluster is gone")
	case seen.Epoch > h.Epoch:
		return seen, nil
	case seen.ID != h.ID:
		return hold("this is cluster %s, it was %s", quote(seen.ID), quote(h.ID))
	case seen.Epoch < h.Epoch:
		return hold("its epoch is %d, it was %d", seen.Epoch, h.Epoch)
	case seen.N < h.N:
		return hold("its clock is at %d, it was at %d", seen.N, h.N)
	}
	return seen, nil
}
