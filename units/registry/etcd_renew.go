package registry

import (
	"context"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	// renewPatience is how long one member of etcd is waited for before another is asked as well: one that
	// hangs is not found out for 15 s, and a guard cannot wait for as long.
	renewPatience = 400 * time.Millisecond
	// renewAsks is how many are asked at most for one renewal.
	renewAsks = 3
	// With a password each stream costs etcd the hashing of it, so an etcd that is slow for want of
	// processors must not be asked by more.
	loginPatience = time.Second
	loginAsks     = 2
)

// renewer holds the stream on which leases are renewed, one at a time: opening one costs a login where
// passwords are in use, and a node renews every two seconds.
type renewer struct {
	turn   chan struct{} // held while renewing
	stream *renewStream  // nil: none is open
}

// renewStream is a stream to one member. It outlives the request that opened it.
type renewStream struct {
	pb.Lease_LeaseKeepAliveClient
	end context.CancelFunc
}

// renewal is one way of asking, and what came of it.
type renewal struct {
	on   *renewStream // still good when err is nil
	resp *pb.LeaseKeepAliveResponse
	err  error
}

// KeepAlive implements KV. When no answer comes at once it asks over further streams, which lead to other
// members, and takes the first answer there is; renewing more than once does no harm.
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
	resp, err := e.renewSomewhere(bounded, id)
	if err != nil {
		return Lease{}, classify(ctx, verb, err, false)
	}
	if resp.GetTTL() <= 0 {
		return Lease{}, fmt.Errorf("%s: %w", verb, ErrLeaseNotFound)
	}
	ttl := time.Duration(resp.GetTTL()) * time.Second
	return Lease{ID: id, Granted: ttl, Remaining: ttl}, nil
}

// renewSomewhere asks over the open stream, and over new ones while no answer comes or when it broke. The
// stream that answered first is kept, the others end.
func (e *Etcd) renewSomewhere(ctx context.Context, id LeaseID) (*pb.LeaseKeepAliveResponse, error) {
	asking, over := context.WithCancel(ctx)
	defer over()
	answers := make(chan renewal, renewAsks)
	wait, most := renewPatience, renewAsks
	if e.opts.Username != "" {
		wait, most = loginPatience, loginAsks
	}
	asked, waiting := 0, 0
	ask := func(on *renewStream) {
		asked++
		waiting++
		go func() { answers <- e.renew(asking, on, id) }()
	}
	reused := e.renewer.stream
	e.renewer.stream = nil
	ask(reused)
	patience := time.NewTicker(wait)
	defer patience.Stop()
	var first renewal
	for {
		select {
		case <-patience.C:
			if asked < most && ctx.Err() == nil {
				ask(nil)
			}
			continue
		case first = <-answers:
			waiting--
		}
		if first.err == nil {
			break
		}
		if reused != nil && asked == 1 && ctx.Err() == nil {
			ask(nil) // the stream had broken since the latest renewal
		}
		if waiting == 0 {
			return nil, first.err
		}
	}
	e.renewer.stream = first.on
	over()
	for range waiting {
		if late := <-answers; late.err == nil {
			late.on.end()
		}
	}
	return first.resp, nil
}

// renew asks once. Any error, and an answer that does not belong to the question, ends the stream: what
// still comes on it must not be taken for the answer to a later renewal.
func (e *Etcd) renew(ctx context.Context, on *renewStream, id LeaseID) renewal {
	if on == nil {
		var err error
		if on, err = e.openRenewal(ctx); err != nil {
			return renewal{err: err}
		}
	}
	stop := context.AfterFunc(ctx, on.end)
	resp, err := on.ask(id)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		on.end()
	}
	return renewal{on, resp, err}
}

func (e *Etcd) openRenewal(ctx context.Context) (*renewStream, error) {
	for {
		l, err := e.connect(ctx)
		if err != nil {
			return nil, err
		}
		life, end := context.WithCancel(clientv3.WithRequireLeader(context.WithoutCancel(ctx)))
		stop := context.AfterFunc(ctx, end)
		stream, err := l.lease.LeaseKeepAlive(life)
		if !stop() && err == nil {
			err = ctx.Err()
		}
		if err == nil {
			return &renewStream{stream, end}, nil
		}
		end()
		if !e.outdated(l, err) {
			return nil, err
		}
	}
}

func (s *renewStream) ask(id LeaseID) (*pb.LeaseKeepAliveResponse, error) {
	if err := s.Send(&pb.LeaseKeepAliveRequest{ID: int64(id)}); err != nil {
		// Send says only EOF; what happened is with Recv.
		if _, cause := s.Recv(); cause != nil {
			return nil, cause
		}
		return nil, err
	}
	resp, err := s.Recv()
	if err == nil && resp.GetID() != int64(id) {
		err = fmt.Errorf("the answer is for lease %x", resp.GetID())
	}
	return resp, err
}
