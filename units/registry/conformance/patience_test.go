package conformance

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"

	"github.com/nsched/nsched/units/registry"
)

// moody is an etcd that answers what it is in the mood for, and counts how often it was asked.
type moody struct {
	pb.UnimplementedKVServer
	asked atomic.Int64
	mood  func(n int64) error
}

func (m *moody) Range(context.Context, *pb.RangeRequest) (*pb.RangeResponse, error) {
	return &pb.RangeResponse{Header: &pb.ResponseHeader{Revision: 7}}, m.mood(m.asked.Add(1))
}

func (m *moody) Txn(context.Context, *pb.TxnRequest) (*pb.TxnResponse, error) {
	return &pb.TxnResponse{Header: &pb.ResponseHeader{Revision: 7}, Succeeded: true}, m.mood(m.asked.Add(1))
}

// patient connects to an etcd of that mood.
func patient(t *testing.T, patience time.Duration, mood func(n int64) error) (*moody, *registry.Etcd) {
	t.Helper()
	m, s := &moody{mood: mood}, grpc.NewServer()
	pb.RegisterKVServer(s, m)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() { s.Stop(); <-ended })
	return m, connect(t, registry.EtcdOptions{Endpoints: []string{"http://" + l.Addr().String()}, Patience: patience})
}

// TestPatience: a verb that met etcd in the second in which it elects a leader used to end with "etcdserver:
// leader changed", though all was well.
func TestPatience(t *testing.T) {
	t.Parallel()
	until := func(good int64, err error) func(int64) error {
		return func(n int64) error {
			if n >= good {
				return nil
			}
			return err
		}
	}
	read := func(e *registry.Etcd) error {
		_, err := e.Range(t.Context(), registry.Range{Key: "k"})
		return err
	}
	for name, err := range map[string]error{
		"there is no leader": rpctypes.ErrGRPCNoLeader, "the leader changed": rpctypes.ErrGRPCLeaderChanged,
		"a member stops": rpctypes.ErrGRPCStopped, "etcd is too busy": rpctypes.ErrGRPCRequestTooManyRequests,
		"etcd gave up": rpctypes.ErrGRPCTimeoutDueToLeaderFail,
	} {
		t.Run("a read is made again while "+name, func(t *testing.T) {
			m, e := patient(t, time.Minute, until(3, err))
			if err := read(e); err != nil || m.asked.Load() != 3 {
				t.Errorf("asked %d times, %v", m.asked.Load(), err)
			}
		})
	}
	t.Run("without patience it is made once", func(t *testing.T) {
		m, e := patient(t, 0, until(3, rpctypes.ErrGRPCNoLeader))
		if wantError(t, read(e), registry.ErrUnavailable); m.asked.Load() != 1 {
			t.Errorf("asked %d times", m.asked.Load())
		}
	})
	t.Run("patience ends", func(t *testing.T) {
		m, e := patient(t, 300*time.Millisecond, until(1<<60, rpctypes.ErrGRPCNoLeader))
		if wantError(t, read(e), registry.ErrUnavailable); m.asked.Load() < 2 {
			t.Errorf("asked %d times", m.asked.Load())
		}
	})
	t.Run("and with the caller's", func(t *testing.T) {
		_, e := patient(t, time.Hour, until(1<<60, rpctypes.ErrGRPCNoLeader))
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := e.Range(ctx, registry.Range{Key: "k"})
		wantError(t, err, registry.ErrUnavailable)
	})
	t.Run("what was refused for good is not made again", func(t *testing.T) {
		m, e := patient(t, time.Minute, until(3, rpctypes.ErrGRPCPermissionDenied))
		if wantError(t, read(e), registry.ErrPermission); m.asked.Load() != 1 {
			t.Errorf("asked %d times", m.asked.Load())
		}
	})
	t.Run("a write that may have been made is not made again", func(t *testing.T) {
		m, e := patient(t, time.Minute, until(3, rpctypes.ErrGRPCLeaderChanged))
		if wantError(t, commit(t.Context(), e, "k"), registry.ErrUnknownOutcome); m.asked.Load() != 1 {
			t.Errorf("asked %d times", m.asked.Load())
		}
	})
	t.Run("a write that certainly was not is", func(t *testing.T) {
		m, e := patient(t, time.Minute, until(3, rpctypes.ErrGRPCRequestTooManyRequests))
		if err := commit(t.Context(), e, "k"); err != nil || m.asked.Load() != 3 {
			t.Errorf("asked %d times, %v", m.asked.Load(), err)
		}
	})
	t.Run("nobody is waited for who is not there", func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, context.DeadlineExceeded)
		defer cancel()
		_, err := connect(t, registry.EtcdOptions{Endpoints: []string{freeURL(t)}, Patience: time.Hour}).Range(ctx, registry.Range{Key: "k"})
		if wantError(t, err, registry.ErrUnavailable); ctx.Err() != nil {
			t.Error("it waited")
		}
	})
}

// TestWhatIsNoEtcdRefusesNothing: a web server or a gateway in an endpoint's place answers 404, which gRPC
// takes for a service that lacks the method.
func TestWhatIsNoEtcdRefusesNothing(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	e := connect(t, registry.EtcdOptions{Endpoints: []string{s.URL}})
	_, err := e.Range(t.Context(), registry.Range{Key: "k"})
	wantError(t, err, registry.ErrUnavailable)
	wantError(t, commit(t.Context(), e, "k"), registry.ErrUnknownOutcome)
}
