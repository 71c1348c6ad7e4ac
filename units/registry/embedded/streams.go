package embedded

import (
	"context"
	"sync"

	"google.golang.org/grpc"
)

// streams ends the clients' watches when the server stops. Left alone, etcd waits seven seconds for
// watches that nobody will close.
type streams struct {
	once   sync.Once
	ending chan struct{}
}

func newStreams() *streams { return &streams{ending: make(chan struct{})} }

func (s *streams) end() { s.once.Do(func() { close(s.ending) }) }

func (s *streams) option() grpc.ServerOption {
	return grpc.ChainStreamInterceptor(
		func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			ctx, cancel := context.WithCancel(stream.Context())
			over := make(chan struct{})
			var watcher sync.WaitGroup
			watcher.Go(func() {
				select {
				case <-s.ending:
					cancel()
				case <-over:
				}
			})
			defer watcher.Wait()
			defer close(over)
			defer cancel()
			return handler(srv, &endingStream{ServerStream: stream, ctx: ctx})
		})
}

// endingStream is a stream whose context also ends with the server.
type endingStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *endingStream) Context() context.Context { return s.ctx }
