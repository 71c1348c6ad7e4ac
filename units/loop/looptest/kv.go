package looptest

import (
	"context"
	"time"

	"github.com/nsched/nsched/units/registry"
)

// KV gives every request to the back end within the fate of the task that makes it.
type KV struct{ kv registry.KV }

var _ registry.KV = (*KV)(nil)

// NewKV wraps a back end.
func NewKV(kv registry.KV) *KV { return &KV{kv: kv} }

// Range reads, or does not.
func (k *KV) Range(ctx context.Context, r registry.Range) (registry.RangeResult, error) {
	return Call(ctx, registry.ErrUnavailable, func(ctx context.Context) (registry.RangeResult, error) {
		return k.kv.Range(ctx, r)
	})
}

// Txn writes now, late or never.
func (k *KV) Txn(ctx context.Context, t registry.Txn) (registry.TxnResult, error) {
	return Call(ctx, registry.ErrUnknownOutcome, func(ctx context.Context) (registry.TxnResult, error) {
		return k.kv.Txn(ctx, t)
	})
}

// Grant makes a lease, of which the shell may never hear.
func (k *KV) Grant(ctx context.Context, ttl time.Duration) (registry.Lease, error) {
	return Call(ctx, registry.ErrUnknownOutcome, func(ctx context.Context) (registry.Lease, error) {
		return k.kv.Grant(ctx, ttl)
	})
}

// KeepAlive renews a lease, of which the shell may never hear.
func (k *KV) KeepAlive(ctx context.Context, id registry.LeaseID) (registry.Lease, error) {
	return Call(ctx, registry.ErrUnavailable, func(ctx context.Context) (registry.Lease, error) {
		return k.kv.KeepAlive(ctx, id)
	})
}

// TimeToLive asks, or does not.
func (k *KV) TimeToLive(ctx context.Context, id registry.LeaseID) (registry.Lease, error) {
	return Call(ctx, registry.ErrUnavailable, func(ctx context.Context) (registry.Lease, error) {
		return k.kv.TimeToLive(ctx, id)
	})
}

// Revoke ends a lease now, late or never.
func (k *KV) Revoke(ctx context.Context, id registry.LeaseID) error {
	_, err := Call(ctx, registry.ErrUnknownOutcome, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, k.kv.Revoke(ctx, id)
	})
	return err
}

// Watch is passed on: a watch outlives the task that opened it.
func (k *KV) Watch(ctx context.Context, w registry.Watch, deliver func(registry.WatchResponse)) registry.Watcher {
	return k.kv.Watch(ctx, w, deliver)
}
