package scheduler

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
)

var otherID = units.AppID{Namespace: "default", Name: "other"}

// other is the document of an app beside hello.
func other(count int) string { return strings.Replace(hello(count), `"hello"`, `"other"`, 1) }

// What a hand writes can be read and be out of all bounds. A count of 2^62 ended each leader in turn; a time in the far
// future made it plan without a pause; after the last attempt
// that there is came one whose name nobody can read. Nothing else was placed meanwhile.
func TestNumbersOutOfAllBoundsHarmOnlyTheirOwnApp(t *testing.T) {
	slot := func(r units.SlotRecord) func(st *stage) {
		return func(st *stage) {
			st.put(st.keys.Slots(helloID, "0"), units.Slots{Slots: map[units.Slot]units.SlotRecord{"0": r}})
		}
	}
	for name, test := range map[string]struct {
		hand     func(st *stage)
		document string
		stays    int // units of hello that are to run, -1 for any
	}{
		"a count that no memory holds": {hand: func(st *stage) { st.put(st.keys.App(helloID), units.Intent{Generation: 1, Count: math.MaxInt}) }, stays: 2},
		"a count beyond the limit": {hand: func(st *stage) {
			st.put(st.keys.App(helloID), units.Intent{Generation: 1, Count: units.CountLimit + 1})
		}, stays: 2},
		"a count below zero":             {hand: func(st *stage) { st.put(st.keys.App(helloID), units.Intent{Generation: 1, Count: -1}) }, stays: 2},
		"a generation that there is not": {hand: func(st *stage) { st.put(st.keys.App(helloID), units.Intent{Generation: math.MaxInt64, Count: 2}) }, stays: 2},
		"the last attempt is given out":  {hand: slot(units.SlotRecord{Attempt: math.MaxInt64}), stays: -1},
		"an attempt below zero":          {hand: slot(units.SlotRecord{Attempt: math.MinInt64}), stays: 2},
		"a time that never comes":        {hand: slot(units.SlotRecord{Attempt: 5, Generation: 1, Failures: 1, NotBeforeMs: math.MaxInt64 / 2}), stays: -1},
		"more failures than can be":      {hand: slot(units.SlotRecord{Attempt: 5, Generation: 1, Failures: math.MaxInt}), document: with(hello(2), `"reschedule":{"delay":"1ms","maxDelay":"1h","function":"fibonacci"}`), stays: -1},
		"a status of the last attempt": {hand: func(st *stage) {
			id := units.UnitID{Namespace: "default", App: "hello", Slot: "0", Generation: 1, Attempt: math.MaxInt64}
			st.put(st.keys.Status("n2", id), units.Status{Tenure: math.MaxInt64, State: units.StateStopped})
		}, stays: -1},
	} {
		t.Run(name, func(t *testing.T) {
			st := leading(t)
			st.node("n1")
			st.node("n2")
			document := test.document
			if document == "" {
				document = hello(2)
			}
			st.submit(helloID, document, 2)
			st.Settle()
			for key := range st.assignments() {
				if test.stays >= 0 || !strings.Contains(key, "hello.0.") {
					continue
				}
				node, text, _ := strings.Cut(key, "/")
				id, err := units.ParseUnitID(text)
				if err != nil {
					t.Fatal(err)
				}
				st.del(st.keys.Unit(units.NodeName(node), id)) // the slot is to be filled anew
				st.del(st.keys.Slots(helloID, "0"))
			}
			test.hand(st)
			st.submit(otherID, other(2), 2)
			if txns, quiet := st.spin(500); !quiet || txns > 20 {
				t.Errorf("%d transactions at one instant, quiet %v", txns, quiet)
			}
			if next := st.Step(); next.Boot != 0 && next.Boot <= st.Now.Boot {
				t.Errorf("wants to be called again at once: %v at %v", next.Boot, st.Now.Boot)
			}
			st.Advance(10 * time.Second)
			hellos, others := 0, 0
			for key, a := range st.assignments() {
				switch {
				case a.Desired != units.DesiredRun:
				case strings.Contains(key, ".hello."):
					hellos++
				default:
					others++
				}
			}
			if others != 2 || test.stays >= 0 && hellos != test.stays {
				t.Errorf("%d units of hello, want %d, and %d of other, want 2", hellos, test.stays, others)
			}
			for key := range st.s.world.bad {
				t.Errorf("%s was written and cannot be read", key)
			}
		})
	}
}

// A record of a loss in the far future, or before all time: the sum wrapped around, and a
// singleton was placed beside the one that could still run.
func TestASingletonWaitsWhateverTimeAHandWritesDown(t *testing.T) {
	for name, at := range map[string]int64{"the far future": math.MaxInt64, "before all time": math.MinInt64, "soon": math.MaxInt64 / 2} {
		t.Run(name, func(t *testing.T) {
			st := leading(t)
			for _, n := range []units.NodeName{"n1", "n2", "n3"} {
				st.node(n)
			}
			st.submit(helloID, with(hello(1), single), 1)
			st.Advance(20 * time.Second)
			lost := st.home()
			st.lose(lost)
			st.Settle()
			st.put(st.keys.Fence(lost), units.Fence{Tenure: st.fence(lost).Tenure, LostAtMs: at})
			st.Advance(10 * time.Second)
			if up := st.up(); len(up) != 1 || up[0] != lost {
				t.Errorf("replaced early: units are to run on %v", up)
			}
			st.Advance(3 * time.Second)
			if up := st.up(); len(up) != 1 || up[0] == lost {
				t.Errorf("not replaced: units are to run on %v", up)
			}
		})
	}
}

// A slot had units on so many nodes, all of a hand, that one transaction could not evict them: the whole plan was not
// accepted, and nothing of any app was placed any more.
func TestADecisionThatNoTransactionHoldsHoldsUpNothingElse(t *testing.T) {
	st := leading(t)
	st.submit(helloID, with(hello(1), `"disconnect":{"onPartition":"stop"}`), 1)
	for i := range units.Attempt(60) {
		name := units.NodeName(fmt.Sprintf("n%02d", i))
		st.node(name)
		id := units.UnitID{Namespace: "default", App: "hello", Slot: "0", Generation: 1, Attempt: i + 1}
		st.put(st.keys.Unit(name, id), units.Assignment{Desired: units.DesiredRun, Tenure: 1})
	}
	st.submit(otherID, other(2), 2)
	st.Advance(10 * time.Second)
	others, hellos := 0, 0
	for key, a := range st.assignments() {
		switch {
		case strings.Contains(key, ".other."):
			others++
		case a.Desired == units.DesiredRun:
			hellos++
		}
	}
	if others != 2 || hellos != 1 {
		t.Errorf("%d units of another app, want 2, and %d in the slot, want 1", others, hellos)
	}
}

// A hand vouched for the loss of every tenure that there can be. Each time the node was lost its singleton was placed
// elsewhere at once, beside the one that still ran.
func TestNobodyVouchesForTheLossOfATenureThatIsYetToBegin(t *testing.T) {
	st := leading(t)
	for _, n := range []units.NodeName{"n1", "n2", "n3"} {
		st.put(st.keys.Operator(n), units.Operator{ConfirmLost: math.MaxInt64})
		st.node(n)
	}
	st.submit(helloID, with(hello(1), single), 1)
	st.Advance(20 * time.Second)
	lost := st.home()
	st.lose(lost)
	st.Advance(10 * time.Second)
	if up := st.up(); len(up) != 1 || up[0] != lost {
		t.Errorf("units are to run on %v", up)
	}
}
