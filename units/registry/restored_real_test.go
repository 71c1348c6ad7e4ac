package registry_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop/looptest"
	"github.com/nsched/nsched/units/registry"
	"github.com/nsched/nsched/units/registry/embedded"
)

// leaderOver puts the key of a leader into a real etcd.
func leaderOver(t *testing.T, etcd *registry.Etcd) registry.Term {
	t.Helper()
	lease, err := etcd.Grant(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	key := defaultKeys(t).Leader(lease.ID)
	res, err := etcd.Txn(t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: []byte("{}"), Lease: lease.ID}}})
	if err != nil {
		t.Fatal(err)
	}
	return registry.Term{Key: key, CreateRevision: res.Revision, ModRevision: res.Revision, Lease: lease.ID, Since: res.Revision, Value: []byte("{}")}
}

// TestARealEtcdThatIsRestoredLetsNoLaterLeaderWrite: the snapshot holds the keys of two candidates. The later one led
// when etcd was put back, and its key is in the restored etcd with the very revision that it compares.
func TestARealEtcdThatIsRestoredLetsNoLaterLeaderWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(etcd *registry.Etcd, term registry.Term) registry.Outcome {
		b := looptest.NewBench(t)
		var got registry.Result
		c := registry.NewCommitter(registry.CommitterOptions{KV: etcd, Exec: b.Exec, Done: func(_ units.Instant, r []registry.Result) { got = r[0] }})
		b.Use(&mailed{b.Mail, c})
		c.Begin(b.Now, term)
		if err := c.Commit(1<<60, registry.Group{Then: []registry.Op{put("/nsched/a", "x")}}); err != nil {
			t.Fatal(err)
		}
		b.Step()
		b.Exec.RunAll()
		b.Step()
		return got.Outcome
	}
	_, before := realEtcd(t, filepath.Join(dir, "before"))
	if _, err := registry.EnsureCluster(t.Context(), before, defaultKeys(t), units.Cluster{ID: "a", Epoch: 1}); err != nil {
		t.Fatal(err)
	}
	earlier, later := leaderOver(t, before), leaderOver(t, before)
	file, err := os.Create(filepath.Join(dir, "snapshot"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := before.Snapshot(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if got := write(before, later); got != registry.NotWritten {
		t.Errorf("beside the earlier one's key: %s", got)
	}
	if err := before.Revoke(t.Context(), earlier.Lease); err != nil {
		t.Fatal(err)
	}
	if got := write(before, later); got != registry.Committed {
		t.Errorf("alone: %s", got)
	}
	after := filepath.Join(dir, "after")
	if _, err := embedded.Restore(t.Context(), embedded.RestoreOptions{File: file.Name(), Dir: after, Keys: defaultKeys(t)}); err != nil {
		t.Fatal(err)
	}
	_, restored := realEtcd(t, after)
	if got := write(restored, later); got != registry.NotWritten {
		t.Errorf("in the restored etcd: %s", got)
	}
	if got := write(restored, earlier); got != registry.Committed {
		t.Errorf("the one whose key is the first there: %s", got)
	}
}
