package diff

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/nsched/nsched/units"
)

// Data is what a record says: the fields that its type has, the rest zero. It is comparable.
type Data struct {
	Addr                   netip.Addr // A, AAAA
	Target                 string     // CNAME, SRV: a name in lower case without the final dot
	Priority, Weight, Port uint16     // SRV
	Text                   string     // TXT, and the content of types that nsched does not write
}

// Key is what makes a record itself: two records with one Key are the same record.
type Key struct {
	Name string // fully qualified, in lower case, without the final dot
	Type units.DNSType
	Data Data
}

// Record is one resource record that should exist.
type Record struct {
	Key
	Provider units.DNSProvider
	TTL      int // seconds
	Proxied  bool
	App      units.AppID
}

// String returns the record as a zone file has it, without its class.
func (r Record) String() string {
	return r.Name + " " + strconv.Itoa(r.TTL) + " " + string(r.Type) + " " + r.Value()
}

// Value returns what the record says, as a zone file has it.
func (k Key) Value() string {
	switch k.Type {
	case units.DNSTypeA, units.DNSTypeAAAA:
		return k.Data.Addr.String()
	case units.DNSTypeCNAME:
		return k.Data.Target
	case units.DNSTypeSRV:
		return fmt.Sprintf("%d %d %d %s", k.Data.Priority, k.Data.Weight, k.Data.Port, k.Data.Target)
	case units.DNSTypeTXT:
		return strconv.Quote(k.Data.Text)
	}
	return k.Data.Text
}

// Compare orders records by name, type and what they say.
func (k Key) Compare(o Key) int {
	return cmp.Or(
		cmp.Compare(k.Name, o.Name),
		cmp.Compare(k.Type, o.Type),
		k.Data.Addr.Compare(o.Data.Addr),
		cmp.Compare(k.Data.Target, o.Data.Target),
		cmp.Compare(k.Data.Priority, o.Data.Priority),
		cmp.Compare(k.Data.Weight, o.Data.Weight),
		cmp.Compare(k.Data.Port, o.Data.Port),
		cmp.Compare(k.Data.Text, o.Data.Text),
	)
}

// Compare orders records by their keys, then by provider.
func (r Record) Compare(o Record) int {
	return cmp.Or(r.Key.Compare(o.Key), cmp.Compare(r.Provider, o.Provider))
}

// rrset is the records that a name has of one type.
type rrset struct {
	name string
	kind units.DNSType
}

func (k Key) rrset() rrset { return rrset{k.Name, k.Type} }

func isAddress(t units.DNSType) bool { return t == units.DNSTypeA || t == units.DNSTypeAAAA }

// Problem is something about a record that a person should know. It stops nothing but that record.
type Problem struct {
	App      units.AppID       `json:"app,omitzero"`
	Provider units.DNSProvider `json:"provider,omitempty"`
	Name     string            `json:"name"`
	Reason   units.Reason      `json:"reason"`
}

func (p Problem) compare(o Problem) int {
	return cmp.Or(cmp.Compare(p.Provider, o.Provider), cmp.Compare(p.Name, o.Name), p.App.Compare(o.App),
		cmp.Compare(p.Reason.Code, o.Reason.Code), cmp.Compare(p.Reason.Message, o.Reason.Message))
}

// Codes of problems.
const (
	ReasonBadName     = "dns-bad-name"     // a name that the DNS, or this provider, cannot have
	ReasonNoTarget    = "dns-no-target"    // nothing that such a record could point to
	ReasonMixed       = "dns-mixed"        // a CNAME beside other records; the newest generation's stay
	ReasonForeign     = "dns-foreign"      // somebody else's records are in the way
	ReasonNoZone      = "dns-no-zone"      // the provider has no zone for the name
	ReasonEmptyRead   = "dns-empty-read"   // the zone came back empty and was not before
	ReasonUnclear     = "dns-unclear"      // something about it cannot be read
	ReasonFrozen      = "dns-frozen"       // evictions are frozen: nothing is removed
	ReasonCapped      = "dns-capped"       // too many removals for one pass
	ReasonLastAddress = "dns-last-address" // the last one is not removed for silence
	ReasonReplacing   = "dns-replacing"    // goes when what replaces it is there
)
