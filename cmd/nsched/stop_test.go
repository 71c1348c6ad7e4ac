package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// readerKV notes the keys that are read, and how many operations a transaction had at most.
type readerKV struct {
	registry.KV
	keys []string
	most int
}

func (r *readerKV) Range(ctx context.Context, q registry.Range) (registry.RangeResult, error) {
	res, err := r.KV.Range(ctx, q)
	if !q.KeysOnly {
		r.note(res)
	}
	return res, err
}

func (r *readerKV) Txn(ctx context.Context, t registry.Txn) (registry.TxnResult, error) {
	r.most = max(r.most, len(t.Then))
	res, err := r.KV.Txn(ctx, t)
	for _, one := range res.Results {
		r.note(one.Range)
	}
	return res, err
}

func (r *readerKV) note(res registry.RangeResult) {
	for _, kv := range res.KVs {
		r.keys = append(r.keys, kv.Key)
	}
}

// TestAStopLooksAtItsOwnAppAlone: it used to read, and to watch, every unit and every status of the cluster.
func TestAStopLooksAtItsOwnAppAlone(t *testing.T) {
	s := newStage(t.Context(), t, t.TempDir())
	t.Cleanup(s.close)
	id := units.AppID{Namespace: "default", Name: "hello"}
	putValue(t, s, s.keys.App(id), units.Intent{Generation: 1, Count: 3, Stopped: true})
	unit := func(node, unit string) {
		u, err := units.ParseUnitID(unit)
		if err != nil {
			t.Fatal(err)
		}
		putValue(t, s, s.keys.Unit(units.NodeName(node), u), units.Assignment{Desired: units.DesiredStop, Tenure: 1, Term: 1})
		putValue(t, s, s.keys.Status(units.NodeName(node), u), units.Status{State: units.StateStopping})
	}
	for i := range 200 {
		name := units.NodeName(fmt.Sprint("n", i))
		s.register(t, name, nil)
		unit(string(name), fmt.Sprintf("default.other.%d.1.1", i))
		unit(string(name), fmt.Sprintf("default.hello-2.%d.1.1", i))
		unit(string(name), fmt.Sprintf("prod.hello.%d.1.1", i))
	}
	unit("n7", "default.hello.0.1.1")
	unit("n7", "default.hello.1.1.1")
	unit("n77-forgotten", "default.hello.2.1.1")
	unit("n77-forgotten2", "default.other.9.1.1")
	unit("zz-forgotten", "default.hello.3.1.1")
	s.put(t, s.keys.Prefix()+"units/n77!", []byte("x"))
	s.put(t, s.keys.Prefix()+"units/n8/no unit", []byte("x"))
	s.put(t, s.keys.Prefix()+"units/a/default.hello.4.1.1", []byte("{"))

	reader := &readerKV{KV: s.KV}
	c := cluster{KV: reader, keys: s.keys}
	var looks [][]string
	err := c.whileLeft(t.Context(), id, func(err error) { t.Error(err) }, func(snapshot *registry.Snapshot) (bool, error) {
		seen := []string{}
		for _, u := range c.units(snapshot) {
			_, alive := snapshot.Item(c.keys.Alive(u.Node))
			seen = append(seen, fmt.Sprint(u.Node, " ", u.Unit, " ", u.State, " ", u.assigned, " ", alive))
		}
		looks = append(looks, seen)
		switch len(looks) {
		case 1: // all but one end, and meanwhile one comes that a late plan has placed
			for _, key := range []string{"n7/default.hello.0.1.1", "n7/default.hello.1.1.1", "zz-forgotten/default.hello.3.1.1", "a/default.hello.4.1.1"} {
				for _, kind := range []string{"units/", "status/"} {
					if _, err := s.Txn(t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpDelete, Key: s.keys.Prefix() + kind + key}}}); err != nil {
						t.Fatal(err)
					}
				}
			}
			unit("n150", "default.hello.0.1.2")
			return false, nil
		case 3:
			return false, nil
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	last := []string{"n150 default.hello.0.1.2 stopping true true", "n77-forgotten default.hello.2.1.1 stopping true false"}
	want := [][]string{
		{
			"n7 default.hello.0.1.1 stopping true true", "n7 default.hello.1.1.1 stopping true true", last[1],
			"zz-forgotten default.hello.3.1.1 stopping true false", "a default.hello.4.1.1  true false",
		},
		last[1:], // of those that had some
		last,     // of all
		last,     // of those that had some
		last,     // of all, and it is done
	}
	if diff := cmp.Diff(want, looks); diff != "" {
		t.Error(diff)
	}
	if reader.most > registry.MaxOps {
		t.Errorf("%d operations in a transaction", reader.most)
	}
	// Of others are seen those alone that lie where no registered node's units lie.
	for _, key := range reader.keys {
		if strings.Contains(key, "/default.hello.") || key == c.keys.App(id) || strings.HasPrefix(key, c.keys.Under(registry.KindAlive)) {
			continue
		}
		if !slices.Contains([]string{"units/n77-forgotten2/default.other.9.1.1", "units/n77!"}, strings.TrimPrefix(key, c.keys.Prefix())) {
			t.Errorf("it read %s", key)
		}
	}
}
