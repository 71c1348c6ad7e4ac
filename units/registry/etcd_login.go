package registry

import (
	"fmt"
	"os"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// password is what to log in with now.
func (o EtcdOptions) password() (string, error) {
	if o.PasswordFile == "" {
		return o.Password, nil
	}
	raw, err := os.ReadFile(o.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("read etcd's password: %w", err)
	}
	return strings.TrimRight(string(raw), "\r\n"), nil
}

// outdated reports whether a request over a connection failed for a password that is another one by now, so
// that it did nothing and is worth a new login. Then the connection is dropped: the client library keeps its
// password for good, and whatever else goes over it would be refused at its next login.
func (e *Etcd) outdated(l *link, err error) bool {
	if err == nil || plain(err) != rpctypes.ErrorDesc(rpctypes.ErrGRPCAuthFailed) {
		return false
	}
	if now, err := e.opts.password(); err != nil || now == l.password {
		return false
	}
	if e.link.CompareAndSwap(l, nil) {
		_ = l.client.Close() // what went over it has failed, and says so
	}
	return true
}
