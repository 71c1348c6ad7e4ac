package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"time"
)

// answerWithin is how long a question may take, the look at the name included.
const answerWithin = 2 * time.Second

// Second is how one name fared in one second, by when it was asked.
type Second struct {
	At     time.Time      `json:"at"`
	Name   string         `json:"name"`
	Asked  int            `json:"asked"`
	Failed int            `json:"failed,omitempty"`
	Why    map[string]int `json:"why,omitempty"`
	Slow   time.Duration  `json:"slowNs"`
}

// target is one name, and how it fares.
type target struct {
	name, port string
	mu         sync.Mutex
	now        Second
}

var errUsage = errors.New("name each as NAME:PORT")

func ask(o options, names []string) error {
	var targets []*target
	for _, text := range names {
		name, port, err := net.SplitHostPort(text)
		if err != nil {
			return fmt.Errorf("ask %q: %w", text, errUsage)
		}
		targets = append(targets, &target{name: name, port: port, now: Second{Name: name}})
	}
	if len(targets) == 0 || o.rate < 1 {
		return errUsage
	}
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, o.resolver)
	}}
	go tell(targets) // ends with the process
	tick := time.NewTicker(time.Second / time.Duration(o.rate))
	for i := 0; ; i++ {
		<-tick.C
		go targets[i%len(targets)].ask(resolver)
	}
}

func (t *target) ask(resolver *net.Resolver) {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	why := t.try(ctx, resolver)
	took := time.Since(begun)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.Asked++
	t.now.Slow = max(t.now.Slow, took)
	if why != "" {
		t.now.Failed++
		if t.now.Why == nil {
			t.now.Why = map[string]int{}
		}
		t.now.Why[why]++
	}
}

// try asks once and says in a word what went wrong.
func (t *target) try(ctx context.Context, resolver *net.Resolver) string {
	found, err := resolver.LookupNetIP(ctx, "ip4", t.name)
	if err != nil || len(found) == 0 {
		return "name"
	}
	at := netip.AddrPort{}
	if port, err := net.DefaultResolver.LookupPort(ctx, "tcp", t.port); err == nil {
		at = netip.AddrPortFrom(found[rand.IntN(len(found))], uint16(port))
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at.String()+"/", nil)
	if err != nil {
		return "question"
	}
	rsp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return "silence from " + at.Addr().String()
		}
		return "refused by " + at.Addr().String()
	}
	defer rsp.Body.Close()
	if _, err := io.Copy(io.Discard, rsp.Body); err != nil {
		return "broken by " + at.Addr().String()
	}
	if rsp.StatusCode != http.StatusOK {
		return rsp.Status
	}
	return ""
}

func tell(targets []*target) {
	out := json.NewEncoder(os.Stdout)
	for at := range time.Tick(time.Second) {
		for _, t := range targets {
			t.mu.Lock()
			second := t.now
			t.now = Second{Name: t.name}
			t.mu.Unlock()
			second.At = at
			_ = out.Encode(second)
		}
	}
}
