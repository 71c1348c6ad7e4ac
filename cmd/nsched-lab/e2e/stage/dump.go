package stage

import (
	"context"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// DumpOnFailure shows what hosts say when the test has failed.
func DumpOnFailure(t *testing.T, hosts ...*host.Host) {
	t.Cleanup(func() {
		if t.Failed() {
			ctx, cancel := context.WithTimeout(background(), 20*time.Second)
			defer cancel()
			for _, h := range hosts {
				cluster.DumpHost(ctx, t.Output(), h)
			}
		}
	})
}
