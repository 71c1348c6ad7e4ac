package units

import "errors"

// Cluster identifies one cluster for all its life: cluster. It is created once. Epoch is raised only
// by an operator who acknowledges that etcd was restored from an older snapshot. Restored says that it
// was, and that nobody has acknowledged it: until then nothing may be done on what it holds.
type Cluster struct {
	ID     string `json:"id"`
	Epoch  int64  `json:"epoch"`
	Schema int    `json:"schema"`

	Restored bool `json:"restored,omitempty"`
}

// Validate reports what a cluster lacks that every one has. A hand wrote such a one, and it says nothing: not even
// that this is another cluster.
func (c Cluster) Validate() error {
	switch {
	case c.ID == "":
		return errors.New(`it has no "id"`)
	case c.Epoch < 1:
		return errors.New(`its "epoch" is less than 1`)
	}
	return nil
}

// Clock is the leader's heartbeat and the base of cluster time: cluster/clock. N rises with each
// write; a smaller one than was seen before means that etcd went back in time.
type Clock struct {
	N      int64 `json:"n"`
	TimeMs int64 `json:"timeMs"` // cluster time, milliseconds since 1970
	// Epoch is the cluster's when it was written: whoever slept through a restore and its acknowledgement, and
	// has a watch that goes on behind both, learns of them here. 0 where an older version wrote it.
	Epoch int64 `json:"epoch,omitempty"`
}

// Validate reports what a clock lacks that every one has, like Cluster's.
func (c Clock) Validate() error {
	if c.N < 1 {
		return errors.New(`its "n" is less than 1`)
	}
	return nil
}

// Leader is the value of the leader's key.
type Leader struct {
	Name string `json:"name"`
	API  string `json:"api,omitempty"`
}
