package chaos

import (
	"errors"
	"testing"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// chronicle is a history of etcd, revision by revision from 2.
type chronicle struct {
	t      *testing.T
	keys   registry.Keys
	rev    int64
	create map[string]int64
	events []Event
}

func newChronicle(t *testing.T) *chronicle {
	t.Helper()
	keys, err := registry.NewKeys(registry.DefaultPrefix)
	if err != nil {
		t.Fatal(err)
	}
	return &chronicle{t: t, keys: keys, rev: 1, create: map[string]int64{}}
}

func (c *chronicle) put(key string, value any) int64 {
	c.t.Helper()
	raw, err := registry.Encode(value, registry.Extra{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.rev++
	if c.create[key] == 0 {
		c.create[key] = c.rev
	}
	c.add(registry.Change{KeyValue: registry.KeyValue{Key: key, Value: raw, CreateRevision: c.create[key], ModRevision: c.rev}})
	return c.create[key]
}

func (c *chronicle) delete(key string) {
	c.t.Helper()
	c.rev++
	delete(c.create, key)
	c.add(registry.Change{KeyValue: registry.KeyValue{Key: key, ModRevision: c.rev}, Deleted: true})
}

func (c *chronicle) add(change registry.Change) {
	c.t.Helper()
	of, err := c.keys.Parse(change.Key)
	if err != nil {
		c.t.Fatal(err)
	}
	c.events = append(c.events, Event{Change: change, Of: of})
}

func TestWhoWritesWithoutLeadingAndWhatGoesBackIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		right bool
		tell  func(c *chronicle, s1, s2, unit string)
	}{
		"the first leads and writes, then the next": {true, func(c *chronicle, s1, s2, unit string) {
			one := c.put(s1, units.Leader{Name: "s1"})
			two := c.put(s2, units.Leader{Name: "s2"})
			c.put(unit+"1", units.Assignment{Desired: units.DesiredRun, Term: one})
			c.put(s1, units.Leader{Name: "s1"}) // it puts its key again
			c.put(unit+"2", units.Assignment{Desired: units.DesiredStage, Term: one})
			c.delete(s1)
			c.put(unit+"2", units.Assignment{Desired: units.DesiredRun, Term: one})
			c.put(unit+"3", units.Assignment{Desired: units.DesiredRun, Term: two})
			c.put(unit+"1", units.Assignment{Desired: units.DesiredStop, Term: one})
			c.delete(unit + "1")
		}},
		"the second writes while the first leads": {false, func(c *chronicle, s1, s2, unit string) {
			c.put(s1, units.Leader{Name: "s1"})
			two := c.put(s2, units.Leader{Name: "s2"})
			c.put(unit+"1", units.Assignment{Desired: units.DesiredRun, Term: two})
		}},
		"the first writes after its end": {false, func(c *chronicle, s1, s2, unit string) {
			one := c.put(s1, units.Leader{Name: "s1"})
			c.put(s2, units.Leader{Name: "s2"})
			c.delete(s1)
			c.put(unit+"1", units.Assignment{Desired: units.DesiredRun, Term: one})
		}},
		"somebody writes of whom nobody knows": {false, func(c *chronicle, _, _, unit string) {
			c.put(unit+"1", units.Assignment{Desired: units.DesiredRun, Term: 1})
		}},
		"one ends who never stood": {false, func(c *chronicle, s1, _, _ string) { c.delete(s1) }},
		"a stop is taken back": {false, func(c *chronicle, s1, _, unit string) {
			one := c.put(s1, units.Leader{Name: "s1"})
			for _, d := range []units.Desired{units.DesiredRun, units.DesiredStop, units.DesiredRun} {
				c.put(unit+"1", units.Assignment{Desired: d, Term: one})
			}
		}},
		"an attempt comes again": {false, func(c *chronicle, s1, _, unit string) {
			one := c.put(s1, units.Leader{Name: "s1"})
			c.put(unit+"1", units.Assignment{Desired: units.DesiredRun, Term: one})
			c.delete(unit + "1")
			c.put(unit+"1", units.Assignment{Desired: units.DesiredRun, Term: one})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newChronicle(t)
			c.tell(h, h.keys.Leader(1), h.keys.Leader(2), h.keys.Under(registry.KindUnit)+"n1/default.web.0.1.")
			err := checkReigns(h.events, 1)
			if right := err == nil; right != c.right || err != nil && !errors.Is(err, ErrHistory) {
				t.Errorf("it says %v", err)
			}
		})
	}
}
