package units

import "strings"

func (j *judge) records() {
	type key struct {
		name     string
		provider DNSProvider
	}
	seen := map[key][]DNSType{}
	for i, d := range j.app.DNS {
		at := indexed("dns", i)
		if !j.sound(at) {
			continue
		}
		k := key{d.Name, d.Provider}
		for _, before := range seen[k] {
			if before == d.Type {
				j.report(at, "%s %s stands there before", d.Type, quote(d.Name))
				break
			}
			if before == DNSTypeCNAME || d.Type == DNSTypeCNAME {
				j.report(at, "a CNAME has no other record beside it under %s", quote(d.Name))
				break
			}
		}
		if len(seen[k]) < 8 {
			seen[k] = append(seen[k], d.Type)
		}
		if d.Proxied && d.Provider != ProviderCloudflare {
			j.report(at+".proxied", "is for provider cloudflare alone")
		}
		if d.Proxied && (d.Type == DNSTypeSRV || d.Type == DNSTypeTXT) {
			j.report(at+".proxied", "a %s record cannot be proxied", d.Type)
		}
		if d.Type == DNSTypeSRV && len(j.app.Ports) == 0 && j.sound("ports") {
			j.report(at+".type", "SRV names ports, and the app has none")
		}
	}
}

func (j *judge) files() {
	a := j.app
	unique(j, "templates", "destination", a.Templates, func(t Template) string { return cleanRelative(t.Destination) })
	unique(j, "secrets", "as", a.Secrets, func(s Secret) string { return s.As })
	unique(j, "state", "", a.State, func(s string) string { return s })
	unique(j, "volumes", "mount", a.Volumes, func(v Volume) string { return v.Mount })
	unique(j, "neededBy", "", a.NeededBy, func(t Trait) string { return string(t) })
	unique(j, "sandbox.capabilities", "", a.Sandbox.Capabilities, func(c string) string { return c })
	unique(j, "sandbox.writablePaths", "", a.Sandbox.WritablePaths, func(p string) string { return p })
}

// unique judges that no two elements of a list claim the same thing.
func unique[T any](j *judge, field, part string, list []T, claim func(T) string) {
	seen := map[string]bool{}
	for i, item := range list {
		at := indexed(field, i)
		claimed := claim(item)
		if claimed == "" || !j.sound(at) {
			continue
		}
		if part != "" {
			at += "." + part
		}
		if seen[claimed] {
			j.report(at, "%s stands there before", quote(claimed))
		}
		seen[claimed] = true
	}
}

// cleanRelative removes what does not change which file is meant.
func cleanRelative(name string) string {
	var kept []string
	for _, part := range strings.Split(name, "/") {
		if part != "" && part != "." {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "/")
}
