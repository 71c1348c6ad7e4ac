package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/units"
)

// api talks to the APIs of nodes and of the leader. The flags that encrypt the connection to etcd do so
// here too.
type api struct{ http *http.Client }

const (
	apiConnect = 3 * time.Second
	apiAnswer  = 10 * time.Second
	// apiLine bounds one line of a log; see what a node sends.
	apiLine = 8 << 20
)

func (s *session) api() (api, error) {
	tls, err := s.flags.etcd().files.Config()
	if err != nil {
		return api{}, usage("%w", err)
	}
	return api{&http.Client{Transport: &http.Transport{
		DialContext:     (&net.Dialer{Timeout: apiConnect}).DialContext,
		TLSClientConfig: tls, TLSHandshakeTimeout: apiConnect, ResponseHeaderTimeout: apiAnswer,
	}}}, nil
}

// request makes one request. The caller closes the body of what is no error.
func (a api) request(ctx context.Context, method, address string, body io.Reader) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	return a.http.Do(r)
}

// said reads a short answer, for a message.
func said(body io.Reader) string {
	const enough = 4096
	text, _ := io.ReadAll(io.LimitReader(body, enough))
	return strings.TrimSpace(string(text))
}

// nodeAPI checks that the API that a node registered is that node's: one that listens on loopback alone
// is somebody else's when it is asked from elsewhere.
func (a api) isNode(ctx context.Context, base string, name units.NodeName) error {
	if base == "" {
		return fmt.Errorf("node %s has registered no API", name)
	}
	rsp, err := a.request(ctx, http.MethodGet, base+"/v1/node", nil)
	if err != nil {
		return fmt.Errorf("ask node %s: %w", name, err)
	}
	defer func() { _ = rsp.Body.Close() }()
	var o node.Overview
	if err := json.NewDecoder(rsp.Body).Decode(&o); err != nil || rsp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask node %s: %s answers %s", name, base, rsp.Status)
	}
	if o.Node != name {
		return fmt.Errorf("ask node %s: %s is node %s; set api.listen on %s to an address that is reached from here", name, base, o.Node, name)
	}
	return nil
}

// logs reads a unit's log line by line until it ends or each fails.
func (a api) logs(ctx context.Context, base string, id units.UnitID, lines int, follow bool, each func(node.LogLine) error) error {
	q := url.Values{"unit": {id.String()}, "lines": {strconv.Itoa(lines)}, "follow": {strconv.FormatBool(follow)}}
	rsp, err := a.request(ctx, http.MethodGet, base+"/v1/logs?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	defer func() { _ = rsp.Body.Close() }()
	if rsp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", rsp.Status, said(rsp.Body))
	}
	scan := bufio.NewScanner(rsp.Body)
	scan.Buffer(make([]byte, 0, 64<<10), apiLine)
	for scan.Scan() {
		var line node.LogLine
		if json.Unmarshal(scan.Bytes(), &line) != nil {
			continue // one line that cannot be read hides no other
		}
		if line.Error != "" {
			return fmt.Errorf("node %s: %s", line.Node, line.Error)
		}
		if err := each(line); err != nil {
			return err
		}
	}
	return scan.Err()
}
