package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/storage/mvcc"

	"github.com/nsched/nsched/units/registry"
)

// ErrInUse says that another process runs etcd on the directory.
var ErrInUse = errors.New("the directory is in use by another etcd")

// Server is a running etcd member.
type Server struct {
	etcd    *embed.Etcd
	streams *streams
	lock    *os.File
	once    sync.Once
}

// Start runs etcd and returns when it answers, which takes a quarter of a second on a new directory. When
// ctx ends before, it stops what it started.
func Start(ctx context.Context, o Options) (*Server, error) {
	cfg, err := o.config()
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("start etcd: %w", err)
	}
	s := &Server{lock: lock, streams: newStreams()}
	cfg.GRPCAdditionalServerOptions = append(cfg.GRPCAdditionalServerOptions, s.streams.option())
	s.etcd, err = embed.StartEtcd(cfg)
	if err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("start etcd in %s: %w", o.Dir, err)
	}
	select {
	case <-s.etcd.Server.ReadyNotify():
		return s, nil
	case <-s.etcd.Server.StopNotify():
		err = errors.New("it stopped by itself")
	case err = <-s.etcd.Err():
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.Close()
	return nil, fmt.Errorf("start etcd in %s: %w", o.Dir, err)
}

// lockDir makes the directory and holds it: etcd itself waits for ever for another's lock.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w", dir, ErrInUse)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return f, nil
}

// Endpoints are where clients reach the server, with the ports that it got.
func (s *Server) Endpoints() []string {
	urls := s.etcd.Config().ListenClientUrls
	out := make([]string, 0, len(urls))
	for _, u := range urls {
		if u.Port() == "0" {
			u.Host = s.drawn(u.Hostname())
		}
		out = append(out, u.String())
	}
	return out
}

// drawn is where etcd listens that was to take any free port of an address. Its listeners are in no order,
// those of fixed ports and of sockets among them.
func (s *Server) drawn(host string) string {
	fixed := map[string]bool{}
	for _, u := range s.etcd.Config().ListenClientUrls {
		fixed[u.Port()] = true
	}
	for _, l := range s.etcd.Clients {
		at, port, err := net.SplitHostPort(l.Addr().String())
		if err == nil && !fixed[port] && (at == host || net.ParseIP(at).Equal(net.ParseIP(host)) || net.ParseIP(host).IsUnspecified()) {
			return net.JoinHostPort(host, port)
		}
	}
	return net.JoinHostPort(host, "0")
}

// Err tells when the server dies by itself. The channel is closed after Close.
func (s *Server) Err() <-chan error { return s.etcd.Err() }

// Close stops the server and waits for it. It may be called again.
func (s *Server) Close() {
	s.once.Do(func() {
		s.streams.end()
		s.etcd.Close()
		_ = s.lock.Close() // the kernel gives the lock up in any case
	})
}

// Compact forgets the history before a revision, as an operator does by hand. It fails with the registry's
// ErrCompacted or ErrFutureRevision.
func (s *Server) Compact(ctx context.Context, rev int64) error {
	_, err := s.etcd.Server.Compact(ctx, &pb.CompactionRequest{Revision: rev, Physical: true})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, mvcc.ErrCompacted):
		err = registry.ErrCompacted
	case errors.Is(err, mvcc.ErrFutureRev):
		err = registry.ErrFutureRevision
	}
	return fmt.Errorf("compact etcd at %d: %w", rev, err)
}

// SetNoSpace raises or clears the alarm of a full database, which etcd raises by itself at its quota and
// keeps until it is cleared.
func (s *Server) SetNoSpace(ctx context.Context, on bool) error {
	req := &pb.AlarmRequest{
		Action: pb.AlarmRequest_DEACTIVATE, Alarm: pb.AlarmType_NOSPACE, MemberID: uint64(s.etcd.Server.MemberID()),
	}
	if on {
		req.Action = pb.AlarmRequest_ACTIVATE
	}
	if _, err := s.etcd.Server.Alarm(ctx, req); err != nil {
		return fmt.Errorf("set the alarm of etcd: %w", err)
	}
	return nil
}
