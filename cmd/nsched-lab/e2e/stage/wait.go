package stage

import (
	"context"
	"testing"
	"time"
)

// Patience is how long anything may take to become true on the busiest machine.
const Patience = 2 * time.Minute

// Eventually asks until check returns nil.
func Eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %v: %v", what, Patience, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Run executes a program on a host; it must succeed.
func Run(t *testing.T, h interface {
	Exec(context.Context, ...string) (string, error)
}, argv ...string,
) string {
	t.Helper()
	out, err := h.Exec(t.Context(), argv...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
