package diff

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/nsched/nsched/units"
)

// Priority and Weight are those of every SRV record.
const (
	Priority = 10
	Weight   = 1
)

// Wish is what the DNS should say.
type Wish struct {
	// Records are in order, each once. Records of one name, type and provider agree on TTL and proxied.
	Records  []Record
	Problems []Problem
	Unclear  Unclear
}

// draft is a record that one unit wants.
type draft struct {
	Record
	unit units.UnitID
	// declared says that the app's document has the name itself.
	declared bool
}

// compare brings the drafts for one name together, those of each type in the order of units.
func (d *draft) compare(o *draft) int {
	if c := cmp.Compare(d.Provider, o.Provider); c != 0 {
		return c
	}
	if c := cmp.Compare(d.Name, o.Name); c != 0 {
		return c
	}
	if c := cmp.Compare(d.Type, o.Type); c != 0 {
		return c
	}
	if c := d.App.Compare(o.App); c != 0 {
		return c
	}
	if c := compareSlots(d.unit.Slot, o.unit.Slot); c != 0 {
		return c
	}
	return cmp.Or(d.unit.Compare(o.unit), d.Data.Addr.Compare(o.Data.Addr), cmp.Compare(d.Data.Target, o.Data.Target),
		d.Key.Compare(o.Key), cmp.Compare(d.TTL, o.TTL))
}

// compareSlots orders indices by number as units.CompareSlots does, and costs a tenth.
func compareSlots(a, b units.Slot) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// Desired returns the records that the fleet's live endpoints call for, of every provider but none.
func Desired(f Fleet) Wish {
	w := wisher{
		fleet: f, apps: map[units.AppID]bool{}, blamed: map[blame]bool{},
		drafts: make([]draft, 0, len(f.Live)), records: make([]Record, 0, len(f.Live)),
	}
	for i := range f.Live {
		if l := &f.Live[i]; l.Spec == nil {
			w.apps[l.Unit.AppID()] = true
		} else {
			w.live(l)
		}
	}
	maps.Copy(w.apps, f.Unclear.Apps)
	sorted := make([]*draft, len(w.drafts))
	for i := range w.drafts {
		sorted[i] = &w.drafts[i]
	}
	slices.SortFunc(sorted, (*draft).compare)
	for rest := sorted; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Provider == rest[0].Provider && rest[n].Name == rest[0].Name {
			n++
		}
		w.name(rest[:n])
		rest = rest[n:]
	}
	slices.SortFunc(w.records, Record.Compare)
	slices.SortFunc(w.problems, Problem.compare)
	return Wish{
		Records: w.records, Problems: w.problems,
		Unclear: Unclear{Apps: w.apps, Names: f.Unclear.Names, Nodes: f.Unclear.Nodes},
	}
}

type wisher struct {
	fleet    Fleet
	drafts   []draft
	records  []Record
	problems []Problem
	blamed   map[blame]bool
	apps     map[units.AppID]bool // unclear
}

// blame is what makes a problem one: it is reported once, whatever number of units have it.
type blame struct {
	app      units.AppID
	provider units.DNSProvider
	name     string
	code     string
}

func (w *wisher) blame(r Record, code, format string, args ...any) {
	b := blame{r.App, r.Provider, r.Name, code}
	if w.blamed[b] {
		return
	}
	w.blamed[b] = true
	w.problems = append(w.problems, Problem{
		App: r.App, Provider: r.Provider, Name: r.Name,
		Reason: units.Reason{Code: code, Message: fmt.Sprintf(format, args...)},
	})
}

func (w *wisher) add(d draft) {
	if why := nameProblem(d.Name, d.Provider); why != "" {
		w.blame(d.Record, ReasonBadName, "%s", why)
		return
	}
	w.drafts = append(w.drafts, d)
}

// live drafts all records of one endpoint.
func (w *wisher) live(l *Live) {
	for _, rec := range l.Spec.Records {
		if rec.Provider == units.ProviderNone {
			continue
		}
		d := draft{unit: l.Unit, declared: true, Record: Record{
			Key:      Key{Name: canonical(rec.Name), Type: rec.Type},
			Provider: rec.Provider, TTL: rec.TTL, Proxied: rec.Proxied, App: l.Unit.AppID(),
		}}
		service, base := splitService(d.Name)
		own := join(service, string(l.Unit.Slot), base)
		names := []string{d.Name}
		if rec.PerUnit {
			names = append(names, own)
		}
		for i, name := range names {
			each := d
			each.Name, each.declared = name, i == 0
			switch rec.Type {
			case units.DNSTypeA, units.DNSTypeAAAA:
				w.addresses(each, l)
			case units.DNSTypeCNAME:
				w.alias(each, l)
			case units.DNSTypeTXT:
				each.Data.Text = fmt.Sprintf("app=%s slot=%s generation=%d node=%s",
					each.App, l.Unit.Slot, l.Unit.Generation, l.Node)
				w.add(each)
			case units.DNSTypeSRV:
				w.services(each, l, base)
			}
		}
	}
}

// addresses drafts one record of the type for each address of its family.
func (w *wisher) addresses(d draft, l *Live) {
	for _, a := range Addresses(l.Endpoint.Addresses) {
		if a.Is4() != (d.Type == units.DNSTypeA) || !routable(a, d.Provider) {
			continue
		}
		d.Data = Data{Addr: a}
		w.add(d)
	}
}

// Addresses returns those of the texts that are IP addresses, in their order. An IPv4 address in IPv6
// clothes is IPv4; zones of scoped addresses are of one machine and make it no address here.
func Addresses(texts []string) []netip.Addr {
	var found []netip.Addr
	for _, text := range texts {
		if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
			found = append(found, a.Unmap())
		}
	}
	return found
}

// routable says that it makes sense to tell others of an address: CoreDNS may serve this very machine,
// an external provider never does.
func routable(a netip.Addr, p units.DNSProvider) bool {
	if a.IsUnspecified() || a.IsMulticast() || a.IsLinkLocalUnicast() {
		return false
	}
	return p == units.ProviderCoreDNS || !a.IsLoopback()
}

// alias drafts the CNAME that the unit's node would have.
func (w *wisher) alias(d draft, l *Live) {
	for _, a := range l.Endpoint.Addresses {
		if target := canonical(a); isHostName(target) && target != d.Name {
			d.Data = Data{Target: target}
			w.add(d)
			return
		}
	}
	w.blame(d.Record, ReasonNoTarget, "no node of its units has a host name among its addresses")
}

// name settles whose a name is, and what of the drafts for it becomes records.
func (w *wisher) name(drafts []*draft) {
	owner := w.owner(drafts)
	kept := drafts[:0:len(drafts)]
	newest := units.Generation(0)
	for _, d := range drafts {
		if d.App != owner {
			w.blame(d.Record, units.ReasonNameClaimed, "it is %s's", owner)
			continue
		}
		kept = append(kept, d)
		newest = max(newest, d.unit.Generation)
	}
	kept = w.unmix(kept, newest)
	for rest := kept; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Type == rest[0].Type {
			n++
		}
		w.rrset(rest[:n])
		rest = rest[n:]
	}
}

// owner returns the app that has the name.
func (w *wisher) owner(drafts []*draft) units.AppID {
	if app, ok := w.fleet.Claims[drafts[0].Name]; ok {
		return app
	}
	since := func(app units.AppID) int64 {
		if s := w.fleet.Since[app]; s > 0 {
			return s
		}
		return 1<<63 - 1
	}
	return slices.MinFunc(drafts, func(a, b *draft) int {
		if a.declared != b.declared {
			if a.declared {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(since(a.App), since(b.App)), a.App.Compare(b.App))
	}).App
}

// unmix keeps a CNAME alone: where generations differ about it, the newest decides.
func (w *wisher) unmix(drafts []*draft, newest units.Generation) []*draft {
	isAlias := func(d *draft) bool { return d.Type == units.DNSTypeCNAME }
	if !slices.ContainsFunc(drafts, isAlias) {
		return drafts
	}
	alias := slices.ContainsFunc(drafts, func(d *draft) bool { return isAlias(d) && d.unit.Generation == newest })
	kept := drafts[:0:0]
	for _, d := range drafts {
		if isAlias(d) != alias {
			w.blame(d.Record, ReasonMixed, "a CNAME has no other record beside it; what the newest generation says counts")
			continue
		}
		kept = append(kept, d)
	}
	if alias {
		kept = kept[:1]
	}
	return kept
}

// rrset makes records of the drafts for one name and type. TTL and proxied are those of the newest
// generation: resolvers take records of one name and type to have one TTL (RFC 2181, section 5.2).
func (w *wisher) rrset(drafts []*draft) {
	lead := slices.MaxFunc(drafts, func(a, b *draft) int {
		return cmp.Or(cmp.Compare(a.unit.Generation, b.unit.Generation), cmp.Compare(b.TTL, a.TTL))
	})
	proxied := false
	for _, d := range drafts {
		proxied = proxied || d.unit.Generation == lead.unit.Generation && d.TTL == lead.TTL && d.Proxied
	}
	keys := make([]Key, 0, len(drafts))
	for _, d := range drafts {
		keys = append(keys, d.Key)
	}
	slices.SortFunc(keys, Key.Compare)
	for _, key := range slices.Compact(keys) {
		r := lead.Record
		r.Key, r.Proxied = key, proxied
		w.records = append(w.records, r)
	}
}
