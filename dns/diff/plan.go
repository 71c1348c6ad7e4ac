package diff

import (
	"cmp"
	"slices"

	"github.com/nsched/nsched/units"
)

// Zone is one external zone: what is wanted of it, what it holds, and what is known besides.
type Zone struct {
	Name    string
	Cluster string // this cluster's random id; without one nothing is planned
	// Want are the records of the zone, as its provider would store them.
	Want []Record
	// Have is the whole zone, foreign records included, and Complete that it was read to its end.
	Have     []Existing
	Complete bool
	// Before is how many records the zone held when it was last read.
	Before  int
	Unclear Unclear
	Silence Silence
	// Frozen says that evictions are frozen, and Empty that the registry was read as empty.
	Frozen, Empty bool
}

// Verb is what a change does.
type Verb string

// The verbs.
const (
	Create Verb = "create"
	Update Verb = "update"
	Delete Verb = "delete"
)

// Change is one change of one record. Changes of one name belong together: a provider that can make them
// in one transaction does, and deletes come first in it.
type Change struct {
	Verb   Verb
	ID     string // the provider's, of what is updated or deleted
	Record Record // as it shall be; of a delete as it was, without its app
	Owner  Owner  // the mark that it shall carry, or carried
}

// Kept is an owned record that nobody wants and that stays for now.
type Kept struct {
	Key
	Code string // why
}

// Plan is what one pass over a zone changes.
type Plan struct {
	// Changes are in the order of names.
	Changes  []Change
	Kept     []Kept
	Problems []Problem
	// Owned and Foreign are the records that the zone holds.
	Owned, Foreign int
}

// DeleteLimit is how many of a zone's owned records may be deleted in one pass.
func DeleteLimit(owned int) int { return max(3, owned*30/100) }

// Make returns the plan of one pass. Carrying it out and reading again leads, in as many passes as the
// limit needs, to a plan without changes.
func Make(z Zone) Plan {
	m := maker{zone: z, silent: map[Owner]bool{}}
	m.index()
	switch {
	case !z.Complete || z.Cluster == "":
		return m.plan
	case len(z.Have) == 0 && z.Before > 0:
		m.problem(Record{Key: Key{Name: z.Name}}, ReasonEmptyRead, "the zone came back empty and held records before")
		return m.plan
	}
	m.budget = DeleteLimit(m.plan.Owned)
	for _, name := range m.names {
		m.name(name)
	}
	m.remove()
	slices.SortStableFunc(m.plan.Changes, func(a, b Change) int { return cmp.Compare(a.Record.Name, b.Record.Name) })
	slices.SortFunc(m.plan.Kept, func(a, b Kept) int { return a.Compare(b.Key) })
	return m.plan
}

// holding is what a zone holds under one name.
type holding struct {
	want           []Record
	owned, foreign []Existing
}

type maker struct {
	zone   Zone
	plan   Plan
	at     map[string]*holding
	names  []string
	budget int
	queue  []removal
	// silent are the owners of addresses of which nothing is heard.
	silent map[Owner]bool
}

func (m *maker) index() {
	m.at = map[string]*holding{}
	get := func(name string) *holding {
		h := m.at[name]
		if h == nil {
			h = &holding{}
			m.at[name] = h
			m.names = append(m.names, name)
		}
		return h
	}
	for _, r := range slices.SortedFunc(slices.Values(m.zone.Want), Record.Compare) {
		h := get(r.Name)
		h.want = append(h.want, r)
	}
	have := slices.SortedFunc(slices.Values(m.zone.Have), func(a, b Existing) int {
		return cmp.Or(a.Compare(b.Key), cmp.Compare(a.ID, b.ID))
	})
	for _, e := range have {
		h := get(e.Name)
		if e.Owner.Cluster == m.zone.Cluster && e.Owner.Cluster != "" {
			h.owned = append(h.owned, e)
			m.plan.Owned++
			if isAddress(e.Type) && m.zone.Silence.about(e, false) {
				m.silent[e.Owner] = true
			}
		} else {
			h.foreign = append(h.foreign, e)
			m.plan.Foreign++
		}
	}
	slices.Sort(m.names)
}

func (m *maker) problem(r Record, code, message string) {
	m.plan.Problems = append(m.plan.Problems, Problem{
		App: r.App, Provider: r.Provider, Name: r.Name, Reason: units.Reason{Code: code, Message: message},
	})
}

func (m *maker) keep(e Existing, code string) { m.plan.Kept = append(m.plan.Kept, Kept{e.Key, code}) }

// name compares what is wanted with what there is under one name.
func (m *maker) name(name string) {
	h := m.at[name]
	spare := slices.Clone(h.owned) // owned and not wanted
	seen := map[rrset]int{}        // wanted and there
	var missing []Record
	for _, r := range h.want {
		i := slices.IndexFunc(spare, func(e Existing) bool { return e.Key == r.Key })
		if i < 0 {
			missing = append(missing, r)
			continue
		}
		m.adjust(r, spare[i])
		spare = slices.Delete(spare, i, i+1)
		seen[r.rrset()]++
	}
	var creates []Record
	for _, r := range missing {
		if why := h.obstacle(r); why != "" {
			m.problem(r, ReasonForeign, why)
			if slices.ContainsFunc(h.foreign, func(e Existing) bool { return e.Key == r.Key }) {
				seen[r.rrset()]++ // somebody else's, and live
			}
			continue
		}
		// A CNAME has nowhere to stand beside the old one: it is changed in place.
		i := slices.IndexFunc(spare, func(e Existing) bool { return e.Type == units.DNSTypeCNAME })
		if r.Type == units.DNSTypeCNAME && i >= 0 {
			if code := m.held(spare[i]); code != "" {
				m.keep(spare[i], code)
			} else {
				m.change(Update, spare[i].ID, r)
			}
			spare = slices.Delete(spare, i, i+1)
			continue
		}
		creates = append(creates, r)
	}
	m.settle(h, spare, creates, seen)
}

// adjust updates what surrounds a record's data.
func (m *maker) adjust(r Record, e Existing) {
	if r.TTL != e.TTL || r.Proxied != e.Proxied || Tag(r.App) != e.Owner.App {
		m.change(Update, e.ID, r)
	}
}

func (m *maker) change(v Verb, id string, r Record) {
	m.plan.Changes = append(m.plan.Changes, Change{
		Verb: v, ID: id, Record: r, Owner: Owner{Cluster: m.zone.Cluster, App: Tag(r.App)},
	})
}

// obstacle says why a record cannot be created beside what others have under its name; "" if it can.
func (h *holding) obstacle(r Record) string {
	ours := slices.ContainsFunc(h.owned, func(e Existing) bool { return e.Type == r.Type })
	for _, e := range h.foreign {
		switch {
		case e.Key == r.Key:
			return "the same record is there without this cluster's mark"
		case e.Type == units.DNSTypeCNAME || r.Type == units.DNSTypeCNAME:
			return "a record without this cluster's mark is there, and a CNAME stands alone"
		case e.Type == r.Type && !ours:
			return "records of this name and type are there without this cluster's mark"
		}
	}
	return ""
}

// held says why an owned record may not be removed now, whatever is wanted; "" if it may.
func (m *maker) held(e Existing) string {
	switch {
	case m.zone.Frozen:
		return ReasonFrozen
	case m.zone.Empty:
		return ReasonEmptyRead
	case m.zone.Unclear.Names[e.Name] || m.zone.Silence.unclear(m.zone.Unclear, e.Owner.App):
		return ReasonUnclear
	}
	return ""
}
