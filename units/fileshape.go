package units

import "slices"

var recordShape = object[DNSRecord]{
	defaults: DNSRecord{Type: DNSTypeA, TTL: 60, Provider: ProviderCoreDNS},
	fields: []field[DNSRecord]{
		at("name", "Fully qualified.", text[string]{problem: dnsNameProblem, pattern: dnsNamePattern}, func(d *DNSRecord) *string { return &d.Name }).due(),
		at("type", "Type of the record.", choice[DNSType]{DNSTypeA, DNSTypeAAAA, DNSTypeCNAME, DNSTypeSRV, DNSTypeTXT}, func(d *DNSRecord) *DNSType { return &d.Type }),
		at("ttl", "Seconds for which an answer may be kept.", integer[int]{1, 604800}, func(d *DNSRecord) *int { return &d.TTL }),
		at("provider", "Who serves it.", choice[DNSProvider]{ProviderCoreDNS, ProviderNone, ProviderCloudflare, ProviderRFC2136}, func(d *DNSRecord) *DNSProvider { return &d.Provider }),
		at("proxied", "Traffic goes through the provider. Cloudflare's alone.", boolean[bool]{}, func(d *DNSRecord) *bool { return &d.Proxied }),
		at("perUnit", "Also a name for each unit.", boolean[bool]{}, func(d *DNSRecord) *bool { return &d.PerUnit }),
	},
}

var relativeShape = text[string]{problem: relativeProblem, limit: 1024}

var templateShape = object[Template]{
	defaults: Template{OnChange: ChangeRestart},
	fields: []field[Template]{
		at("source", "File in the path.", relativeShape, func(t *Template) *string { return &t.Source }).due(),
		at("destination", "File in the runtime directory.", relativeShape, func(t *Template) *string { return &t.Destination }).due(),
		at("onChange", "What the unit is told when it renders differently.", choice[OnChange]{ChangeRestart, ChangeReload, ChangeSignal, ChangeNone}, func(t *Template) *OnChange { return &t.OnChange }),
	},
}

var fileNameShape = text[string]{problem: fileNameProblem, pattern: fileNamePattern, limit: 255}

var secretShape = object[Secret]{fields: []field[Secret]{
	at("name", "What it is called in the namespace.", fileNameShape, func(s *Secret) *string { return &s.Name }).due(),
	at("as", "File name for the unit; the name without it.", fileNameShape, func(s *Secret) *string { return &s.As }),
}}

var absoluteShape = text[string]{problem: absoluteProblem, limit: 1024}

var volumeShape = object[Volume]{fields: []field[Volume]{
	at("name", "What the node calls it.", labelShape[string](), func(v *Volume) *string { return &v.Name }).due(),
	at("mount", "Where the unit sees it.", absoluteShape, func(v *Volume) *string { return &v.Mount }).due(),
	at("readOnly", "The unit may not write there.", boolean[bool]{}, func(v *Volume) *bool { return &v.ReadOnly }),
}}

var cacheShape = object[Cache]{fields: []field[Cache]{
	at("url", "Where it is, such as https://cache.example.org.", text[string]{problem: cacheURLProblem, limit: 2048}, func(c *Cache) *string { return &c.URL }).due(),
	at("publicKeys", "Which of the node's trusted keys may have signed; all of them without it.", listOf[string]{of: text[string]{problem: publicKeyProblem}, min: 1}, func(c *Cache) *[]string { return &c.PublicKeys }),
}}

var sandboxShape = object[Sandbox]{
	defaults: Sandbox{Network: true},
	fields: []field[Sandbox]{
		at("allowJIT", "Memory may be writable and executable.", boolean[bool]{}, func(s *Sandbox) *bool { return &s.AllowJIT }),
		at("bindLowPorts", "Ports below 1024 may be bound.", boolean[bool]{}, func(s *Sandbox) *bool { return &s.BindLowPorts }),
		at("network", "There is a network.", boolean[bool]{}, func(s *Sandbox) *bool { return &s.Network }),
		at("writablePaths", "Paths of the node that may be written.", listOf[string]{of: absoluteShape}, func(s *Sandbox) *[]string { return &s.WritablePaths }),
		at("capabilities", "Capabilities that are kept, such as CAP_NET_RAW.", listOf[string]{of: capabilityShape}, func(s *Sandbox) *[]string { return &s.Capabilities }),
		at("closureOnly", "Of the store only the closure is seen.", boolean[bool]{}, func(s *Sandbox) *bool { return &s.ClosureOnly }),
	},
}

// capabilityShape is a choice of too many to name in a message.
var capabilityShape = text[string]{problem: capabilityProblem, pattern: capabilityPattern}

func capabilityProblem(name string) string {
	if !slices.Contains(capabilities, name) {
		return "it is none of Linux' capabilities, such as CAP_NET_RAW"
	}
	return ""
}

// capabilities are Linux' as of 6.1.
var capabilities = []string{
	"CAP_AUDIT_CONTROL", "CAP_AUDIT_READ", "CAP_AUDIT_WRITE", "CAP_BLOCK_SUSPEND", "CAP_BPF",
	"CAP_CHECKPOINT_RESTORE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID",
	"CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_KILL", "CAP_LEASE", "CAP_LINUX_IMMUTABLE", "CAP_MAC_ADMIN",
	"CAP_MAC_OVERRIDE", "CAP_MKNOD", "CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_RAW",
	"CAP_PERFMON", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYSLOG", "CAP_SYS_ADMIN",
	"CAP_SYS_BOOT", "CAP_SYS_CHROOT", "CAP_SYS_MODULE", "CAP_SYS_NICE", "CAP_SYS_PACCT", "CAP_SYS_PTRACE",
	"CAP_SYS_RAWIO", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_WAKE_ALARM",
}
