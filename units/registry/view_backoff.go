package registry

import (
	"math/rand/v2"
	"time"
)

const (
	backoffFirst = 100 * time.Millisecond
	// backoffMost is about how far apart the attempts to connect are, which cost etcd nothing while it is
	// away: more would only be felt after its return.
	backoffMost = 2 * time.Second
)

// backOff is the wait before the next attempt: doubled each time, jittered to between half and whole so
// that ten thousand nodes do not come back at once.
type backOff struct {
	rand *rand.Rand
	wait time.Duration
}

func newBackOff(r *rand.Rand) backOff { return backOff{rand: r, wait: backoffFirst} }

func (b *backOff) next() time.Duration {
	wait := b.wait
	b.wait = min(2*b.wait, backoffMost)
	if b.rand == nil {
		return wait
	}
	return wait/2 + time.Duration(b.rand.Int64N(int64(wait/2)+1))
}

func (b *backOff) reset() { b.wait = backoffFirst }
