package sim

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/nsched/nsched/units/registry"
)

// handFaults are what a person with etcdctl does to single keys, or a program that is newer than we are.
var handFaults = []Fault{
	{Name: "key deleted", Weight: 2, Aim: oneOf("units", "status", "slots", "rollouts", "alive", "agent", "endpoints", "nodes", "summary", "fence"), Strike: byHand(func(registry.KeyValue, *rand.Rand) []byte { return nil })},
	{Name: "key overwritten", Weight: 3, Least: time.Second, Most: 2 * time.Minute, Aim: oneOf("units", "units", "units", "units", "status", "slots", "rollouts", "alive", "cluster/clock", "fence", "nodes", "summary"), Strike: byHand(junk)},
	{Name: "key of a newer version", Weight: 3, Least: time.Second, Most: 2 * time.Minute, Aim: oneOf("units", "units", "units", "units", "status", "slots", "rollouts", "cluster/clock", "fence", "nodes"), Strike: byHand(newer)},
}

// oneOf draws one of the kinds; what is named more often is hit more often.
func oneOf(kinds ...string) func(Cast, *rand.Rand) (string, bool) {
	return func(_ Cast, r *rand.Rand) (string, bool) { return pick(r, kinds), true }
}

// byHand does something to one key of a kind. What became of the key is set right when the strike's time
// has passed, if nobody has written it since; what was deleted is not. A hand that etcd refuses, because it
// has no room, comes again: nothing else could mend what it did. Nor could anything but the hand of whoever
// accepts a restored etcd, when it is from a snapshot that holds what was spoilt and set right since.
func byHand(hand func(kv registry.KeyValue, r *rand.Rand) []byte) func(*World, Strike) func() {
	return func(w *World, s Strike) func() {
		prefix := Keys.Prefix() + s.Target
		end := registry.PrefixEnd(prefix)
		read, err := w.Etcd.Range(w.ctx, registry.Range{Key: prefix, End: end})
		if err != nil || len(read.KVs) == 0 {
			return nil
		}
		r := s.draws(w)
		kv := pick(r, read.KVs)
		op := registry.Op{Kind: registry.OpDelete, Key: kv.Key}
		value := hand(kv, r)
		if value != nil {
			op = registry.Op{Kind: registry.OpPut, Key: kv.Key, Value: value, Lease: kv.Lease}
		}
		if err := w.touch(kv.Key, op); err != nil || value == nil {
			return nil
		}
		spoilt := w.Etcd.Revision()
		var heal func()
		heal = func() {
			now, err := w.Etcd.Range(w.ctx, rangeOf(kv.Key))
			if err == nil && len(now.KVs) == 1 && now.KVs[0].ModRevision == spoilt && bytes.Equal(now.KVs[0].Value, value) {
				err = w.touch(kv.Key, registry.Op{Kind: registry.OpPut, Key: kv.Key, Value: kv.Value, Lease: now.KVs[0].Lease})
			}
			if err != nil {
				w.After(handAgain, heal)
			}
		}
		return func() {
			w.mends = append(w.mends, heal)
			heal()
		}
	}
}

// handAgain is how long a hand waits that was refused.
const handAgain = 5 * time.Second

// touch is one write by a person's hand.
func (w *World) touch(key string, op registry.Op) error {
	w.hand = key
	_, err := w.Etcd.Txn(w.ctx, registry.Txn{Then: []registry.Op{op}})
	w.hand = ""
	what := "deleted"
	if op.Kind == registry.OpPut {
		what = fmt.Sprintf("overwritten with %q", op.Value)
	}
	w.Trace.Add(w.now, "fault", key+" "+what+": "+outcome(err))
	return err
}

// Hand is the key that a person's hand is writing at this moment; "" when nobody does.
func (w *World) Hand() string { return w.hand }

func junk(kv registry.KeyValue, r *rand.Rand) []byte {
	switch r.IntN(4) {
	case 0:
		return []byte("junk")
	case 1:
		return []byte(`{"v":1,"desired":7,"state":[],"n":"x","tenure":"none"}`)
	case 2:
		return append([]byte(nil), kv.Value[:len(kv.Value)/2]...)
	}
	return []byte{}
}

// newer is the value with a field that nobody knows, or of a version that nobody knows.
func newer(kv registry.KeyValue, r *rand.Rand) []byte {
	if r.IntN(2) == 0 {
		return []byte(strings.Replace(string(kv.Value), "{", `{"unheardOf":{"a":[1,2]},`, 1))
	}
	return []byte(strings.Replace(string(kv.Value), `"v":1`, `"v":99`, 1))
}
