package looptest

import (
	"context"
	"fmt"
)

// Fate is what becomes of the one request that a task makes.
type Fate int

// The fates. In every one but Applied the shell hears the seam's error for "no answer came".
const (
	// Applied performs the request and delivers the answer.
	Applied Fate = iota
	// ReplyLost performs the request; the answer is lost.
	ReplyLost
	// RequestLost never performs the request.
	RequestLost
	// Late performs the request when the test calls Task.Land, after the shell was told that no
	// answer came. It is what a timed-out write does when a queue in between drains.
	Late
)

var fateNames = [...]string{"applied", "reply lost", "request lost", "late"}

// String names the fate.
func (f Fate) String() string {
	if f < 0 || int(f) >= len(fateNames) {
		return fmt.Sprintf("fate %d", int(f))
	}
	return fateNames[f]
}

// Fates returns every fate.
func Fates() []Fate { return []Fate{Applied, ReplyLost, RequestLost, Late} }

type fateKey struct{}

// Call makes one request under the fate that the executor gave to the task of ctx; lost is the error
// that stands for "no answer came". Outside an Executor every request is applied.
func Call[T any](ctx context.Context, lost error, do func(context.Context) (T, error)) (T, error) {
	t, _ := ctx.Value(fateKey{}).(*Task)
	if t == nil || t.fate == Applied {
		return do(ctx)
	}
	var none T
	switch t.fate {
	case ReplyLost:
		_, _ = do(ctx)
	case Late:
		t.late = append(t.late, func() { _, _ = do(context.WithoutCancel(ctx)) })
	}
	return none, lost
}
