package embedded

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
)

// memberName is what the only member is called.
const memberName = "nsched"

// Options says where an etcd keeps its data and where it listens.
type Options struct {
	// Dir holds the data. It is made when it is missing.
	Dir string
	// Listen is where clients come: http, https, unix or unixs URLs. Port 0 is any free one. Empty is
	// http://127.0.0.1:2379.
	Listen []string
	// CertFile and KeyFile are for https and unixs. With CAFile clients must prove themselves by a
	// certificate that it signed.
	CertFile, KeyFile, CAFile string
	// AllowInsecure permits plaintext on an address that is not loopback.
	AllowInsecure bool
	// QuotaBytes is where etcd stops to take writes. 0 is 8 GiB.
	QuotaBytes int64
	// CompactAfter is how long history is kept. 0 is 5 minutes, less than 0 for ever.
	CompactAfter time.Duration
	// NoSync leaves out fsync: a crash of the machine, not of the process, may lose what was answered.
	NoSync bool
	// Logger gets etcd's warnings and errors, and its information at debug level. The zero value is
	// silent.
	Logger zerolog.Logger
}

// config turns options into etcd's.
func (o Options) config() (*embed.Config, error) {
	if o.Dir == "" {
		return nil, errors.New("start etcd: no directory is given")
	}
	if len(o.Listen) == 0 {
		o.Listen = []string{"http://127.0.0.1:2379"}
	}
	c := embed.NewConfig()
	c.Name = memberName
	c.Dir = o.Dir
	c.UnsafeNoFsync = o.NoSync
	c.EnableGRPCGateway = false
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zapTo(o.Logger))
	c.QuotaBackendBytes = o.QuotaBytes
	if o.QuotaBytes == 0 {
		c.QuotaBackendBytes = 8 << 30
	}
	c.AutoCompactionMode = embed.CompactorModePeriodic
	switch {
	case o.CompactAfter == 0:
		c.AutoCompactionRetention = "5m"
	case o.CompactAfter > 0:
		c.AutoCompactionRetention = o.CompactAfter.String()
	default:
		c.AutoCompactionRetention = "0"
	}
	if o.CertFile != "" {
		c.ClientTLSInfo = transport.TLSInfo{
			CertFile: o.CertFile, KeyFile: o.KeyFile, TrustedCAFile: o.CAFile, ClientCertAuth: o.CAFile != "",
		}
	}
	listen := make([]url.URL, 0, len(o.Listen))
	for _, s := range o.Listen {
		u, err := o.listenURL(s)
		if err != nil {
			return nil, fmt.Errorf("start etcd: listen on %q: %w", s, err)
		}
		listen = append(listen, *u)
	}
	c.ListenClientUrls, c.AdvertiseClientUrls = listen, listen
	// A single member hears no peers: it listens for none, and what it advertises is only its name.
	c.ListenPeerUrls = nil
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	return c, nil
}

func (o Options) listenURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "http":
		if !o.AllowInsecure && !loopback(u.Hostname()) {
			return nil, errors.New("plaintext would leave this machine; write https:// and give certificates, or set allowInsecure")
		}
	case "https", "unixs":
		if o.CertFile == "" || o.KeyFile == "" {
			return nil, errors.New("a certificate and its key are missing")
		}
	case "unix":
	default:
		return nil, errors.New("write it as http, https, unix or unixs URL")
	}
	if strings.HasPrefix(u.Scheme, "http") {
		if _, _, err := net.SplitHostPort(u.Host); err != nil {
			return nil, errors.New("a host and a port are due")
		}
		if u.Hostname() == "localhost" {
			u.Host = net.JoinHostPort("127.0.0.1", u.Port())
		}
	}
	return u, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
