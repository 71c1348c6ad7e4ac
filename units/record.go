package units

// DNSType is a type of DNS record.
type DNSType string

// The types.
const (
	DNSTypeA     DNSType = "A"
	DNSTypeAAAA  DNSType = "AAAA"
	DNSTypeCNAME DNSType = "CNAME"
	DNSTypeSRV   DNSType = "SRV"
	DNSTypeTXT   DNSType = "TXT"
)

// DNSProvider says who serves a record.
type DNSProvider string

// The providers; none claims the name and leaves serving it to others.
const (
	ProviderCoreDNS    DNSProvider = "coredns"
	ProviderNone       DNSProvider = "none"
	ProviderCloudflare DNSProvider = "cloudflare"
	ProviderRFC2136    DNSProvider = "rfc2136"
)

// DNSRecord is a name under which an app's healthy units are found.
type DNSRecord struct {
	Name     string // fully qualified, without the final dot
	Type     DNSType
	TTL      int // seconds
	Provider DNSProvider
	Proxied  bool // by the provider; Cloudflare's alone
	PerUnit  bool // also <slot>.<name> for each unit
}
