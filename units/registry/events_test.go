package registry_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop/looptest"
	"github.com/nsched/nsched/units/registry"
)

// diary is a writer of events over a twin.
type diary struct {
	*looptest.Bench
	t    *testing.T
	twin *registry.Memory
	keys registry.Keys
	time registry.ClusterTime
	e    *registry.Events
}

func newDiary(t *testing.T) *diary {
	d := &diary{Bench: looptest.NewBench(t), t: t, twin: registry.NewMemory(registry.MemoryOptions{}), keys: defaultKeys(t)}
	d.Tick = func(step time.Duration) { d.twin.Advance(d.twin.Now() + step) }
	d.Use(d)
	d.restart()
	return d
}

// restart is the writer's next life.
func (d *diary) restart() {
	d.Exec.Crash()
	e, err := registry.NewEvents(registry.EventsOptions{
		KV: looptest.NewKV(d.twin), Exec: d.Exec, Keys: d.keys, Writer: "node.n1", Time: &d.time,
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.e = e
}

func (d *diary) clock(ms int64) {
	d.time.Observe(d.Now, units.Clock{N: 1, TimeMs: ms})
}

func (d *diary) Step(ctx context.Context, now units.Instant) (units.Instant, error) {
	d.Mail.Apply(now)
	return d.e.Step(ctx, now)
}

func (d *diary) add(format string, args ...any) {
	d.e.Add(d.Now, units.Event{Type: fmt.Sprintf(format, args...)})
}

// read returns the types of what is written, in the order of the keys, and how many leases hold it.
func (d *diary) read() (types []string, times []int64, leases int) {
	d.t.Helper()
	prefix := d.keys.Under(registry.KindEvent)
	r, err := d.twin.Range(d.t.Context(), registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
	if err != nil {
		d.t.Fatal(err)
	}
	seen := map[registry.LeaseID]bool{}
	for _, kv := range r.KVs {
		if k, err := d.keys.Parse(kv.Key); err != nil || k.Writer != "node.n1" {
			d.t.Fatalf("key %s: %v", kv.Key, err)
		}
		e, _, err := registry.Decode[units.Event](kv.Key, kv.Value)
		if err != nil || kv.Lease == 0 {
			d.t.Fatalf("%s on lease %x: %v", kv.Key, kv.Lease, err)
		}
		types, times = append(types, e.Type), append(times, e.TimeMs)
		seen[kv.Lease] = true
	}
	return types, times, len(seen)
}

// noon is a cluster time at the beginning of an hour.
const noon = int64(500_000 * 3_600_000)

func TestEventsAreKeptInOrderForADay(t *testing.T) {
	d := newDiary(t)
	d.add("before the time is known")
	d.Advance(3 * time.Second)
	d.clock(noon)
	d.add("a")
	d.add("b")
	d.Advance(time.Second)
	d.add("c")
	d.Advance(time.Second)
	types, times, leases := d.read()
	if want := []string{"before the time is known", "a", "b", "c"}; !slices.Equal(types, want) || leases != 1 {
		t.Fatalf("%v on %d leases", types, leases)
	}
	if want := []int64{noon - 3000, noon, noon, noon + 1000}; !slices.Equal(times, want) {
		t.Fatalf("at %v", times)
	}
	d.Advance(registry.EventTTL - time.Minute)
	if types, _, _ := d.read(); len(types) != 4 {
		t.Fatalf("%v is left before its day is over", types)
	}
	d.Advance(2 * time.Minute)
	if types, _, _ := d.read(); len(types) != 0 {
		t.Fatalf("%v is left", types)
	}
}

func TestAnHourHasOneLeaseWhateverRestarts(t *testing.T) {
	d := newDiary(t)
	d.clock(noon)
	for i := range 20 {
		d.restart()
		d.add("life %d", i)
		d.Advance(time.Second)
	}
	if types, _, leases := d.read(); len(types) != 20 || leases != 1 {
		t.Fatalf("%d events on %d leases", len(types), leases)
	}
	d.Advance(time.Hour)
	d.add("another hour")
	d.Advance(time.Second)
	if _, _, leases := d.read(); leases != 2 {
		t.Fatalf("%d leases", leases)
	}
}

func TestNoAnswerWritesNoEventTwice(t *testing.T) {
	for _, fate := range looptest.Fates() {
		t.Run(fate.String(), func(t *testing.T) {
			d := newDiary(t)
			d.clock(noon)
			d.add("first")
			d.Advance(time.Second)
			d.add("second")
			d.Move(time.Second)
			d.Step(t.Context(), d.Now)
			task := d.Exec.Find("event", "")
			task.Run(fate)
			d.Advance(10 * time.Second)
			task.Land()
			d.Advance(10 * time.Second)
			if types, _, _ := d.read(); !slices.Equal(types, []string{"first", "second"}) {
				t.Fatalf("%v", types)
			}
		})
	}
}

func TestAStormIsBoundedAndSaysWhatItLost(t *testing.T) {
	d := newDiary(t)
	d.clock(noon)
	const storm = 5000
	for i := range storm {
		d.add("e%04d", i)
	}
	before := d.twin.Revision()
	d.Advance(5 * time.Second)
	if n := d.twin.Revision() - before; n > 11 {
		t.Fatalf("%d transactions in 5 s", n)
	}
	d.Advance(20 * time.Second)
	types, _, _ := d.read()
	last := fmt.Sprintf("e%04d", storm-1)
	if len(types) != 2001 || !slices.Contains(types, last) || !slices.Contains(types, units.EventsLost) {
		t.Fatalf("%d events are kept, the last is %s", len(types), types[len(types)-1])
	}
}

func TestEventsWaitForEtcdAndForALeaseThatIsGone(t *testing.T) {
	d := newDiary(t)
	d.clock(noon)
	d.add("first")
	d.Advance(time.Second)
	d.twin.SetNoSpace(true)
	d.add("while it is full")
	d.Advance(time.Minute)
	d.twin.SetNoSpace(false)
	d.Advance(10 * time.Second)
	prefix := d.keys.Under(registry.KindEvent)
	r, err := d.twin.Range(t.Context(), registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
	if err != nil || len(r.KVs) != 2 {
		t.Fatalf("%v %v", r.KVs, err)
	}
	if err := d.twin.Revoke(t.Context(), r.KVs[0].Lease); err != nil {
		t.Fatal(err)
	}
	d.add("after the lease was revoked")
	d.Settle()
	d.Advance(10 * time.Second)
	if types, _, _ := d.read(); !slices.Equal(types, []string{"after the lease was revoked"}) {
		t.Fatalf("%v", types)
	}
}

func TestALongMessageIsCutBetweenCharacters(t *testing.T) {
	d := newDiary(t)
	d.clock(noon)
	d.e.Add(d.Now, units.Event{Type: "long", Reason: units.Reason{Message: "x" + strings.Repeat("ä", 4000)}})
	d.Advance(time.Second)
	prefix := d.keys.Under(registry.KindEvent)
	r, err := d.twin.Range(t.Context(), registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
	if err != nil || len(r.KVs) != 1 || len(r.KVs[0].Value) > 1200 {
		t.Fatalf("%v %v", r.KVs, err)
	}
	e, _, err := registry.Decode[units.Event](r.KVs[0].Key, r.KVs[0].Value)
	if err != nil || strings.ContainsRune(e.Reason.Message, '\ufffd') {
		t.Fatalf("%q %v", e.Reason.Message, err)
	}
}

func TestAWriterWhoseNameMakesNoKeyIsRefused(t *testing.T) {
	for _, name := range []string{"", "a/b", "ä", strings.Repeat("n", 200)} {
		if _, err := registry.NewEvents(registry.EventsOptions{Keys: defaultKeys(t), Writer: name}); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}
