package registry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// maxRewatch bounds the pause before a broken watch is opened again.
const maxRewatch = 2 * time.Second

// errBroken ends one stream of a watch that goes on.
var errBroken = errors.New("the stream of the watch broke")

// etcdWatch is one watch. It has a stream of its own, opened again where it broke from the first
// revision that has not been delivered, so that an answer to a request for progress speaks of this
// watch alone.
type etcdWatch struct {
	e        *Etcd
	req      Watch
	next     int64 // the first revision that is due; 0 until etcd has said what comes next
	told     int64 // the highest revision that has been delivered, as changes or as progress
	exact    bool  // begin at next and not before it, since what is before has been compacted
	deliver  func(WatchResponse)
	cancel   context.CancelFunc
	progress chan struct{} // holds one request at most
	done     chan struct{}
}

// Watch implements KV. Lost connections and a missing leader are its own business: it goes on from
// where it was when etcd is back, and is silent until then. It ends with ErrClosed when the Etcd is closed.
func (e *Etcd) Watch(ctx context.Context, req Watch, deliver func(WatchResponse)) Watcher {
	ctx, cancel := context.WithCancel(ctx)
	w := &etcdWatch{
		e: e, req: req, next: max(0, req.Revision), deliver: deliver, cancel: cancel,
		progress: make(chan struct{}, 1), done: make(chan struct{}),
	}
	e.watches.Add(1)
	go func() {
		defer e.watches.Done()
		defer close(w.done)
		defer cancel()
		w.run(ctx)
	}()
	return w
}

// RequestProgress implements Watcher.
func (w *etcdWatch) RequestProgress() {
	select {
	case w.progress <- struct{}{}:
	default:
	}
}

// Close implements Watcher. A deliver must not call it: it waits for deliver.
func (w *etcdWatch) Close() {
	w.cancel()
	<-w.done
}

func (w *etcdWatch) run(ctx context.Context) {
	pause := 50 * time.Millisecond
	for {
		created, err := w.stream(ctx)
		if ctx.Err() != nil {
			return
		}
		if w.e.closed() {
			w.deliver(WatchResponse{Err: ErrClosed})
			return
		}
		if end, ok := errors.AsType[*watchEnd](err); ok {
			w.deliver(end.WatchResponse)
			return
		}
		pause = min(2*pause, maxRewatch)
		if created {
			pause = 50 * time.Millisecond
		}
		t := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-ctx.Done():
		case <-w.e.closing:
		case <-t.C:
		}
		t.Stop()
	}
}

// watchEnd is the error of a watch that cannot go on: its last response.
type watchEnd struct{ WatchResponse }

func (e *watchEnd) Error() string { return e.Err.Error() }

// stream opens one stream and delivers what comes until it breaks. created says that etcd accepted the
// watch on it.
func (w *etcdWatch) stream(ctx context.Context) (created bool, err error) {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	var sender sync.WaitGroup
	defer sender.Wait()
	defer cancel()
	bounded, stop := context.WithTimeout(ctx, w.e.opts.RequestTimeout)
	l, err := w.e.connect(bounded)
	stop()
	if err != nil {
		return false, openError(err)
	}
	s, err := l.watch.Watch(ctx)
	if err != nil {
		return false, openError(err)
	}
	err = s.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{
		Key: []byte(w.req.Key), RangeEnd: []byte(w.req.End), StartRevision: w.start(),
	}}})
	if err != nil {
		_, err = s.Recv() // Send says only EOF
		return false, openError(err)
	}
	for {
		resp, err := s.Recv()
		if err != nil {
			return created, openError(err)
		}
		if err := w.receive(resp); err != nil {
			return created, err
		}
		if resp.GetCreated() && !created {
			created = true
			sender.Go(func() { w.askProgress(ctx, s) })
		}
	}
}

// start is where to begin: one revision early. etcd tells no progress to a watch whose first revision
// does not exist yet, which is every watch that follows a read of a registry where nothing happens, and
// it would look hung.
func (w *etcdWatch) start() int64 {
	if w.exact || w.next <= 1 {
		return w.next
	}
	return w.next - 1
}

// askProgress passes the requests on to the stream. Send may block on a peer that takes nothing; the
// end of ctx frees it.
func (w *etcdWatch) askProgress(ctx context.Context, s pb.Watch_WatchClient) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.progress:
			req := &pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}}
			if s.Send(req) != nil {
				return // Recv sees it too
			}
		}
	}
}

// receive takes one response of etcd.
func (w *etcdWatch) receive(resp *pb.WatchResponse) error {
	rev := resp.GetHeader().GetRevision()
	switch {
	case resp.GetCanceled():
		return w.canceled(resp)
	case resp.GetCreated():
		if w.next == 0 {
			w.next = rev + 1
		}
	case len(resp.GetEvents()) > 0:
		// The header's revision may be ahead of what is still to come: the last change's counts.
		out := WatchResponse{Changes: make([]Change, 0, len(resp.GetEvents()))}
		for _, ev := range resp.GetEvents() {
			if ev.GetKv().GetModRevision() >= w.next {
				out.Changes = append(out.Changes, changeOf(ev))
			}
		}
		if len(out.Changes) == 0 {
			return nil // they belong to the revision before the first
		}
		out.Revision = out.Changes[len(out.Changes)-1].ModRevision
		w.told, w.next, w.exact = out.Revision, out.Revision+1, false
		w.deliver(out)
	case rev >= w.told:
		w.told, w.next, w.exact = rev, max(w.next, rev+1), false
		w.deliver(WatchResponse{Revision: rev})
	}
	// Progress that is behind what was delivered comes from a member that lags, or from an etcd that was
	// restored: it is no news, and the silence is what the caller acts on.
	return nil
}

// canceled is the error of a watch that the server ended.
func (w *etcdWatch) canceled(resp *pb.WatchResponse) error {
	reason := resp.GetCancelReason()
	end := &watchEnd{WatchResponse{Revision: resp.GetHeader().GetRevision(), CompactRevision: resp.GetCompactRevision()}}
	says := func(err error) bool { return strings.Contains(reason, rpctypes.ErrorDesc(err)) }
	switch {
	case end.CompactRevision != 0 && end.CompactRevision == w.next && !w.exact:
		w.exact = true
		return errBroken
	case end.CompactRevision != 0:
		end.Err = fmt.Errorf("watch %s from %d: %w up to %d", w.req.Key, w.next, ErrCompacted, end.CompactRevision)
	case says(rpctypes.ErrGRPCInvalidAuthToken), says(rpctypes.ErrGRPCAuthOldRevision), says(rpctypes.ErrGRPCNoLeader):
		return errBroken // the next stream logs in anew
	case says(rpctypes.ErrGRPCPermissionDenied), says(rpctypes.ErrGRPCUserEmpty):
		end.Err = fmt.Errorf("watch %s: %w: %s", w.req.Key, ErrPermission, reason)
	case strings.Contains(reason, "watcher range is empty"):
		end.Err = fmt.Errorf("watch %s: %w: %s", w.req.Key, ErrRefused, reason)
	default:
		end.Err = fmt.Errorf("watch %s: %w: etcd ended the watch: %s", w.req.Key, ErrUnavailable, reason)
	}
	return end
}

// openError is what a broken stream means: most often nothing but a new one, but credentials that are
// refused stay refused.
func openError(err error) error {
	sentinel := answered(err)
	stale := strings.Contains(plain(err), rpctypes.ErrorDesc(rpctypes.ErrGRPCInvalidAuthToken)) ||
		strings.Contains(plain(err), rpctypes.ErrorDesc(rpctypes.ErrGRPCAuthOldRevision))
	if (errors.Is(sentinel, ErrPermission) && !stale) || errors.Is(sentinel, ErrRefused) {
		return &watchEnd{WatchResponse{Err: fmt.Errorf("watch: %w: %s", sentinel, plain(err))}}
	}
	return errBroken
}
