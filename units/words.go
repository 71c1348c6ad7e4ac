package units

import (
	"strings"
	"unicode"
)

// The patterns say to the schema what the functions beside them say to people. A pattern accepts all
// that its function accepts.
const (
	labelPattern       = `^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`
	keyPattern         = `^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$`
	systemPattern      = `^[a-z0-9_]+-linux$`
	storePathPattern   = `^/nix/store/[0-9a-df-np-sv-z]{32}-[A-Za-z0-9+._?=-]{1,211}$`
	envNamePattern     = `^[A-Za-z_][A-Za-z0-9_]*$`
	attributePattern   = `^(node\.(name|arch|os|kernel|pool|traits)|labels\..+)$`
	systemdUnitPattern = `^[A-Za-z0-9:_.\\@-]+\.[a-z]+$`
	headerPattern      = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
	fileNamePattern    = `^[!-.0-9;-~]+$`
	stateNamePattern   = `^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`
	capabilityPattern  = `^CAP_[A-Z_]+$`
	timeZonePattern    = `^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$`
	dnsNamePattern     = `^([a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?\.?$`
)

func printable(text string) string {
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return "it has a character that cannot be printed"
		}
	}
	return ""
}

// keyProblem is about keys of labels, meta and devices: what -l can name, with a slash for a domain.
func keyProblem(key string) string {
	if key == "" || len(key) > labelLimit {
		return "a key has 1 to 63 characters"
	}
	for i := range len(key) {
		if c := key[i]; !isLetter(c) && !isDigit(c) && strings.IndexByte("._/-", c) < 0 {
			return "a key has letters, digits and . _ / - only"
		}
	}
	if strings.IndexByte("._/-", key[0]) >= 0 || strings.IndexByte("._/-", key[len(key)-1]) >= 0 {
		return "a key begins and ends with a letter or digit"
	}
	return ""
}

// valueProblem is about the value of a node's attribute.
func valueProblem(value string) string {
	if value == "" {
		return "a value is due"
	}
	if problem := controlProblem(value, false); problem != "" {
		return problem
	}
	return ""
}

// systems are the Linux systems that Nix has names for.
var systems = choice[string]{
	"x86_64-linux", "aarch64-linux", "i686-linux", "armv5tel-linux", "armv6l-linux", "armv7l-linux", "loongarch64-linux",
	"mips64el-linux", "mipsel-linux", "powerpc64-linux", "powerpc64le-linux", "riscv32-linux", "riscv64-linux", "s390x-linux",
}

func systemProblem(key string) string {
	for _, s := range systems {
		if s == key {
			return ""
		}
	}
	return "is no Nix system; it is " + systems.words()
}

func notStorePath(text string) string {
	if problem := storePathProblem(text); problem != "" {
		return "it is not a store path: " + problem
	}
	return ""
}

// envWordProblem is about the shape of a variable's name.
func envWordProblem(name string) string {
	bad := "a variable's name has letters, digits and _ only, and begins with no digit"
	if name == "" || isDigit(name[0]) {
		return bad
	}
	for i := range len(name) {
		if c := name[i]; !isLetter(c) && !isDigit(c) && c != '_' {
			return bad
		}
	}
	return ""
}

// reservedEnv are the variables that nsched, systemd and the dynamic linker give meaning to; * stands
// for anything.
var reservedEnv = []string{
	"NSCHED_*", "LD_*", "LISTEN_*", "WATCHDOG_*", "*_DIRECTORY", "NOTIFY_SOCKET", "INVOCATION_ID", "JOURNAL_STREAM", "MAINPID",
}

func envNameProblem(name string) string {
	if problem := envWordProblem(name); problem != "" {
		return problem
	}
	for _, reserved := range reservedEnv {
		prefix, isPrefix := strings.CutSuffix(reserved, "*")
		suffix, isSuffix := strings.CutPrefix(reserved, "*")
		if name == reserved || isPrefix && strings.HasPrefix(name, prefix) || isSuffix && strings.HasSuffix(name, suffix) {
			return "is reserved (" + reserved + "); choose another name"
		}
	}
	return ""
}

func attributeProblem(attribute string) string {
	switch attribute {
	case AttributeName, AttributeArch, AttributeOS, AttributeKernel, AttributePool, AttributeTraits:
		return ""
	}
	if key, found := strings.CutPrefix(attribute, AttributeLabel); found && keyProblem(key) == "" {
		return ""
	}
	return "no node has it; it is node.name, node.arch, node.os, node.kernel, node.pool, node.traits or labels.KEY"
}

func systemdUnitProblem(name string) string {
	dot := strings.LastIndexByte(name, '.')
	if dot < 1 || len(name) > 255 {
		return "it is no systemd unit; write it with its type, such as postgresql.service"
	}
	for i := range dot {
		if c := name[i]; !isLetter(c) && !isDigit(c) && strings.IndexByte(`:_.\@-`, c) < 0 {
			return "it is no systemd unit; use letters, digits and : _ . \\ @ - only"
		}
	}
	switch name[dot+1:] {
	case "service", "socket", "target", "mount", "path", "timer", "device", "automount", "swap", "slice", "scope":
		return ""
	}
	return "systemd has no such type of unit; write .service, .socket, .target, .mount, .path or .timer"
}

// headerProblem is about the name of an HTTP header: a token of RFC 9110.
func headerProblem(name string) string {
	for i := range len(name) {
		if c := name[i]; !isLetter(c) && !isDigit(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return "is no name of a header"
		}
	}
	if name == "" {
		return "is no name of a header"
	}
	return ""
}

// timeZoneProblem is about the shape alone: whether a zone is installed is a node's matter.
func timeZoneProblem(zone string) string {
	bad := "it is no time zone; write UTC or one such as Europe/Berlin"
	for _, part := range strings.Split(zone, "/") {
		if part == "" {
			return bad
		}
		for i := range len(part) {
			if c := part[i]; !isLetter(c) && !isDigit(c) && strings.IndexByte("_+-", c) < 0 {
				return bad
			}
		}
	}
	if !isLetter(zone[0]) || len(zone) > 64 {
		return bad
	}
	if zone == "Local" {
		return "it differs from machine to machine; name the zone"
	}
	return ""
}

// dnsNameProblem is about a fully qualified name of a record; the final dot may be there.
func dnsNameProblem(name string) string {
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	switch {
	case len(strings.TrimSuffix(name, ".")) > 253:
		return "it is longer than 253 characters"
	case strings.ToLower(name) != name:
		return "write it in lower case"
	case len(labels) < 2:
		return "it is not fully qualified; write it with its zone, such as hello.example.org"
	}
	for _, label := range labels {
		// An underscore is fine in a record's name (RFC 8552), if not in a host's.
		if problem := labelProblem(strings.ReplaceAll(label, "_", "0")); problem != "" {
			return "its part " + quote(label) + ": " + problem
		}
	}
	last := labels[len(labels)-1]
	if isDigit(last[0]) || strings.Contains(last, "_") {
		return "its last part, " + quote(last) + ", is no domain"
	}
	return ""
}
