package scheduler

import "errors"

// ErrNotLeading: this scheduler does not lead, or has not read the cluster yet. Ask the leader.
var ErrNotLeading = errors.New("this scheduler does not lead")
