package registry

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

const (
	// again is the pause before a request is made again.
	again = 100 * time.Millisecond
	// readPatience is how long one member of etcd is waited for before another is asked as well what a read
	// asks: one that hangs is not found out for 15 s. It doubles with each that is asked, so that an etcd that
	// is only slow gets little more to do.
	readPatience = time.Second
	// readAsks is how many are asked at most for one read.
	readAsks = 3
)

// request is one call over a connection.
type request[T any] func(context.Context, *link) (T, error)

// call makes a request, and with Patience once more where it is worth it. write says that it changes something.
func call[T any](ctx context.Context, e *Etcd, verb string, write bool, do request[T]) (T, error) {
	if !write && len(e.opts.Endpoints) > 1 {
		do = do.around()
	}
	for end := time.Now().Add(e.opts.Patience); ; {
		resp, reached, err := attempt(ctx, e, verb, write, do)
		if !reached || !errors.Is(err, ErrUnavailable) || time.Now().After(end) {
			return resp, err
		}
		pause := time.NewTimer(again)
		select {
		case <-ctx.Done():
		case <-e.closing:
		case <-pause.C:
		}
		pause.Stop()
		if ctx.Err() != nil || e.closed() {
			return resp, err
		}
	}
}

// attempt makes one request, and reports whether there was an etcd that it reached.
func attempt[T any](ctx context.Context, e *Etcd, verb string, write bool, do request[T]) (resp T, reached bool, _ error) {
	bounded, cancel := context.WithTimeout(ctx, e.opts.RequestTimeout)
	defer cancel()
	for {
		l, err := e.connect(bounded)
		if err != nil {
			return resp, saidByEtcd(err), classify(ctx, verb, err, false)
		}
		var sent atomic.Bool
		resp, err = do(context.WithValue(bounded, sentKey{}, &sent), l)
		if !e.outdated(l, err) {
			return resp, sent.Load() || saidByEtcd(err), classify(ctx, verb, err, write && sent.Load())
		}
	}
}

// around asks once more while no answer comes, each time of the next member, and takes the first answer there
// is. It is for what changes nothing.
func (do request[T]) around() request[T] {
	type answer struct {
		resp T
		err  error
	}
	return func(ctx context.Context, l *link) (T, error) {
		asking, over := context.WithCancel(ctx)
		defer over()
		answers := make(chan answer, readAsks)
		asked, waiting := 0, 0
		ask := func() {
			asked++
			waiting++
			go func() {
				resp, err := do(asking, l)
				answers <- answer{resp, err}
			}()
		}
		ask()
		wait := readPatience
		patience := time.NewTimer(wait)
		defer patience.Stop()
		for {
			select {
			case <-patience.C:
				if asked < readAsks && ctx.Err() == nil {
					ask()
					wait *= 2
					patience.Reset(wait)
				}
			case got := <-answers:
				waiting--
				if got.err == nil || waiting == 0 {
					return got.resp, got.err
				}
			}
		}
	}
}
