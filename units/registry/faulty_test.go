package registry_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/units/registry"
)

// always is the policy under which one fault befalls every request.
func always(f registry.Fault) registry.FaultPolicy {
	return registry.FaultPolicy{Request: func(registry.Request) registry.Fault { return f }}
}

func TestFaultyRequests(t *testing.T) {
	put := registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: "a"}}}
	for _, c := range []struct {
		name    string
		fault   registry.Fault
		write   error
		read    error
		applied bool
	}{
		{"no fault lets everything through", registry.NoFault, nil, nil, true},
		{"an unsent write is known not to be applied", registry.FaultUnsent, registry.ErrUnavailable, registry.ErrUnavailable, false},
		{"a lost write is not applied, which nobody knows", registry.FaultLost, registry.ErrUnknownOutcome, registry.ErrUnavailable, false},
		{"a write whose reply is lost is applied", registry.FaultReplyLost, registry.ErrUnknownOutcome, registry.ErrUnavailable, true},
		{"a held write is not applied yet", registry.FaultHeld, registry.ErrUnknownOutcome, registry.ErrUnavailable, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := registry.NewMemory(registry.MemoryOptions{})
			f := registry.NewFaulty(m, always(c.fault))
			_, err := f.Txn(t.Context(), put)
			if !errors.Is(err, c.write) {
				t.Errorf("the write: %v", err)
			}
			_, err = f.Txn(t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpRange, Key: "a"}}})
			if !errors.Is(err, c.read) {
				t.Errorf("the read: %v", err)
			}
			if applied := len(memoryKeys(t, m)) == 1; applied != c.applied {
				t.Errorf("applied %t", applied)
			}
		})
	}
}

func TestFaultyHolds(t *testing.T) {
	m := registry.NewMemory(registry.MemoryOptions{})
	f := registry.NewFaulty(m, always(registry.FaultHeld))
	ctx := t.Context()
	id := memoryGrant(t, m, time.Minute)
	_, _ = f.Txn(ctx, registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: "a", Value: []byte("late")}}})
	if err := f.Revoke(ctx, id); !errors.Is(err, registry.ErrUnknownOutcome) {
		t.Errorf("the revocation: %v", err)
	}
	if _, err := f.KeepAlive(ctx, id); !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("the renewal: %v", err)
	}
	var kinds []registry.RequestKind
	for _, r := range f.Held() {
		kinds = append(kinds, r.Kind)
	}
	if diff := cmp.Diff([]registry.RequestKind{registry.RequestTxn, registry.RequestRevoke, registry.RequestKeepAlive}, kinds); diff != "" {
		t.Error(diff)
	}
	memoryPut(t, m, "a", 0)
	if ok, err := f.Release(ctx, 1); !ok || err != nil {
		t.Errorf("released %t, %v", ok, err)
	}
	res, err := m.Range(ctx, registry.Range{Key: "a"})
	if err != nil || string(res.KVs[0].Value) != "late" {
		t.Errorf("the held write did not land on the newer one: %+v, %v", res, err)
	}
	if !f.Forget(2) || f.Forget(2) {
		t.Error("a held request can be forgotten once")
	}
	if _, err := m.TimeToLive(ctx, id); err != nil {
		t.Errorf("the forgotten revocation was made: %v", err)
	}
	if ok, _ := f.Release(ctx, 1); ok {
		t.Error("a request was released twice")
	}
}

func TestFaultyWatches(t *testing.T) {
	type delivered struct {
		revisions []int64
		err       error
	}
	open := func(t *testing.T, f *registry.Faulty) (*delivered, registry.Watcher) {
		t.Helper()
		d := &delivered{}
		w := f.Watch(t.Context(), registry.Watch{Key: "a", End: "z"}, func(r registry.WatchResponse) {
			if r.Err != nil {
				d.err = r.Err
				return
			}
			d.revisions = append(d.revisions, r.Revision)
		})
		t.Cleanup(w.Close)
		return d, w
	}
	at := func(rev int64, fault registry.WatchFault) registry.FaultPolicy {
		return registry.FaultPolicy{Watch: func(_ registry.Watch, r registry.WatchResponse) registry.WatchFault {
			if r.Revision == rev {
				return fault
			}
			return registry.PassResponse
		}}
	}
	for _, c := range []struct {
		name   string
		policy registry.FaultPolicy
		want   []int64
		err    error
	}{
		{"nothing goes wrong", registry.FaultPolicy{}, []int64{2, 3, 4, 4}, nil},
		{"a response is dropped", at(3, registry.DropResponse), []int64{2, 4, 4}, nil},
		{"the watch hangs, and progress with it", at(3, registry.HangWatch), []int64{2}, nil},
		{"the watch ends", at(3, registry.EndWatch), []int64{2}, registry.ErrUnavailable},
		{"the watch is never sent", always(registry.FaultUnsent), nil, registry.ErrUnavailable},
		{"the watch hangs from the start", always(registry.FaultLost), nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := registry.NewMemory(registry.MemoryOptions{})
			d, w := open(t, registry.NewFaulty(m, c.policy))
			for range 3 {
				memoryPut(t, m, "a", 0)
			}
			w.RequestProgress()
			if diff := cmp.Diff(c.want, d.revisions); diff != "" {
				t.Error(diff)
			}
			if !errors.Is(d.err, c.err) {
				t.Errorf("got %v", d.err)
			}
		})
	}
	t.Run("all watches hang or end at once", func(t *testing.T) {
		m := registry.NewMemory(registry.MemoryOptions{})
		f := registry.NewFaulty(m, registry.FaultPolicy{})
		hung, _ := open(t, f)
		f.HangWatches()
		ended, _ := open(t, f)
		memoryPut(t, m, "a", 0)
		f.EndWatches()
		memoryPut(t, m, "a", 0)
		if len(hung.revisions) != 0 {
			t.Errorf("the hung one delivered %v", hung.revisions)
		}
		if diff := cmp.Diff([]int64{2}, ended.revisions); diff != "" || !errors.Is(ended.err, registry.ErrUnavailable) {
			t.Errorf("the ended one: %v, %v", ended.revisions, ended.err)
		}
	})
}
