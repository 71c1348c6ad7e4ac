package registry

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// checkEndpoints refuses endpoints that make no sense, that mix plaintext and TLS (the client library
// decides by the first one for all), or that would carry secrets in the clear over a network.
func checkEndpoints(o EtcdOptions) error {
	if len(o.Endpoints) == 0 {
		return errors.New("connect to etcd: no endpoint is given")
	}
	var firstSecure bool
	for i, ep := range o.Endpoints {
		scheme, host, err := splitEndpoint(ep)
		if err != nil {
			return fmt.Errorf("connect to etcd: endpoint %q: %w", ep, err)
		}
		secure := scheme == "https" || scheme == "unixs" || (scheme != "http" && o.TLS != nil)
		if i == 0 {
			firstSecure = secure
		}
		if secure != firstSecure {
			return fmt.Errorf("connect to etcd: endpoints %q and %q: one is encrypted, the other is not; write https:// for all",
				o.Endpoints[0], ep)
		}
		if !secure && !o.AllowInsecure && host != "" && !loopback(host) {
			return fmt.Errorf("connect to etcd: endpoint %q: plaintext leaves this machine; write https:// and give certificates, or set allowInsecure", ep)
		}
	}
	return nil
}

// splitEndpoint returns the scheme, empty where none is given, and the host, empty for a unix socket.
func splitEndpoint(ep string) (scheme, host string, err error) {
	for _, s := range []string{"unix", "unixs"} {
		if path, ok := strings.CutPrefix(ep, s+":"); ok {
			if strings.Trim(path, "/") == "" {
				return "", "", errors.New("the path of the socket is missing")
			}
			return s, "", nil
		}
	}
	hostport := ep
	if strings.Contains(ep, "://") {
		u, err := url.Parse(ep)
		if err != nil {
			return "", "", err
		}
		if u.Scheme != "http" && u.Scheme != "https" {
			return "", "", fmt.Errorf("scheme %q is not one of http, https, unix, unixs", u.Scheme)
		}
		if (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.User != nil {
			return "", "", errors.New("only a scheme, a host and a port are understood")
		}
		scheme, hostport = u.Scheme, u.Host
	}
	host, port, err := net.SplitHostPort(hostport)
	if err != nil || host == "" || port == "" {
		return "", "", errors.New("write it as https://HOST:PORT")
	}
	return scheme, host, nil
}

// loopback says whether a host is this machine under a name that needs no lookup.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
