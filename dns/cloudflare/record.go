package cloudflare

import (
	"encoding/json"
	"net/netip"
	"strings"

	"github.com/nsched/nsched/dns/diff"
	"github.com/nsched/nsched/units"
)

// record is a DNS record as the API has it.
type record struct {
	ID      string `json:"id,omitempty"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Content string `json:"content,omitempty"`
	// Data is of SRV records; other types have other fields in it.
	Data    json.RawMessage `json:"data,omitempty"`
	TTL     int             `json:"ttl"`
	Proxied bool            `json:"proxied"`
	Comment string          `json:"comment"`
}

// service is the data of an SRV record.
type service struct {
	Priority uint16 `json:"priority"`
	Weight   uint16 `json:"weight"`
	Port     uint16 `json:"port"`
	Target   string `json:"target"`
}

func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// existing is the record as package diff has it. What cannot be read as its type says keeps its content
// as text, so it equals nothing that is wanted.
func (r record) existing() diff.Existing {
	e := diff.Existing{
		Key: diff.Key{Name: canonical(r.Name), Type: units.DNSType(r.Type)},
		ID:  r.ID, TTL: r.TTL, Proxied: r.Proxied, Owner: diff.ParseOwner(r.Comment),
	}
	var srv service
	switch addr, err := netip.ParseAddr(r.Content); {
	case e.Type == units.DNSTypeA && err == nil, e.Type == units.DNSTypeAAAA && err == nil:
		e.Data.Addr = addr
	case e.Type == units.DNSTypeCNAME:
		e.Data.Target = canonical(r.Content)
	case e.Type == units.DNSTypeSRV && json.Unmarshal(r.Data, &srv) == nil:
		e.Data = diff.Data{Priority: srv.Priority, Weight: srv.Weight, Port: srv.Port, Target: canonical(srv.Target)}
	case e.Type == units.DNSTypeTXT:
		e.Data.Text = unquote(r.Content)
	default:
		e.Data.Text = r.Content
	}
	return e
}

// recordOf is a wanted record as the API takes it.
func recordOf(c diff.Change) record {
	r := record{
		ID: c.ID, Name: c.Record.Name, Type: string(c.Record.Type), TTL: c.Record.TTL, Proxied: c.Record.Proxied,
		Comment: c.Owner.String(),
	}
	switch d := c.Record.Data; c.Record.Type {
	case units.DNSTypeSRV:
		r.Data, _ = json.Marshal(service{d.Priority, d.Weight, d.Port, d.Target}) // numbers and a string always encode
	case units.DNSTypeTXT:
		r.Content = quote(d.Text)
	case units.DNSTypeCNAME:
		r.Content = d.Target
	default:
		r.Content = d.Addr.String()
	}
	return r
}

// batch is the body of a request to the batch endpoint. An update is a patch, which leaves alone what it
// does not name, such as tags that a person has put on a record.
type batch struct {
	Deletes []id     `json:"deletes,omitempty"`
	Patches []record `json:"patches,omitempty"`
	Posts   []record `json:"posts,omitempty"`
}

type id struct {
	ID string `json:"id"`
}

func batchOf(changes []diff.Change) (b batch) {
	for _, c := range changes {
		switch c.Verb {
		case diff.Delete:
			b.Deletes = append(b.Deletes, id{c.ID})
		case diff.Update:
			b.Patches = append(b.Patches, recordOf(c))
		case diff.Create:
			b.Posts = append(b.Posts, recordOf(c))
		}
	}
	return b
}

// stringLimit is the longest character string of a TXT record (RFC 1035, section 3.3).
const stringLimit = 255

// quote writes text as the character strings of a zone file.
func quote(text string) string {
	var b strings.Builder
	for first := true; first || text != ""; first = false {
		part := text[:min(len(text), stringLimit)]
		text = text[len(part):]
		if !first {
			b.WriteByte(' ')
		}
		b.WriteByte('"')
		for i := range len(part) {
			if part[i] == '"' || part[i] == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(part[i])
		}
		b.WriteByte('"')
	}
	return b.String()
}

// unquote is the opposite. Text without quotes is itself: the API gives back what was once put so.
func unquote(content string) string {
	if !strings.HasPrefix(content, `"`) {
		return content
	}
	var b strings.Builder
	inside := false
	for i := 0; i < len(content); i++ {
		switch c := content[i]; {
		case c == '"':
			inside = !inside
		case c == '\\' && inside && i+1 < len(content):
			i++
			b.WriteByte(content[i])
		case inside:
			b.WriteByte(c)
		}
	}
	return b.String()
}
