package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// etcdFaults are what happens to etcd itself, or by its hand.
var etcdFaults = []Fault{
	{Name: "etcd away", Weight: 2, Least: time.Second, Most: 3 * time.Minute, Strike: func(w *World, _ Strike) func() {
		w.Net.EtcdStop()
		return w.Net.EtcdStart
	}},
	{Name: "compaction", Weight: 2, Strike: func(w *World, _ Strike) func() {
		w.compact()
		return nil
	}},
	{Name: "lease revoked", Weight: 3, Strike: func(w *World, s Strike) func() {
		w.revoke(func(leased []registry.KeyValue) []registry.KeyValue {
			return []registry.KeyValue{pick(s.draws(w), leased)}
		})
		return nil
	}},
	{Name: "all leases revoked", Weight: 1, Strike: func(w *World, _ Strike) func() {
		w.revoke(func(leased []registry.KeyValue) []registry.KeyValue { return leased })
		return nil
	}},
	{Name: candidatesRevoked, Weight: 1, Strike: func(w *World, _ Strike) func() {
		w.revoke(func(leased []registry.KeyValue) []registry.KeyValue {
			return slices.DeleteFunc(leased, func(kv registry.KeyValue) bool { return !strings.HasPrefix(kv.Key, leaderPrefix) })
		})
		return nil
	}},
	{Name: "etcd full", Weight: 1, Least: time.Second, Most: time.Minute, Strike: func(w *World, _ Strike) func() {
		w.fill(true)
		return func() { w.fill(false) }
	}},
	{Name: "etcd restored", Weight: 1, Least: 20 * time.Second, Most: 4 * time.Minute, Strike: restore},
}

// candidatesRevoked leaves the cluster without a leader, and without anybody who waits to be one.
const candidatesRevoked = "candidates' leases revoked"

// fill makes etcd take no more, or makes room.
func (w *World) fill(full bool) {
	w.full = full
	w.Etcd.SetNoSpace(full)
}

func (w *World) compact() {
	r, err := w.Etcd.Range(w.ctx, everything)
	if err == nil {
		err = w.Etcd.Compact(r.Revision)
	}
	w.Trace.Add(w.now, "fault", fmt.Sprintf("compaction at %d: %s", r.Revision, outcome(err)))
}

// revoke ends the leases of some of the keys that have one, as an operator's hand or a bug would.
func (w *World) revoke(choose func(leased []registry.KeyValue) []registry.KeyValue) {
	r, err := w.Etcd.Range(w.ctx, everything)
	if err != nil {
		w.fail(fmt.Errorf("read the twin: %w", err))
		return
	}
	leased := r.KVs[:0:0]
	for _, kv := range r.KVs {
		if kv.Lease != 0 {
			leased = append(leased, kv)
		}
	}
	if len(leased) == 0 {
		return
	}
	for _, kv := range choose(leased) {
		if w.Revoked[kv.Lease] {
			continue
		}
		w.Revoked[kv.Lease] = true
		w.Trace.Add(w.now, "fault", fmt.Sprintf("lease of %s revoked: %s", kv.Key, outcome(w.Etcd.Revoke(w.ctx, kv.Lease))))
	}
}

// restore takes a snapshot now and puts etcd back to it when the strike's time has passed. A person accepts
// it a while later, as `nsched cluster ack-restore` does. Another restore under way, or one that nobody has
// accepted yet, is let be.
func restore(w *World, s Strike) func() {
	if w.restoring {
		return nil
	}
	w.restoring = true
	r := s.draws(w)
	snapshot := w.Etcd.Snapshot()
	wanted := w.Operator.remember()
	away := time.Duration(r.IntN(3)) * uniform(r, time.Second, 30*time.Second) // 0: its clients never notice
	var heal func()
	heal = func() {
		if w.Net.EtcdDown { // it is put back when it can be reached, or nobody could tell since when it is
			w.After(time.Second, heal)
			return
		}
		if away > 0 {
			w.Net.EtcdStop()
		}
		w.After(away, func() {
			w.etcd.sync()
			w.Trace.Add(w.now, "fault", fmt.Sprintf("etcd restored to revision %d", snapshot.Revision()))
			w.Etcd.Restore(snapshot)
			w.Operator.forget(wanted)
			for _, told := range w.restored {
				told()
			}
			if away > 0 {
				w.Net.EtcdStart()
			}
			w.acknowledge(uniform(r, 10*time.Second, 90*time.Second))
		})
	}
	return heal
}

// acknowledge accepts what is in etcd, a while from now, and again until it could be written.
func (w *World) acknowledge(after time.Duration) {
	w.After(after, func() {
		read, err := w.Etcd.Range(w.ctx, rangeOf(Keys.Cluster()))
		if err != nil || w.Net.EtcdDown {
			w.acknowledge(5 * time.Second)
			return
		}
		for _, mend := range w.mends {
			mend()
		}
		if len(read.KVs) == 0 { // the snapshot is of before the cluster had a name
			w.restoring = false
			return
		}
		c, _, err := registry.Decode[units.Cluster](read.KVs[0].Key, read.KVs[0].Value)
		if err == nil {
			w.epoch = max(w.epoch, c.Epoch) + 1
			var t registry.Txn
			if t, err = registry.AcknowledgeRestore(read.KVs[0], w.epoch); err == nil {
				_, err = w.Etcd.Txn(w.ctx, t)
			}
		}
		w.Trace.Add(w.now, "operator", "accepted the restored etcd: "+outcome(err))
		if err != nil {
			w.acknowledge(5 * time.Second)
			return
		}
		w.restoring = false
	})
}
