package units

// Claim says which app a domain name belongs to: names/<fqdn>. Whoever creates the key first has the
// name, so that no two apps answer for one.
type Claim struct {
	App AppID `json:"app"`
}
