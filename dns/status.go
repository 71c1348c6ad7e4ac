package dns

import (
	"slices"
	"time"

	"github.com/nsched/nsched/dns/diff"
	"github.com/nsched/nsched/units"
)

// Status is how a provider's zone is doing; Zone is empty for coredns, which has none. Times are of this
// machine's wall clock. The counts rise from the start of the process.
type Status struct {
	Provider units.DNSProvider `json:"provider"`
	Zone     string            `json:"zone,omitempty"`
	Phase    string            `json:"phase"` // resting, idle, listing, applying; of coredns: following
	// Wanted is how many records are wanted, Owned and Foreign how many there are with and without our
	// mark, Pending the changes of the newest plan that are not made yet.
	Wanted  int `json:"wanted"`
	Owned   int `json:"owned"`
	Foreign int `json:"foreign"`
	Pending int `json:"pending"`
	// Kept counts by reason the owned records that nobody wants and that stay for now.
	Kept   map[string]int `json:"kept,omitempty"`
	Frozen bool           `json:"frozen,omitempty"`
	// Synced is when the zone was last read and found, or made, as planned. Reason says why it is not now.
	Synced   time.Time      `json:"synced,omitzero"`
	Reason   units.Reason   `json:"reason,omitzero"`
	Problems []diff.Problem `json:"problems,omitempty"`

	Passes   int64 `json:"passes"`
	Failures int64 `json:"failures"`
	Created  int64 `json:"created"`
	Updated  int64 `json:"updated"`
	Deleted  int64 `json:"deleted"`
}

// Status returns the state of coredns, then of each zone in the order of providers. Problems of records
// that have no zone are coredns'.
func (s *Syncer) Status() []Status {
	all := []Status{s.internal()}
	byZone := map[zoneKey][]diff.Problem{}
	names := map[units.DNSProvider][]string{}
	for _, z := range s.zones {
		names[z.provider] = append(names[z.provider], z.name)
	}
	for _, p := range slices.Concat(s.wish.Problems, s.problems) {
		zone, _ := diff.ZoneOf(p.Name, names[p.Provider])
		byZone[zoneKey{p.Provider, zone}] = append(byZone[zoneKey{p.Provider, zone}], p)
		if zone == "" {
			all[0].Problems = append(all[0].Problems, p)
		}
	}
	for _, z := range s.zones {
		st := z.status
		st.Phase, st.Wanted, st.Frozen = z.phase.String(), len(z.want), s.frozen
		if !s.leading {
			st.Phase = phaseResting.String()
		}
		st.Problems = slices.Concat(byZone[zoneKey{z.provider, z.name}], z.problems, z.refusals())
		all = append(all, st)
	}
	return all
}
