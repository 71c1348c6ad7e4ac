package dns

import (
	"strings"

	"github.com/nsched/nsched/dns/coredns"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// groupLimit is how many keys of one name are written together, well below registry.MaxOps.
const groupLimit = 60

// Writes returns what the leader has to commit so that CoreDNS serves what is live: a group for each name,
// which compares each key with what the view holds. It is nothing when all is as it should be, and the
// same until the view changes; so the leader asks when its view has what it committed before.
func (s *Syncer) Writes(now units.Instant) []registry.Group {
	if !s.leading {
		return nil
	}
	if fresh, _ := s.refresh(now); !fresh {
		return nil
	}
	if w := &s.written; w.version != s.made || w.compared != s.compared || w.frozen != s.frozen {
		w.version, w.compared, w.frozen = s.made, s.compared, s.frozen
		held := make([]coredns.Held, 0, len(s.facts.skydns))
		for _, path := range sortedKeys(s.facts.skydns) {
			held = append(held, s.facts.skydns[path])
		}
		w.result = coredns.Changes(coredns.Input{
			Want: s.cores, Held: held, Unclear: s.wish.Unclear, Muted: s.muted, Frozen: s.frozen, Empty: s.empty,
		})
		w.groups = groups(s.o.Keys, w.result.Changes)
	}
	return s.written.groups
}

// groups puts the changes of a name together.
func groups(keys registry.Keys, changes []coredns.Change) []registry.Group {
	var all []registry.Group
	at := map[string]int{} // a name's newest group
	for _, c := range changes {
		dir := c.Path[:max(0, strings.LastIndexByte(c.Path, '/'))]
		i, ok := at[dir]
		if !ok || len(all[i].Then) == groupLimit {
			i = len(all)
			at[dir] = i
			all = append(all, registry.Group{})
		}
		key := keys.Build(registry.Key{Kind: registry.KindSkyDNS, Path: c.Path})
		op := registry.Op{Kind: registry.OpPut, Key: key, Value: c.Value}
		if c.Value == nil {
			op = registry.Op{Kind: registry.OpDelete, Key: key}
		}
		all[i].If = append(all[i].If, registry.Compare{Key: key, Target: registry.ModRevision, Number: c.ModRevision})
		all[i].Then = append(all[i].Then, op)
	}
	return all
}

// internal is the state of the records that CoreDNS serves.
func (s *Syncer) internal() Status {
	res := s.written.result
	st := Status{
		Provider: units.ProviderCoreDNS, Phase: "following", Wanted: len(s.cores), Pending: len(res.Changes),
		Foreign: res.Foreign, Frozen: s.frozen,
	}
	if res.Kept > 0 {
		st.Kept = map[string]int{"kept": res.Kept}
	}
	return st
}
