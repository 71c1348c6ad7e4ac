package dnstest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/nsched/nsched/dns"
	"github.com/nsched/nsched/dns/diff"
	"github.com/nsched/nsched/units"
)

// Memory is a provider whose zones are in memory. It is for one goroutine.
type Memory struct {
	// Max is what Limit returns; 0 is 200.
	Max int
	// Fault, when set, is asked before every request, "list" or "apply": an error is the answer, and with
	// it says whether the changes are made all the same. Of an apply that is unknown, since nothing else
	// can be told.
	Fault func(ctx context.Context, request string, changes []diff.Change) (made bool, err error)
	// Refuse, when set, says why a change is refused, and with it all that are in the same Apply.
	Refuse func(diff.Change) error

	zones map[string]map[string]diff.Existing
	next  int
	// Lists and Applies count requests.
	Lists, Applies int
}

var _ dns.Provider = (*Memory)(nil)

// NewMemory returns a provider of empty zones.
func NewMemory(zones ...string) *Memory {
	m := &Memory{zones: map[string]map[string]diff.Existing{}}
	for _, z := range zones {
		m.zones[z] = map[string]diff.Existing{}
	}
	return m
}

// Zones implements dns.Provider.
func (m *Memory) Zones() []string { return slices.Sorted(maps.Keys(m.zones)) }

// Shape implements dns.Provider.
func (m *Memory) Shape(r diff.Record) (diff.Record, error) { return r, nil }

// Limit implements dns.Provider.
func (m *Memory) Limit() int { return cmp.Or(m.Max, 200) }

// List implements dns.Provider.
func (m *Memory) List(ctx context.Context, zone string) ([]diff.Existing, error) {
	m.Lists++
	if m.Fault != nil {
		if _, err := m.Fault(ctx, "list", nil); err != nil {
			return nil, err
		}
	}
	return m.Records(zone), nil
}

// Records returns what a zone holds, in order.
func (m *Memory) Records(zone string) []diff.Existing {
	return slices.SortedFunc(maps.Values(m.zones[zone]), func(a, b diff.Existing) int {
		return cmp.Or(a.Compare(b.Key), cmp.Compare(a.ID, b.ID))
	})
}

// Put makes a record as somebody else would, and returns its id.
func (m *Memory) Put(zone string, e diff.Existing) string {
	m.next++
	e.ID = fmt.Sprint(m.next)
	m.zones[zone][e.ID] = e
	return e.ID
}

// Drop deletes all records of a zone as somebody else would.
func (m *Memory) Drop(zone string) { clear(m.zones[zone]) }

// Apply implements dns.Provider: all or none.
func (m *Memory) Apply(ctx context.Context, zone string, changes []diff.Change) []dns.Outcome {
	m.Applies++
	made, err := true, error(nil)
	if m.Fault != nil {
		if made, err = m.Fault(ctx, "apply", changes); err == nil {
			made = true
		}
	}
	o := dns.Outcome{State: dns.Applied}
	if made {
		if refusal := m.apply(zone, changes); refusal != nil {
			o = dns.Outcome{State: dns.Refused, Err: refusal}
		}
	}
	if err != nil {
		o = dns.Outcome{State: dns.Unknown, Err: err}
	}
	return slices.Repeat([]dns.Outcome{o}, len(changes))
}

// Errors of a refused change.
var (
	ErrGone  = errors.New("there is no such record")
	ErrTaken = errors.New("the same record, or one that stands alone, is there")
)

func (m *Memory) apply(zone string, changes []diff.Change) error {
	after := maps.Clone(m.zones[zone])
	for _, verb := range []diff.Verb{diff.Delete, diff.Update, diff.Create} {
		for _, c := range changes {
			if c.Verb != verb {
				continue
			}
			if m.Refuse != nil {
				if err := m.Refuse(c); err != nil {
					return err
				}
			}
			if _, ok := after[c.ID]; !ok && verb != diff.Create {
				return ErrGone
			}
			delete(after, c.ID)
			if verb == diff.Delete {
				continue
			}
			if slices.ContainsFunc(slices.Collect(maps.Values(after)), func(e diff.Existing) bool { return excludes(e.Key, c.Record.Key) }) {
				return ErrTaken
			}
			id := c.ID
			if verb == diff.Create {
				m.next++
				id = fmt.Sprint(m.next)
			}
			after[id] = diff.Existing{Key: c.Record.Key, ID: id, TTL: c.Record.TTL, Proxied: c.Record.Proxied, Owner: c.Owner}
		}
	}
	m.zones[zone] = after
	return nil
}

// excludes says that two records cannot be in one zone.
func excludes(a, b diff.Key) bool {
	return a == b || a.Name == b.Name && (a.Type == units.DNSTypeCNAME || b.Type == units.DNSTypeCNAME)
}
