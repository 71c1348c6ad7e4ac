package node

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
)

// NetProber makes the tries of health checks over the network. A try uses a connection of its own and
// follows no redirect: the answer that counts is the service's.
type NetProber struct{}

// maxCheckBody is how much of an answer is read, so that the service sees its answer taken.
const maxCheckBody = 64 << 10

// HTTP implements Prober.
func (NetProber) HTTP(ctx context.Context, p HTTPProbe) error {
	request, err := http.NewRequestWithContext(ctx, p.Method, p.URL, nil)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	for name, value := range p.Headers {
		request.Header.Set(name, value)
		if http.CanonicalHeaderKey(name) == "Host" {
			request.Host = value
		}
	}
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.CopyN(io.Discard, answer.Body, maxCheckBody)
	if answer.StatusCode != p.Status {
		return fmt.Errorf("check: %s %s answered %d, not %d", p.Method, p.URL, answer.StatusCode, p.Status)
	}
	return nil
}

// TCP implements Prober.
func (NetProber) TCP(ctx context.Context, address string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	return conn.Close()
}
