package conformance

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nsched/nsched/units/registry"
	"github.com/nsched/nsched/units/registry/embedded"
)

// TestAnEtcdThatIsFullRefusesWritesAndStopsNothing fills an etcd up to its quota, lives with the alarm that
// it raises by itself, and makes room as a person does.
func TestAnEtcdThatIsFullRefusesWritesAndStopsNothing(t *testing.T) {
	t.Parallel()
	s, err := embedded.Start(t.Context(), embedded.Options{
		Dir: t.TempDir(), Listen: []string{"http://127.0.0.1:0"}, NoSync: true, CompactAfter: -1, QuotaBytes: 8 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	e := connect(t, registry.EtcdOptions{Endpoints: s.Endpoints()})
	lease, err := e.Grant(t.Context(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Txn(t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: "leased", Lease: lease.ID}}}); err != nil {
		t.Fatal(err)
	}
	w := record(t.Context(), e, registry.Watch{Key: "k", End: "l", Revision: 1})
	defer w.Close()

	written := int64(0)
	for i := 0; ; i++ {
		res, err := e.Txn(t.Context(), registry.Txn{Then: []registry.Op{put(fmt.Sprint("k/", i), strings.Repeat("x", 1<<20))}})
		if err != nil {
			wantError(t, err, registry.ErrNoSpace)
			if !strings.Contains(err.Error(), "etcd is out of space") || errors.Is(err, registry.ErrUnknownOutcome) {
				t.Errorf("it is told as %q", err)
			}
			break
		}
		if written = res.Revision; i > 100 {
			t.Fatal("it never becomes full")
		}
	}
	w.upTo(t, written)

	// For longer than the lease lasts.
	for end := time.Now().Add(6 * time.Second); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		wantError(t, commit(t.Context(), e, "k/refused"), registry.ErrNoSpace)
		_, err := e.Grant(t.Context(), time.Minute)
		wantError(t, err, registry.ErrNoSpace)
		if _, err := e.KeepAlive(t.Context(), lease.ID); err != nil {
			t.Errorf("renew: %v", err)
		}
		if res, err := e.Range(t.Context(), registry.Range{Key: "k/refused"}); err != nil || res.Count != 0 || res.Revision != written {
			t.Errorf("%+v, %v", res, err)
		}
	}

	c, err := clientv3.New(clientv3.Config{Endpoints: s.Endpoints(), DialTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	res, err := e.Txn(t.Context(), registry.Txn{Then: []registry.Op{del("k/", "k0")}}) // deletions are taken
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Compact(t.Context(), res.Revision); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Defragment(t.Context(), s.Endpoints()[0]); err != nil {
		t.Fatal(err)
	}
	wantError(t, commit(t.Context(), e, "k/refused"), registry.ErrNoSpace) // until the alarm is disarmed
	if _, err := c.AlarmDisarm(t.Context(), &clientv3.AlarmMember{}); err != nil {
		t.Fatal(err)
	}
	if err := commit(t.Context(), e, "k/again"); err != nil {
		t.Error(err)
	}
	got := w.upTo(t, res.Revision+1)
	if last := got[len(got)-1]; last.Err != nil || last.Changes[0].Key != "k/again" {
		t.Errorf("the watch ended with %v", last)
	}
	if kept, err := e.Range(t.Context(), registry.Range{Key: "leased"}); err != nil || kept.Count != 1 {
		t.Errorf("what hung on the lease: %+v, %v", kept, err)
	}
}
