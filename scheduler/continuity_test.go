package scheduler

import (
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop/looptest"
	"github.com/nsched/nsched/units/registry"
)

// memory is a disk that keeps how far the cluster was seen.
type memory struct{ seen registry.Seen }

func (m *memory) Load() (registry.Seen, error) { return m.seen, nil }

func (m *memory) Save(s registry.Seen) error {
	m.seen = s
	return nil
}

// A scheduler was started while a person's mistake stood in cluster/clock. It took that for a clock at 0, and so
// for an etcd that had gone back; when it came to lead, an hour later, nothing was decided any more.
func TestASchedulerThatIsStartedWhileTheClockCannotBeReadWaitsForIt(t *testing.T) {
	for _, key := range []string{"cluster", "cluster/clock"} {
		t.Run(key, func(t *testing.T) {
			st := leading(t)
			st.node("n1")
			st.Advance(time.Minute)
			key := st.keys.Prefix() + key
			r, err := st.etcd.Range(t.Context(), registry.Range{Key: key})
			if err != nil {
				t.Fatal(err)
			}
			st.resigned()
			st.putRaw(key, []byte("junk"))
			disk := &memory{registry.Seen{Highest: registry.Highest{ID: "the-cluster", Epoch: 1, N: 3}}}
			st2 := &stage{Bench: looptest.NewBench(t), t: t, etcd: st.etcd, keys: st.keys}
			st2.Now, st2.Tick = st.Now, st.Tick
			st2.s, err = New(Options{
				Self: units.Leader{Name: "s2"}, ClusterID: "another", Keys: st.keys, KV: looptest.NewKV(st.etcd), Leases: prompt(),
				Mail: st2.Mail, Executor: st2.Exec, Seen: disk,
			})
			if err != nil {
				t.Fatal(err)
			}
			st2.Use(st2.s)
			st2.Settle()
			if o := st2.s.Overview(); o.Leading || o.Seen.Held != "" || len(o.Problems) != 1 {
				t.Errorf("%+v", o)
			}
			st2.putRaw(key, r.KVs[0].Value)
			st2.Settle()
			if o := st2.s.Overview(); !o.Leading || len(o.Problems) != 0 {
				t.Errorf("%+v", o)
			}
			st2.submit(helloID, hello(1), 1)
			if st2.Settle(); len(st2.assignments()) != 1 {
				t.Errorf("%v", st2.assignments())
			}
		})
	}
}
