package units

import (
	"encoding/base64"
	"strings"
)

// relativeProblem is about a file beneath a directory.
func relativeProblem(name string) string {
	if name == "" {
		return "a file is due"
	}
	if name[0] == '/' {
		return "it is absolute; write it relative"
	}
	parts := strings.Split(name, "/")
	for _, part := range parts {
		if part == ".." {
			return "it leaves its directory with .."
		}
	}
	if last := parts[len(parts)-1]; last == "" || last == "." {
		return "it is a directory; name a file"
	}
	return ""
}

// absoluteProblem is about a clean absolute path that hides nothing a unit stands on.
func absoluteProblem(name string) string {
	if name == "" || name[0] != '/' {
		return "it is not absolute; begin it with /"
	}
	if name == "/" {
		return "it is everything; name a directory"
	}
	for _, part := range strings.Split(name[1:], "/") {
		if part == "" || part == "." || part == ".." {
			return "write it clean: no //, no . or .., no final /"
		}
	}
	for _, kept := range []string{"/nix", "/proc", "/sys", "/dev", "/run/nsched", "/var/lib/nsched"} {
		if name == kept || strings.HasPrefix(name, kept+"/") {
			return kept + " is not an app's to have"
		}
	}
	return ""
}

// fileNameProblem is about the name of a credential, in systemd's terms: a file name of printable ASCII
// without a colon.
func fileNameProblem(name string) string {
	if name == "" || name == "." || name == ".." {
		return "a file name is due"
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c > '~' || c == '/' || c == ':' {
			return "use a file name of printable ASCII without space, / and :"
		}
	}
	return ""
}

func stateNameProblem(name string) string {
	if name == "" || len(name) > 128 {
		return "a name of 1 to 128 characters is due"
	}
	for i := range len(name) {
		if c := name[i]; !isLetter(c) && !isDigit(c) && c != '_' && (i == 0 || c != '.' && c != '-') {
			return "use letters, digits and . _ - only, the first no . or -"
		}
	}
	return ""
}

func cacheURLProblem(url string) string {
	for _, scheme := range []string{"https://", "http://", "s3://", "file:///"} {
		rest, found := strings.CutPrefix(url, scheme)
		if !found {
			continue
		}
		host, _, _ := strings.Cut(rest, "/")
		if strings.Contains(host, "@") {
			return "it holds a password; anyone who reads the app would have it"
		}
		if problem := urlTextProblem(url); problem != "" {
			return problem
		}
		if host == "" && scheme != "file:///" {
			return "its host is missing"
		}
		return ""
	}
	return "it is no cache; write https://, http://, s3:// or file:///"
}

// urlTextProblem is about characters that no URL has.
func urlTextProblem(url string) string {
	for i := range len(url) {
		if c := url[i]; c <= ' ' || c > '~' || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return "a URL has no " + quote(url[i:i+1]) + "; write it as %XX"
		}
	}
	return ""
}

// publicKeyProblem is about a key of a binary cache: a name, a colon and 32 bytes of ed25519 in base64.
func publicKeyProblem(key string) string {
	name, encoded, found := strings.Cut(key, ":")
	if !found || name == "" || strings.ContainsAny(name, " \t/") {
		return "it is no public key; write NAME:BASE64, as nix key convert-secret-to-public prints it"
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return "it is no public key; what follows the colon is not base64"
	}
	if len(raw) == 64 {
		return "it is a secret key; put its public half here and make a new pair"
	}
	if len(raw) != 32 {
		return "it is no public key; 32 bytes are due after the colon"
	}
	return ""
}
