package cluster

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// answerWithin is how long a request of a Load may take.
const answerWithin = 2 * time.Second

// Load asks a URL again and again, each time over a new connection and never twice for one answer.
type Load struct {
	cancel context.CancelFunc
	wait   sync.WaitGroup

	mu     sync.Mutex
	result LoadResult
}

// LoadResult counts. Failures holds the first few.
type LoadResult struct {
	Requests, Failed int
	Slowest          time.Duration
	// Pause is the longest time between two answers.
	Pause    time.Duration
	Failures []string
	last     time.Time
}

// NewLoad begins to ask url every so often, over connections that dial makes.
func NewLoad(dial func(context.Context, string, string) (net.Conn, error), url string, every time.Duration) *Load {
	ctx, cancel := context.WithCancel(context.Background()) // ends with Stop
	l := &Load{cancel: cancel}
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	l.wait.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				l.wait.Go(func() { l.ask(ctx, client, url) })
			}
		}
	})
	return l
}

func (l *Load) ask(ctx context.Context, client *http.Client, url string) {
	begun := time.Now()
	err := fetch(ctx, client, url)
	took := time.Since(begun)
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &l.result
	if err != nil {
		if ctx.Err() != nil {
			return // the load ended, not the service
		}
		r.Requests, r.Failed = r.Requests+1, r.Failed+1
		if len(r.Failures) < 5 {
			r.Failures = append(r.Failures, fmt.Sprintf("%s: %v", begun.Format("15:04:05.000"), err))
		}
		return
	}
	r.Requests++
	r.Slowest = max(r.Slowest, took)
	now := time.Now()
	if !r.last.IsZero() {
		r.Pause = max(r.Pause, now.Sub(r.last))
	}
	r.last = now
}

func fetch(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	rsp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer rsp.Body.Close()
	if _, err := io.Copy(io.Discard, rsp.Body); err != nil {
		return err
	}
	if rsp.StatusCode != http.StatusOK {
		return fmt.Errorf("answer %s", rsp.Status)
	}
	return nil
}

// So returns the counts so far.
func (l *Load) So() LoadResult {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.result
}

// Stop ends the load and returns its counts.
func (l *Load) Stop() LoadResult {
	l.cancel()
	l.wait.Wait()
	return l.So()
}
