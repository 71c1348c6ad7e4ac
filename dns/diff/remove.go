package diff

import (
	"cmp"
	"slices"

	"github.com/nsched/nsched/units"
)

// removal is what has to go under one name, and what can only come when all of it has gone.
type removal struct {
	name    string
	deletes []Existing
	// blocked are the creates for which there is no place before; see conflicts.
	blocked []Record
	silent  bool
}

// settle decides what of the spare records of a name may go, and what is created.
func (m *maker) settle(h *holding, spare []Existing, creates []Record, seen map[rrset]int) {
	coming := map[rrset]int{}
	for _, r := range creates {
		coming[r.rrset()]++
	}
	out := removal{}
	var free []Record
	for _, r := range creates {
		if slices.ContainsFunc(spare, func(e Existing) bool { return conflicts(r.Type, e.Type) }) {
			out.blocked = append(out.blocked, r)
		} else {
			free = append(free, r)
		}
	}
	stuck := false // something that blocks stays
	for _, e := range spare {
		set := e.rrset()
		code := m.held(e)
		inTheWay := slices.ContainsFunc(out.blocked, func(r Record) bool { return conflicts(r.Type, e.Type) })
		silent := m.zone.Silence.about(e, m.silent[e.Owner])
		switch {
		case code != "", inTheWay, seen[set] > 0:
		case coming[set] > 0:
			code = ReasonReplacing
		case silent:
			code = ReasonLastAddress
		}
		if code != "" {
			m.keep(e, code)
			stuck = stuck || inTheWay
			continue
		}
		out.deletes = append(out.deletes, e)
		out.silent = out.silent || silent
	}
	if stuck {
		out.blocked = nil
	}
	for _, r := range free {
		m.change(Create, "", r)
	}
	if len(out.deletes) > 0 {
		out.name = out.deletes[0].Name
		m.queue = append(m.queue, out)
	}
}

// conflicts says that records of two types cannot stand under one name.
func conflicts(a, b units.DNSType) bool {
	return a != b && (a == units.DNSTypeCNAME || b == units.DNSTypeCNAME)
}

// remove turns removals into changes as far as the limit allows: what was said first, then silence.
func (m *maker) remove() {
	slices.SortStableFunc(m.queue, func(a, b removal) int {
		if a.silent != b.silent {
			if b.silent {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.name, b.name)
	})
	for _, q := range m.queue {
		n := min(len(q.deletes), m.budget)
		whole := n == len(q.deletes)
		if !whole && len(q.blocked) > 0 {
			// The last ones go together with what takes their place.
			n = min(n, len(q.deletes)-1)
		}
		m.budget -= n
		for i, e := range q.deletes {
			if i >= n {
				m.keep(e, ReasonCapped)
				continue
			}
			m.plan.Changes = append(m.plan.Changes, Change{
				Verb: Delete, ID: e.ID, Owner: e.Owner, Record: Record{Key: e.Key, TTL: e.TTL, Proxied: e.Proxied},
			})
		}
		if !whole {
			continue
		}
		for _, r := range q.blocked {
			m.change(Create, "", r)
		}
	}
}
