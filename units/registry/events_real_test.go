package registry_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

// chatter is a shell that has told everything before its first Step.
type chatter struct {
	mail   *loop.Mailbox
	events *registry.Events
}

func (c *chatter) Step(ctx context.Context, now units.Instant) (units.Instant, error) {
	c.mail.Apply(now)
	return c.events.Step(ctx, now)
}

func TestEventsOfTwoLivesHangOnOneLeaseOfRealEtcd(t *testing.T) {
	_, etcd := realEtcd(t, t.TempDir())
	keys := defaultKeys(t)
	prefix := keys.Under(registry.KindEvent)
	read := func() []registry.KeyValue {
		r, err := etcd.Range(t.Context(), registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
		if err != nil {
			t.Fatal(err)
		}
		return r.KVs
	}
	const each = 150
	for life := range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		mail := loop.NewMailbox()
		pool := loop.NewPool(ctx, mail)
		var clock registry.ClusterTime
		clock.Observe(loop.Now(), units.Clock{N: 1, TimeMs: 500_000*3_600_000 + 1000*int64(life)})
		events, err := registry.NewEvents(registry.EventsOptions{KV: etcd, Exec: pool, Keys: keys, Writer: "node.n1", Time: &clock})
		if err != nil {
			t.Fatal(err)
		}
		for i := range each {
			events.Add(loop.Now(), units.Event{Type: fmt.Sprintf("%d/%03d", life, i), Node: "n1"})
		}
		done := &until{&chatter{mail, events}, func() bool { return len(read()) == each*(life+1) }, cancel}
		if err := loop.Run(ctx, done, mail, loop.Now); err != nil {
			t.Fatal(err)
		}
		pool.Wait()
	}
	kvs := read()
	last := ""
	for _, kv := range kvs {
		e, _, err := registry.Decode[units.Event](kv.Key, kv.Value)
		if err != nil || e.Type <= last || kv.Lease != kvs[0].Lease {
			t.Fatalf("%q after %q on lease %x: %v", e.Type, last, kv.Lease, err)
		}
		last = e.Type
	}
	if l, err := etcd.TimeToLive(t.Context(), kvs[0].Lease); err != nil || l.Granted != registry.EventTTL || l.Remaining < 23*time.Hour {
		t.Fatalf("%+v %v", l, err)
	}
}
