package main

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// ownEtcd is a scheduler with an etcd of its own, as a small cluster has it.
type ownEtcd struct {
	t        *testing.T
	endpoint string
	state    string
	end      context.CancelFunc
	ended    chan error
	cluster  cluster
}

func newOwnEtcd(t *testing.T) *ownEtcd {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	o := &ownEtcd{t: t, endpoint: "http://" + l.Addr().String(), state: t.TempDir()}
	keys, err := registry.NewKeys("")
	if err != nil {
		t.Fatal(err)
	}
	kv, err := registry.NewEtcd(registry.EtcdOptions{Endpoints: []string{o.endpoint}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kv.Close() })
	o.cluster = cluster{KV: kv, keys: keys}
	t.Setenv("NSCHED_ENDPOINTS", o.endpoint)
	return o
}

// start runs the scheduler over an etcd's directory.
func (o *ownEtcd) start(dir string) {
	c := schedulerConfig().fixed(map[string]any{
		"scheduler.name": "s1", "etcd.endpoints": []string{o.endpoint}, "etcd.embeddedDir": dir, "paths.state": o.state,
		"api.listen": "127.0.0.1:0", "log.level": "error",
	})
	ctx, end := context.WithCancel(o.t.Context())
	o.end, o.ended = end, make(chan error, 1)
	go func() { o.ended <- newSession(strings.NewReader(""), io.Discard, io.Discard).runScheduler(ctx, c) }()
	o.t.Cleanup(o.stop)
}

func (o *ownEtcd) stop() {
	if o.end == nil {
		return
	}
	o.end()
	o.end = nil
	if err := <-o.ended; err != nil && !errors.Is(err, context.Canceled) {
		o.t.Error(err)
	}
}

// clock waits until the cluster's clock is beyond a number, and returns where it is.
func (o *ownEtcd) clock(beyond int64) int64 {
	o.t.Helper()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		snapshot, err := o.cluster.read(o.t.Context(), scope{keys: []string{o.cluster.keys.Clock()}})
		if err != nil {
			continue
		}
		if c, _ := registry.Lookup[units.Clock](snapshot, o.cluster.keys.Clock()); c.N > beyond {
			return c.N
		}
	}
	o.t.Fatalf("the clock never came beyond %d", beyond)
	return 0
}

// holding waits until the only scheduler is known to hold, and returns what is said of it.
func (o *ownEtcd) holding() string {
	o.t.Helper()
	said := ""
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		got := nsched(o.t, "", "cluster", "ack-restore")
		if said = got.errs; got.code == exitUsage && strings.Contains(said, "scheduler s1 holds") {
			return said
		}
	}
	o.t.Fatalf("the scheduler does not hold: %s", said)
	return ""
}

// TestASchedulerHoldsAfterARestoreUntilItIsAcknowledged takes a real scheduler with its own etcd through a
// snapshot, a loss and a restore: once one that knew more, and once one that knows nothing.
func TestASchedulerHoldsAfterARestoreUntilItIsAcknowledged(t *testing.T) {
	o, dir := newOwnEtcd(t), t.TempDir()
	o.start(filepath.Join(dir, "first"))
	save := filepath.Join(dir, "save.db")
	o.clock(0)
	if got := nsched(t, "", "cluster", "snapshot", save); got.code != exitOK {
		t.Fatal(got.errs)
	}
	saved := o.clock(1)
	o.stop()

	for epoch, c := range []struct {
		name, state, why string
	}{
		{"one that had seen more", o.state, "etcd went back in time"},
		{"one that has seen nothing", t.TempDir(), "it was restored from a snapshot"},
	} {
		t.Run(c.name, func(t *testing.T) {
			etcd := filepath.Join(dir, "restored", c.name)
			if got := nsched(t, "", "cluster", "restore", save, "--data-dir", etcd); got.code != exitOK {
				t.Fatal(got.errs)
			}
			o.state = c.state
			o.start(etcd)
			defer o.stop()
			if said := o.holding(); !strings.Contains(said, c.why) {
				t.Errorf("it holds because %s", said)
			}
			before := o.clock(0)
			if before >= saved {
				t.Errorf("the clock is at %d, and was at %d when the snapshot was taken", before, saved)
			}
			if got := nsched(t, "", "cluster", "ack-restore", "-y"); got.code != exitOK {
				t.Fatal(got.errs)
			}
			o.clock(before) // it leads again
			snapshot, err := o.cluster.read(t.Context(), scope{keys: []string{o.cluster.keys.Cluster()}})
			if err != nil {
				t.Fatal(err)
			}
			if now, _ := registry.Lookup[units.Cluster](snapshot, o.cluster.keys.Cluster()); now.Epoch != 2 || now.Restored {
				t.Errorf("round %d: %+v", epoch, now)
			}
		})
	}
}
