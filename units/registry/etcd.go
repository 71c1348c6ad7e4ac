package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// EtcdOptions says where etcd is and how to talk to it.
type EtcdOptions struct {
	// Endpoints are URLs: http, https, unix or unixs, or host:port. All are of one kind, encrypted or not.
	Endpoints []string
	// Files encrypt the connection, and prove who we are where there is a certificate among them. They are
	// read anew for each connection, authorities included, so that renewing them needs no restart; while
	// they cannot be read there is no connection.
	Files TLSFiles
	// TLS does the same by what is in memory. It is for who has no Files.
	TLS *tls.Config
	// Username and Password log in where etcd's authentication is on and no certificate does it.
	Username, Password string
	// PasswordFile holds the password instead, but for line ends. It is read anew for each login, so that
	// a new password needs no restart.
	PasswordFile string
	// AllowInsecure permits plaintext to what is neither loopback nor a unix socket.
	AllowInsecure bool
	// RequestTimeout bounds every request but a watch, besides its context. 0 is 5 s.
	RequestTimeout time.Duration
	// DialTimeout bounds one attempt to connect. 0 is 5 s.
	DialTimeout time.Duration
	// Patience is for how long a request is made again that an etcd which is there cannot serve now, as while
	// it elects a leader, and that certainly wrote nothing. It is for who has nobody behind that tries again;
	// 0 is not at all. Renewals, watches and snapshots do without.
	Patience time.Duration
}

// Etcd is the KV that talks to a real etcd.
//
// It connects at its first use and again whenever it must; a request that finds no connection fails at
// once with ErrUnavailable. It never sends a write twice, but after a refusal for want of a fresh login or,
// with Patience, for want of a leader, when the first certainly did nothing.
type Etcd struct {
	opts EtcdOptions

	link    atomic.Pointer[link]
	dialing chan struct{} // held while connecting
	closing chan struct{} // closed by Close
	once    sync.Once
	watches sync.WaitGroup
	renewer renewer
}

var _ KV = (*Etcd)(nil)

// link is a connection and what is called over it. The calls are the bare ones: those of the client
// library hide errors that say whether a write was sent, and repeat reads on their own.
type link struct {
	client *clientv3.Client
	kv     pb.KVClient
	lease  pb.LeaseClient
	watch  pb.WatchClient
	upkeep pb.MaintenanceClient

	password string // that it logged in with
}

// NewEtcd checks the options. It neither connects nor needs etcd to be there.
func NewEtcd(o EtcdOptions) (*Etcd, error) {
	if o.Files != (TLSFiles{}) {
		var err error
		if o.TLS, err = o.Files.Config(); err != nil {
			return nil, err
		}
	}
	if err := checkEndpoints(o); err != nil {
		return nil, err
	}
	password, err := o.password()
	if err != nil {
		return nil, err
	}
	if (o.Username == "") != (password == "") {
		return nil, errors.New("log in to etcd: a user name and a password belong together")
	}
	if o.RequestTimeout == 0 {
		o.RequestTimeout = 5 * time.Second
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = 5 * time.Second
	}
	return &Etcd{
		opts: o, dialing: make(chan struct{}, 1), closing: make(chan struct{}),
		renewer: renewer{turn: make(chan struct{}, 1)},
	}, nil
}

// Close ends every watch, waits for their goroutines and drops the connection. Requests under way fail,
// those of a write with ErrUnknownOutcome, and so does what comes after, with ErrUnavailable. A deliver
// must not call it.
func (e *Etcd) Close() error {
	e.once.Do(func() { close(e.closing) })
	e.dialing <- struct{}{} // no new connection from here on
	defer func() { <-e.dialing }()
	var err error
	if l := e.link.Swap(nil); l != nil {
		err = l.client.Close()
	}
	e.watches.Wait()
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("close the connection to etcd: %w", err)
	}
	return nil
}

func (e *Etcd) closed() bool {
	select {
	case <-e.closing:
		return true
	default:
		return false
	}
}

// Range implements KV.
func (e *Etcd) Range(ctx context.Context, r Range) (RangeResult, error) {
	req := &pb.RangeRequest{
		Key: []byte(r.Key), RangeEnd: []byte(r.End), Revision: r.Revision, Limit: int64(r.Limit),
		KeysOnly: r.KeysOnly, CountOnly: r.CountOnly, Serializable: r.Serializable,
	}
	resp, err := call(ctx, e, "read "+r.Key, false, func(ctx context.Context, l *link) (*pb.RangeResponse, error) {
		return l.kv.Range(ctx, req)
	})
	if err != nil {
		return RangeResult{}, err
	}
	res := rangeResult(resp)
	if r.KeysOnly {
		for i := range res.KVs {
			res.KVs[i].Lease = 0 // which etcd 3.6 still gives, and 3.7 no longer does
		}
	}
	return res, nil
}

// Txn implements KV. One that only reads fails with ErrUnavailable where another's outcome is unknown.
func (e *Etcd) Txn(ctx context.Context, t Txn) (TxnResult, error) {
	req := txnRequest(t)
	resp, err := call(ctx, e, "commit", writes(t), func(ctx context.Context, l *link) (*pb.TxnResponse, error) {
		return l.kv.Txn(ctx, req)
	})
	if err != nil {
		return TxnResult{}, err
	}
	return txnResult(resp), nil
}
