package diff

import (
	"net/netip"
	"strings"

	"github.com/nsched/nsched/units"
)

const (
	nameLimit  = 253
	labelLimit = 63
)

// canonical is a name in lower case without the final dot.
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// splitService divides a name into leading labels like _http._tcp and what they are of. All labels of a
// name are never a service.
func splitService(name string) (service, base string) {
	base = name
	for strings.HasPrefix(base, "_") {
		_, rest, more := strings.Cut(base, ".")
		if !more {
			break
		}
		base = rest
	}
	return strings.TrimSuffix(strings.TrimSuffix(name, base), "."), base
}

// join puts labels and names together; empty ones count for nothing.
func join(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(p)
	}
	return b.String()
}

// nameProblem says why a provider cannot have a name; "" if it can.
func nameProblem(name string, p units.DNSProvider) string {
	if len(name) > nameLimit {
		return "it is longer than 253 characters"
	}
	for label := range strings.SplitSeq(name, ".") {
		switch {
		case label == "" || len(label) > labelLimit:
			return "a label has 1 to 63 characters"
		case strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "":
			return "a label has a-z, 0-9, - and _ only"
		case label == "any" && p == units.ProviderCoreDNS:
			// plugin/etcd/msg/path.go: PathWithWildcard takes it for *.
			return "CoreDNS takes the label any for a wildcard"
		}
	}
	return ""
}

// isHostName says that an address of a node is a name, as a CNAME's target must be.
func isHostName(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return false
	}
	return strings.Contains(text, ".") && !strings.Contains(text, "_") && nameProblem(text, "") == ""
}

// ZoneOf returns the longest of the zones that a name is in, and whether it is in one. Zones are written
// as names are.
func ZoneOf(name string, zones []string) (string, bool) {
	best, found := "", false
	for _, z := range zones {
		if (name == z || strings.HasSuffix(name, "."+z)) && len(z) > len(best) {
			best, found = z, true
		}
	}
	return best, found
}
