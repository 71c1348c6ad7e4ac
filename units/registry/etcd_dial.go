package registry

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	grpcbackoff "google.golang.org/grpc/backoff"
	"google.golang.org/grpc/stats"
)

const (
	// keepAliveTime is how long a connection with a stream may be silent before it is asked. gRPC allows
	// no less than 10 s, and etcd hangs up on clients that ask more often than every 5 s.
	keepAliveTime    = 10 * time.Second
	keepAliveTimeout = 5 * time.Second
	// maxRedial bounds the pause between attempts to connect, so that an etcd that was away for an hour
	// is found as fast as one that was away for a second.
	maxRedial = 3 * time.Second
	// maxSend is a little more than etcd's default limit of a request, so that it is etcd that refuses.
	maxSend = 2 << 20
)

var errEtcdClosed = errors.New("the connection to etcd was closed")

// connect returns the connection and makes it where there is none. Without a password that reaches no
// network; with one it logs in, and fails when etcd is away.
func (e *Etcd) connect(ctx context.Context) (*link, error) {
	if l := e.link.Load(); l != nil {
		return l, nil
	}
	select {
	case e.dialing <- struct{}{}:
		defer func() { <-e.dialing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-e.closing:
		return nil, errEtcdClosed
	}
	if l := e.link.Load(); l != nil {
		return l, nil
	}
	if e.closed() {
		return nil, errEtcdClosed
	}
	l, err := e.dial(ctx)
	if err != nil {
		return nil, err
	}
	e.link.Store(l)
	return l, nil
}

func (e *Etcd) dial(ctx context.Context) (*link, error) {
	password, err := e.opts.password()
	if err != nil {
		return nil, err
	}
	// The client lives longer than the request that made it, and ends early only when that request ends
	// while the client still logs in.
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	options := []grpc.DialOption{
		grpc.WithNoProxy(),
		grpc.WithStatsHandler(sentHandler{}),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(maxSend), grpc.MaxCallRecvMsgSize(math.MaxInt32)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           grpcbackoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: maxRedial},
			MinConnectTimeout: e.opts.DialTimeout,
		}),
	}
	if e.opts.Files != (TLSFiles{}) {
		options = append(options, grpc.WithTransportCredentials(freshTLS{e.opts.Files}))
	}
	c, err := clientv3.New(clientv3.Config{
		Endpoints: e.opts.Endpoints, TLS: e.opts.TLS, Username: e.opts.Username, Password: password,
		DialTimeout: e.opts.DialTimeout, DialKeepAliveTime: keepAliveTime, DialKeepAliveTimeout: keepAliveTimeout,
		Context: life, Logger: zap.NewNop(), DialOptions: options,
	})
	if !stop() && err == nil {
		err = errors.Join(ctx.Err(), c.Close())
	}
	if err != nil {
		cancel()
		return nil, err
	}
	conn := c.ActiveConnection()
	return &link{
		client: c, kv: pb.NewKVClient(conn), lease: pb.NewLeaseClient(conn), watch: pb.NewWatchClient(conn),
		upkeep: pb.NewMaintenanceClient(conn), password: password,
	}, nil
}

// sentKey is where a request's context holds the *atomic.Bool that sentHandler sets.
type sentKey struct{}

// sentHandler notes which requests reached a connection. One without headers on a connection was never
// sent, whatever its error says: this is what tells a write that certainly did nothing.
type sentHandler struct{}

func (sentHandler) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (sentHandler) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if _, ok := s.(*stats.OutHeader); !ok {
		return
	}
	if sent, ok := ctx.Value(sentKey{}).(*atomic.Bool); ok {
		sent.Store(true)
	}
}

func (sentHandler) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (sentHandler) HandleConn(context.Context, stats.ConnStats) {}
