package chaos

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/nsched/nsched/units/registry"
)

// RevokeAll ends every lease that a key of the cluster is on: the guards', the daemons', the schedulers'
// and those of events. It says how many they were. Each is asked for until it is gone: a member that was
// just cut off may still swallow what it is asked.
func (s *Stage) RevokeAll(ctx context.Context) (string, error) {
	leases := map[registry.LeaseID]bool{}
	s.History.mu.Lock()
	for _, kv := range s.History.kv {
		if kv.Lease != 0 {
			leases[kv.Lease] = true
		}
	}
	s.History.mu.Unlock()
	if len(leases) <= len(s.Nodes) { // each node has two, its guard's and its daemon's
		return "", fmt.Errorf("revoke all leases: %d are known, of %d nodes: %w", len(leases), len(s.Nodes), errUnmet)
	}
	group, all := errgroup.WithContext(ctx)
	for id := range leases {
		group.Go(func() error {
			return s.until(all, fmt.Sprintf("lease %x is revoked", int64(id)), func() error {
				if err := s.Registry.Revoke(all, id); err != nil && !errors.Is(err, registry.ErrLeaseNotFound) {
					return err
				}
				return nil
			})
		})
	}
	return fmt.Sprintf("%d leases", len(leases)), group.Wait()
}
