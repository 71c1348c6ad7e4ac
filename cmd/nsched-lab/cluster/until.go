package cluster

import (
	"context"
	"fmt"
	"time"
)

// Until asks every so often until check returns nil, and gives up when patience is over: then the error
// wraps the latest of check's.
func Until(ctx context.Context, patience, every time.Duration, what string, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w: %w", what, context.Cause(ctx), err)
		case <-time.After(every):
		}
	}
}
