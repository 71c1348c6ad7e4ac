package registry

import (
	"context"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Grant implements KV. A grant of unknown outcome leaves at worst a lease that ends by itself.
func (e *Etcd) Grant(ctx context.Context, ttl time.Duration) (Lease, error) {
	req := &pb.LeaseGrantRequest{TTL: int64(wholeSeconds(ttl) / time.Second)}
	var resp *pb.LeaseGrantResponse
	err := e.call(ctx, "grant a lease", true, func(ctx context.Context, l *link) (err error) {
		resp, err = l.lease.LeaseGrant(ctx, req)
		return err
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
	var resp *pb.LeaseTimeToLiveResponse
	err := e.call(ctx, verb, false, func(ctx context.Context, l *link) (err error) {
		resp, err = l.lease.LeaseTimeToLive(ctx, &pb.LeaseTimeToLiveRequest{ID: int64(id)})
		return err
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
	return e.call(ctx, fmt.Sprintf("revoke lease %x", int64(id)), true, func(ctx context.Context, l *link) error {
		_, err := l.lease.LeaseRevoke(ctx, &pb.LeaseRevokeRequest{ID: int64(id)})
		return err
	})
}

// renewer holds the stream on which leases are renewed, one at a time: opening one costs a login where
// passwords are in use, and a node renews every two seconds.
type renewer struct {
	turn   chan struct{} // held while renewing
	stream pb.Lease_LeaseKeepAliveClient
	end    context.CancelFunc
}

// KeepAlive implements KV. A renewal that finds its stream broken is tried once more on a new one.
func (e *Etcd) KeepAlive(ctx context.Context, id LeaseID) (Lease, error) {
	verb := fmt.Sprintf("renew lease %x", int64(id))
	bounded, cancel := context.WithTimeout(ctx, e.opts.RequestTimeout)
	defer cancel()
	select {
	case e.renewer.turn <- struct{}{}:
		defer func() { <-e.renewer.turn }()
	case <-bounded.Done():
		return Lease{}, classify(ctx, verb, bounded.Err(), false)
	}
	reused := e.renewer.stream != nil
	resp, err := e.renew(bounded, id)
	if err != nil && reused && bounded.Err() == nil {
		resp, err = e.renew(bounded, id)
	}
	if err != nil {
		return Lease{}, classify(ctx, verb, err, false)
	}
	if resp.GetTTL() <= 0 {
		return Lease{}, fmt.Errorf("%s: %w", verb, ErrLeaseNotFound)
	}
	ttl := time.Duration(resp.GetTTL()) * time.Second
	return Lease{ID: id, Granted: ttl, Remaining: ttl}, nil
}

// renew asks once. Any error, and an answer that does not belong to the question, ends the stream: what
// still comes on it must not be taken for the answer to a later renewal.
func (e *Etcd) renew(ctx context.Context, id LeaseID) (resp *pb.LeaseKeepAliveResponse, err error) {
	r := &e.renewer
	if r.stream == nil {
		l, err := e.connect(ctx)
		if err != nil {
			return nil, err
		}
		// The stream outlives the request that opened it.
		life, end := context.WithCancel(clientv3.WithRequireLeader(context.WithoutCancel(ctx)))
		stop := context.AfterFunc(ctx, end)
		stream, err := l.lease.LeaseKeepAlive(life)
		if !stop() && err == nil {
			err = ctx.Err()
		}
		if err != nil {
			end()
			return nil, err
		}
		r.stream, r.end = stream, end
	}
	stop := context.AfterFunc(ctx, r.end)
	defer func() {
		if !stop() || err != nil {
			r.end()
			r.stream, r.end = nil, nil
		}
	}()
	if err := r.stream.Send(&pb.LeaseKeepAliveRequest{ID: int64(id)}); err != nil {
		// Send says only EOF; what happened is with Recv.
		if _, cause := r.stream.Recv(); cause != nil {
			return nil, cause
		}
		return nil, err
	}
	resp, err = r.stream.Recv()
	if err == nil && resp.GetID() != int64(id) {
		err = fmt.Errorf("the answer is for lease %x", resp.GetID())
	}
	return resp, err
}
