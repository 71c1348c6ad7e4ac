package registry

import (
	"context"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// Grant implements KV. A grant of unknown outcome leaves at worst a lease that ends by itself.
func (e *Etcd) Grant(ctx context.Context, ttl time.Duration) (Lease, error) {
	req := &pb.LeaseGrantRequest{TTL: int64(wholeSeconds(ttl) / time.Second)}
	resp, err := call(ctx, e, "grant a lease", true, func(ctx context.Context, l *link) (*pb.LeaseGrantResponse, error) {
		return l.lease.LeaseGrant(ctx, req)
	})
	if err != nil {
		return Lease{}, err
	}
	granted := time.Duration(resp.GetTTL()) * time.Second
	return Lease{ID: LeaseID(resp.GetID()), Granted: granted, Remaining: granted}, nil
}

// TimeToLive implements KV.
func (e *Etcd) TimeToLive(ctx context.Context, id LeaseID) (Lease, error) {
	verb := fmt.Sprintf("look at lease %x", int64(id))
	resp, err := call(ctx, e, verb, false, func(ctx context.Context, l *link) (*pb.LeaseTimeToLiveResponse, error) {
		return l.lease.LeaseTimeToLive(ctx, &pb.LeaseTimeToLiveRequest{ID: int64(id)})
	})
	if err != nil {
		return Lease{}, err
	}
	if resp.GetGrantedTTL() == 0 {
		return Lease{}, fmt.Errorf("%s: %w", verb, ErrLeaseNotFound)
	}
	// Less than nothing remains of a lease that has expired and that etcd has not come to end.
	return Lease{
		ID: id, Granted: time.Duration(resp.GetGrantedTTL()) * time.Second,
		Remaining: max(0, time.Duration(resp.GetTTL())*time.Second),
	}, nil
}

// Revoke implements KV.
func (e *Etcd) Revoke(ctx context.Context, id LeaseID) error {
	_, err := call(ctx, e, fmt.Sprintf("revoke lease %x", int64(id)), true, func(ctx context.Context, l *link) (*pb.LeaseRevokeResponse, error) {
		return l.lease.LeaseRevoke(ctx, &pb.LeaseRevokeRequest{ID: int64(id)})
	})
	return err
}
