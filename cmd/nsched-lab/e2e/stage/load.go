package stage

import (
	"strings"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

// LoadEvery is the pause between two requests of a load.
const LoadEvery = 25 * time.Millisecond

// Load asks the unit's service until the end of the test, which fails if a single request did.
func (r *Role) Load() (stop func()) {
	l := cluster.NewLoad(r.s.Lab.DialContext, r.URL("/"), LoadEvery)
	stopped := false
	stop = func() {
		r.t.Helper()
		if stopped {
			return
		}
		stopped = true
		got := l.Stop()
		if got.Failed > 0 || got.Requests == 0 {
			r.t.Errorf("%d of %d requests to %s failed: %s", got.Failed, got.Requests, r.ID, strings.Join(got.Failures, "; "))
		}
		r.t.Logf("%d requests to %s: none failed, the longest pause between two answers was %v", got.Requests, r.ID, got.Pause.Round(time.Millisecond))
	}
	r.t.Cleanup(stop)
	return stop
}
