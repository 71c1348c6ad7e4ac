package registry

import (
	"context"
	"fmt"

	"github.com/nsched/nsched/units"
)

// CreateCluster returns the transaction that gives a cluster its identity, unless it has one. ClusterOf
// reads its result. The caller draws the id at random. Doing it again changes nothing, so an unknown
// outcome is resolved by doing it again.
func CreateCluster(keys Keys, c units.Cluster) (Txn, error) {
	value, err := Encode(c, Extra{})
	if err != nil {
		return Txn{}, err
	}
	key := keys.Cluster()
	return Txn{
		If:   []Compare{{Key: key, Target: CreateRevision}},
		Then: []Op{{Kind: OpPut, Key: key, Value: value}, {Kind: OpRange, Key: key}},
		Else: []Op{{Kind: OpRange, Key: key}},
	}, nil
}

// ClusterOf returns the identity that the cluster has after CreateCluster's transaction: the one given,
// or the one that was there.
func ClusterOf(res TxnResult) (units.Cluster, error) {
	kv := first(res.Results[len(res.Results)-1].Range)
	c, _, err := Decode[units.Cluster](kv.Key, kv.Value)
	return c, err
}

// EnsureCluster creates the cluster's identity or reads the one that is there. It blocks for one request,
// and is for commands.
func EnsureCluster(ctx context.Context, kv KV, keys Keys, c units.Cluster) (units.Cluster, error) {
	txn, err := CreateCluster(keys, c)
	if err != nil {
		return units.Cluster{}, err
	}
	res, err := kv.Txn(ctx, txn)
	if err != nil {
		return units.Cluster{}, fmt.Errorf("create the cluster: %w", err)
	}
	return ClusterOf(res)
}

// AcknowledgeRestore returns the transaction by which a person accepts an etcd that went back in time:
// read is the key cluster as it was shown to them, and the epoch becomes the one given, which is higher
// than anybody has seen. It compares the revision of what was read, so the same request once more changes
// nothing.
func AcknowledgeRestore(read KeyValue, epoch int64) (Txn, error) {
	c, extra, err := Decode[units.Cluster](read.Key, read.Value)
	if err != nil {
		return Txn{}, err
	}
	if epoch <= c.Epoch {
		return Txn{}, fmt.Errorf("acknowledge the restore: epoch %d is not more than %d", epoch, c.Epoch)
	}
	c.Epoch, c.Restored = epoch, false
	value, err := Encode(c, extra)
	if err != nil {
		return Txn{}, err
	}
	return Txn{
		If:   []Compare{{Key: read.Key, Target: ModRevision, Number: read.ModRevision}},
		Then: []Op{{Kind: OpPut, Key: read.Key, Value: value}},
	}, nil
}
