package registry

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nsched/nsched/units"
)

// DefaultPrefix is where nsched keeps its keys unless it is configured otherwise.
const DefaultPrefix = "/nsched/"

const prefixLimit = 128

// Keys builds and parses every key of one cluster. The zero value is not usable; make it with NewKeys.
//
//	cluster                          cluster/clock                  config
//	leader/<lease>                   namespaces/<ns>                names/<fqdn>
//	apps/<ns>/<app>                  generations/<ns>/<app>/<gen>   rollouts/<ns>/<app>/<gen>
//	slots/<ns>/<app>/<chunk>         summary/<ns>/<app>/<chunk>     releases/<ns>/<name>
//	units/<node>/<unit>              status/<node>/<unit>           endpoints/<ns>/<node>/<unit>
//	nodes/<node>                     alive/<node>                   agent/<node>
//	operator/<node>                  drains/<node>                  fence/<node>
//	closures/<ns>/<hash>             skydns/<path>                  events/<writer>/<path>
//	audit/<writer>/<seq>
type Keys struct{ prefix string }

// NewKeys returns the keys under a prefix: "/", then segments of a-z, A-Z, 0-9, '.', '_' and '-', each
// followed by "/". Empty means DefaultPrefix; a missing last slash is added.
func NewKeys(prefix string) (Keys, error) {
	if prefix == "" {
		prefix = DefaultPrefix
	}
	if !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	inner, ok := strings.CutPrefix(prefix, "/")
	if !ok || inner == "" || len(prefix) > prefixLimit {
		return Keys{}, fmt.Errorf("use prefix %s: %w: write it like %s", quote(prefix), ErrKey, DefaultPrefix)
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(inner, "/"), "/") {
		if segment == "" || strings.Trim(segment, prefixAlphabet) != "" {
			return Keys{}, fmt.Errorf("use prefix %s: %w: its segments are made of letters, digits and . _ -",
				quote(prefix), ErrKey)
		}
	}
	return Keys{prefix: prefix}, nil
}

const prefixAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// Prefix returns what every key of the cluster begins with.
func (k Keys) Prefix() string { return k.prefix }

// Under returns what the keys of a kind begin with that also begin with the given segments. Segments
// are identities, not parts of them: Under(KindUnit, "n1") selects the units of node n1 and not those
// of n10.
func (k Keys) Under(kind Kind, segments ...string) string {
	var b strings.Builder
	b.WriteString(k.prefix)
	b.WriteString(string(kind))
	b.WriteByte('/')
	for _, s := range segments {
		b.WriteString(s)
		b.WriteByte('/')
	}
	return b.String()
}

// Key is a parsed key: its kind and the identities in it. Fields that the kind does not have are zero.
// Keys are comparable, and two of them are equal exactly when their texts are.
type Key struct {
	Kind       Kind
	Namespace  units.Namespace // namespaces, releases, closures
	App        units.AppID     // apps, generations, rollouts, slots, summary
	Generation units.Generation
	Chunk      string // slots, summary; see units.Chunk
	Node       units.NodeName
	Unit       units.UnitID // units, status, endpoints
	Name       string       // the name of a release, or a fully qualified domain name
	Hash       string       // of a store path
	Lease      LeaseID      // leader
	Writer     string       // events, audit
	Seq        int64        // audit
	Path       string       // skydns, events: what follows, slashes included
}

// Build returns the text of a key. Its identities have passed their parsers; then Parse returns the
// same key.
func (k Keys) Build(key Key) string {
	p, ok := schema[key.Kind]
	if !ok {
		panic("registry: build a key of the unknown kind " + strconv.Quote(string(key.Kind)))
	}
	var b strings.Builder
	b.WriteString(k.prefix)
	b.WriteString(string(key.Kind))
	for _, f := range p.fields {
		b.WriteByte('/')
		b.WriteString(fields[f].text(&key))
	}
	return b.String()
}

// Parse reads a key. The error wraps ErrKey. Key.Kind is set as soon as the kind is known, so that the
// owner of a malformed key can be found; a key of no known kind, perhaps of a newer version, has
// KindUnknown, and one outside the prefix KindForeign.
func (k Keys) Parse(text string) (Key, error) {
	rest, ok := strings.CutPrefix(text, k.prefix)
	if !ok {
		return Key{Kind: KindForeign}, fmt.Errorf("parse key %s: %w: it is not under %s", quote(text), ErrKey, k.prefix)
	}
	first, identities, more := strings.Cut(rest, "/")
	kind := Kind(first)
	if rest == string(KindClock) {
		kind, more = KindClock, false
	}
	p, ok := schema[kind]
	if !ok {
		return Key{Kind: KindUnknown}, fmt.Errorf("parse key %s: %w: no such kind of key", quote(text), ErrKey)
	}
	key := Key{Kind: kind}
	if more != (len(p.fields) > 0) {
		return key, fmt.Errorf("parse key %s: %w: write it like %s", quote(text), ErrKey, p.form(kind))
	}
	for i, f := range p.fields {
		segment := identities
		if i < len(p.fields)-1 {
			segment, identities, ok = strings.Cut(identities, "/")
			if !ok {
				return Key{Kind: kind}, fmt.Errorf("parse key %s: %w: write it like %s", quote(text), ErrKey, p.form(kind))
			}
		}
		if !fields[f].take(&key, segment) {
			return Key{Kind: kind}, fmt.Errorf("parse key %s: %w: %s is not a %s", quote(text), ErrKey, quote(segment), fields[f].name)
		}
	}
	return key, nil
}

// quote shows text that anyone may have written, on one line and cut to a readable length.
func quote(text string) string {
	const limit = 120
	if len(text) > limit {
		return strconv.Quote(text[:limit]) + "…"
	}
	return strconv.Quote(text)
}
