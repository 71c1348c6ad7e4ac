package scheduler

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// only is the one assignment that there is, and its node.
func (st *stage) only() (units.NodeName, units.UnitID) {
	st.t.Helper()
	keys := slices.Collect(maps.Keys(st.assignments()))
	if len(keys) != 1 {
		st.t.Fatalf("assignments %v, want one", keys)
	}
	node, text, _ := strings.Cut(keys[0], "/")
	id, err := units.ParseUnitID(text)
	if err != nil {
		st.t.Fatal(err)
	}
	return units.NodeName(node), id
}

// fails lets the only unit fail, and waits for its assignment to go.
func (st *stage) fails() units.UnitID {
	st.t.Helper()
	node, id := st.only()
	r, err := st.etcd.Range(st.t.Context(), registry.Range{Key: st.keys.Unit(node, id)})
	if err != nil {
		st.t.Fatal(err)
	}
	st.put(st.keys.Status(node, id), units.Status{Assignment: r.KVs[0].CreateRevision, State: units.StateFailed})
	st.Settle()
	st.del(st.keys.Status(node, id)) // as its node does that has forgotten it
	st.Settle()
	return id
}

// A hand deleted an assignment before its node had said a word about it, and the slot was given the same attempt
// again.
func TestAnAttemptWhoseAssignmentWasDeletedIsNotGivenOutAgain(t *testing.T) {
	st := leading(t)
	st.node("n1")
	st.submit(helloID, hello(1), 1)
	st.Settle()
	node, first := st.only()
	st.del(st.keys.Unit(node, first))
	st.Settle()
	if _, second := st.only(); second.Attempt != first.Attempt+1 {
		t.Errorf("%s follows %s", second, first)
	}
	third := st.fails()
	if st.Advance(time.Minute); third.Attempt != 2 {
		t.Errorf("%s failed, want the second", third)
	}
	if _, next := st.only(); next.Attempt != 3 {
		t.Errorf("%s follows %s", next, third)
	}
	if a := st.s.world.apps[helloID]; len(a.gone) != 0 {
		t.Errorf("%v is remembered though it is on record", a.gone)
	}
}

// A hand deleted the record of a slot that had failed twice: the next attempt came as early as if it had failed
// never, and with the number of an earlier one. So it did when a hand wrote something there that can be read and
// speaks of no slot.
func TestASlotWhoseRecordIsTakenWaitsOnAndCountsOn(t *testing.T) {
	for name, take := range map[string]func(st *stage, key string){
		"deleted":     func(st *stage, key string) { st.del(key) },
		"overwritten": func(st *stage, key string) { st.putRaw(key, []byte(`{"v":1,"n":"x"}`)) },
	} {
		t.Run(name, func(t *testing.T) { waitsOn(t, take) })
	}
}

func waitsOn(t *testing.T, take func(st *stage, key string)) {
	st := leading(t)
	st.node("n1")
	st.submit(helloID, hello(1), 1)
	st.Settle()
	for range 2 {
		st.Advance(2 * time.Minute)
		st.fails()
	}
	before := st.s.world.apps[helloID].records("0")["0"]
	if before.Attempt != 2 || before.Failures != 2 {
		t.Fatalf("%+v", before)
	}
	take(st, st.keys.Slots(helloID, "0"))
	st.Settle()
	if got := st.assignments(); len(got) != 0 {
		t.Errorf("%v at once", got)
	}
	st.Advance(2 * time.Minute)
	if third := st.fails(); third.Attempt != 3 {
		t.Errorf("%s is the third", third)
	}
	if after := st.s.world.apps[helloID].slots["0"].value.Slots["0"]; after.Attempt != 3 || after.Failures != 3 {
		t.Errorf("%+v", after)
	}
}

// A leader remembered what a hand had taken from a record of slots, and wrote it down with the next end of a unit. One
// that began before that knew nothing of it: it gave an attempt out again, and tried at once what had failed twice.
func TestWhatAHandTookFromARecordIsWrittenDownAgainForTheNextLeader(t *testing.T) {
	for name, take := range map[string]func(st *stage, key string){
		"deleted":    func(st *stage, key string) { st.del(key) },
		"set back":   func(st *stage, key string) { st.putRaw(key, []byte(`{"v":1,"slots":{"0":{"attempt":1}}}`)) },
		"unreadable": func(st *stage, key string) { st.putRaw(key, []byte(`{`)); st.Settle(); st.del(key) },
	} {
		t.Run(name, func(t *testing.T) {
			st := leading(t)
			st.node("n1")
			st.submit(helloID, hello(1), 1)
			st.Settle()
			for range 2 {
				st.Advance(2 * time.Minute)
				st.fails()
			}
			take(st, st.keys.Slots(helloID, "0"))
			if txns, quiet := st.spin(500); !quiet || txns > 3 {
				t.Errorf("%d transactions at one instant, quiet %v", txns, quiet)
			}
			st.resigned()
			st2 := st.another("s2")
			st2.Settle()
			if got := st2.s.world.apps[helloID].slots["0"].value.Slots["0"]; got.Attempt != 2 {
				t.Errorf("the record is %+v", got)
			}
			if got := st2.assignments(); name != "set back" && len(got) != 0 {
				t.Errorf("%v at once", got)
			}
			st2.Advance(2 * time.Minute)
			if _, id := st2.only(); id.Attempt != 3 {
				t.Errorf("%s is the third", id)
			}
		})
	}
}
