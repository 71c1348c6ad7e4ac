package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
)

// leads asks the member whether it leads: its metrics say so, and they are served over the same socket
// as everything else.
func (m *Member) leads(ctx context.Context) (bool, error) {
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", m.c.memberSocket(m.Name))
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.Name+"/metrics", nil)
	if err != nil {
		return false, err
	}
	rsp, err := client.Do(req)
	if err != nil {
		return false, fmt.Errorf("ask etcd %s whether it leads: %w", m.Name, err)
	}
	defer rsp.Body.Close()
	body, err := io.ReadAll(rsp.Body)
	return bytes.Contains(body, []byte("\netcd_server_is_leader 1\n")), err
}
