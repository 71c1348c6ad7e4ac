package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// Snapshot copies the whole database of one member of etcd, all prefixes of it, as it is at one moment, and
// returns how many bytes that were. etcd's hash stands at the end; ErrSnapshot says that it does not fit
// what came, and then the copy is worth nothing. A member may lag behind the others, so whoever needs what
// was written before compares the copy's revision. With authentication on, etcd gives it to root alone.
//
// Only ctx bounds it: it takes as long as the bytes take.
func (e *Etcd) Snapshot(ctx context.Context, to io.Writer) (int64, error) {
	const verb = "take a snapshot"
	bounded, stop := context.WithTimeout(ctx, e.opts.RequestTimeout)
	l, err := e.connect(bounded)
	stop()
	if err != nil {
		return 0, classify(ctx, verb, err, false)
	}
	life, end := context.WithCancel(ctx)
	defer end()
	stream, err := l.upkeep.Snapshot(life, &pb.SnapshotRequest{})
	if err != nil {
		return 0, classify(ctx, verb, err, false)
	}
	hash, last, size := sha256.New(), []byte(nil), int64(0)
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return size, classify(ctx, verb, err, false)
		}
		// The last message is the hash of all before it.
		_, _ = hash.Write(last)
		last = resp.GetBlob()
		n, err := to.Write(last)
		size += int64(n)
		if err != nil {
			return size, fmt.Errorf("%s: %w", verb, err)
		}
	}
	if !bytes.Equal(last, hash.Sum(nil)) {
		return size, fmt.Errorf("%s: %w: etcd's hash does not fit the %d bytes that came", verb, ErrSnapshot, size)
	}
	return size, nil
}
