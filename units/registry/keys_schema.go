package registry

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nsched/nsched/units"
)

// Kind is what a key is about: the first segment below the prefix.
type Kind string

// The kinds. Unknown and foreign keys have no kind that can be built.
const (
	KindUnknown    Kind = ""
	KindForeign    Kind = "/"
	KindCluster    Kind = "cluster"
	KindClock      Kind = "cluster/clock"
	KindLeader     Kind = "leader"
	KindConfig     Kind = "config"
	KindNamespace  Kind = "namespaces"
	KindApp        Kind = "apps"
	KindRelease    Kind = "releases"
	KindGeneration Kind = "generations"
	KindClosure    Kind = "closures"
	KindName       Kind = "names"
	KindRollout    Kind = "rollouts"
	KindSlots      Kind = "slots"
	KindSummary    Kind = "summary"
	KindUnit       Kind = "units"
	KindStatus     Kind = "status"
	KindNode       Kind = "nodes"
	KindAlive      Kind = "alive"
	KindAgent      Kind = "agent"
	KindEndpoint   Kind = "endpoints"
	KindOperator   Kind = "operator"
	KindDrain      Kind = "drains"
	KindFence      Kind = "fence"
	KindSkyDNS     Kind = "skydns"
	KindEvent      Kind = "events"
	KindAudit      Kind = "audit"
)

type pattern struct{ fields []field }

// form returns how a key of the kind is written, for people.
func (p pattern) form(kind Kind) string {
	form := string(kind)
	for _, f := range p.fields {
		form += "/<" + fields[f].name + ">"
	}
	return form
}

// schema says which identities follow each kind, in order.
var schema = map[Kind]pattern{
	KindCluster:    {},
	KindClock:      {},
	KindConfig:     {},
	KindLeader:     {[]field{fieldLease}},
	KindNamespace:  {[]field{fieldNamespace}},
	KindApp:        {[]field{fieldAppNamespace, fieldApp}},
	KindRelease:    {[]field{fieldNamespace, fieldRelease}},
	KindGeneration: {[]field{fieldAppNamespace, fieldApp, fieldGeneration}},
	KindClosure:    {[]field{fieldNamespace, fieldHash}},
	KindName:       {[]field{fieldDomain}},
	KindRollout:    {[]field{fieldAppNamespace, fieldApp, fieldGeneration}},
	KindSlots:      {[]field{fieldAppNamespace, fieldApp, fieldChunk}},
	KindSummary:    {[]field{fieldAppNamespace, fieldApp, fieldChunk}},
	KindUnit:       {[]field{fieldNode, fieldUnit}},
	KindStatus:     {[]field{fieldNode, fieldUnit}},
	KindNode:       {[]field{fieldNode}},
	KindAlive:      {[]field{fieldNode}},
	KindAgent:      {[]field{fieldNode}},
	KindEndpoint:   {[]field{fieldUnitNamespace, fieldNode, fieldUnit}},
	KindOperator:   {[]field{fieldNode}},
	KindDrain:      {[]field{fieldNode}},
	KindFence:      {[]field{fieldNode}},
	KindSkyDNS:     {[]field{fieldPath}},
	KindEvent:      {[]field{fieldWriter, fieldPath}},
	KindAudit:      {[]field{fieldWriter, fieldSeq}},
}

// field is one identity in a key. The last one of a pattern takes all that is left.
type field int

const (
	fieldNamespace field = iota
	fieldAppNamespace
	fieldUnitNamespace
	fieldApp
	fieldRelease
	fieldGeneration
	fieldHash
	fieldDomain
	fieldChunk
	fieldNode
	fieldUnit
	fieldLease
	fieldWriter
	fieldSeq
	fieldPath
)

const (
	chunkBuckets = 64 // of named slots, as units.Chunk has it
	seqDigits    = 19 // of the largest int64, so that audit keys sort by number
	hashLen      = 32
	nixBase32    = "0123456789abcdfghijklmnpqrsvwxyz"
	writerLimit  = 128
	pathLimit    = 1024
	domainLimit  = 253
	labelLimit   = 63
)

// fields says how each identity is written and read. take is strict: it accepts the one spelling that
// text produces, so that no two keys are the same thing.
var fields = [...]struct {
	name string
	text func(*Key) string
	take func(*Key, string) bool
}{
	fieldNamespace: {
		"namespace", func(k *Key) string { return string(k.Namespace) },
		func(k *Key, s string) bool { return parseInto(&k.Namespace, s, units.ParseNamespace) },
	},
	fieldAppNamespace: {
		"namespace", func(k *Key) string { return string(k.App.Namespace) },
		func(k *Key, s string) bool { return parseInto(&k.App.Namespace, s, units.ParseNamespace) },
	},
	// The namespace of endpoints/<ns>/<node>/<unit> is the unit's; fieldUnit checks that it is.
	fieldUnitNamespace: {
		"namespace", func(k *Key) string { return string(k.Unit.Namespace) },
		func(k *Key, s string) bool { return parseInto(&k.Unit.Namespace, s, units.ParseNamespace) },
	},
	fieldApp: {
		"app name", func(k *Key) string { return string(k.App.Name) },
		func(k *Key, s string) bool { return parseInto(&k.App.Name, s, units.ParseAppName) },
	},
	fieldRelease: {
		"release name", func(k *Key) string { return k.Name },
		func(k *Key, s string) bool { k.Name = s; _, err := units.ParseAppName(s); return err == nil },
	},
	fieldGeneration: {
		"generation", func(k *Key) string { return strconv.FormatInt(int64(k.Generation), 10) },
		func(k *Key, s string) bool { return parseInto(&k.Generation, s, units.ParseGeneration) },
	},
	fieldHash: {
		"store hash", func(k *Key) string { return k.Hash },
		func(k *Key, s string) bool { k.Hash = s; return len(s) == hashLen && strings.Trim(s, nixBase32) == "" },
	},
	fieldDomain: {
		"domain name in lower case", func(k *Key) string { return k.Name },
		func(k *Key, s string) bool { k.Name = s; return isDomain(s) },
	},
	fieldChunk: {
		"chunk", func(k *Key) string { return k.Chunk },
		func(k *Key, s string) bool { k.Chunk = s; return isChunk(s) },
	},
	fieldNode: {
		"node name", func(k *Key) string { return string(k.Node) },
		func(k *Key, s string) bool { return parseInto(&k.Node, s, units.ParseNodeName) },
	},
	fieldUnit: {
		"unit", func(k *Key) string { return k.Unit.String() },
		func(k *Key, s string) bool {
			ns := k.Unit.Namespace
			return parseInto(&k.Unit, s, units.ParseUnitID) && (ns == "" || ns == k.Unit.Namespace)
		},
	},
	fieldLease: {
		"lease in hexadecimal", func(k *Key) string { return strconv.FormatInt(int64(k.Lease), 16) },
		func(k *Key, s string) bool {
			n, err := strconv.ParseInt(s, 16, 64)
			k.Lease = LeaseID(n)
			return err == nil && n > 0 && strconv.FormatInt(n, 16) == s
		},
	},
	fieldWriter: {
		"writer", func(k *Key) string { return k.Writer },
		func(k *Key, s string) bool {
			k.Writer = s
			return s != "" && len(s) <= writerLimit && strings.Trim(s, prefixAlphabet) == ""
		},
	},
	fieldSeq: {
		"number of 19 digits", func(k *Key) string { return fmt.Sprintf("%0*d", seqDigits, k.Seq) },
		func(k *Key, s string) bool {
			n, err := strconv.ParseInt(s, 10, 64)
			k.Seq = n
			return err == nil && n >= 0 && fmt.Sprintf("%0*d", seqDigits, n) == s
		},
	},
	fieldPath: {
		"path", func(k *Key) string { return k.Path },
		func(k *Key, s string) bool { k.Path = s; return isPath(s) },
	},
}

func parseInto[T any](to *T, text string, parse func(string) (T, error)) bool {
	v, err := parse(text)
	*to = v
	return err == nil
}

// isChunk accepts what units.Chunk returns.
func isChunk(s string) bool {
	digits, named := strings.CutPrefix(s, "n")
	n, err := strconv.Atoi(digits)
	return err == nil && n >= 0 && strconv.Itoa(n) == digits && (!named || n < chunkBuckets)
}

// isDomain accepts a fully qualified name without the final dot: labels of a-z, 0-9, '-' and '_' (for
// SRV), the first of which may be "*".
func isDomain(s string) bool {
	if s == "" || len(s) > domainLimit {
		return false
	}
	s = strings.TrimPrefix(s, "*.")
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > labelLimit || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// isPath accepts segments of printable ASCII between single slashes.
func isPath(s string) bool {
	if s == "" || len(s) > pathLimit || strings.HasPrefix(s, "/") || strings.HasSuffix(s, "/") || strings.Contains(s, "//") {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
