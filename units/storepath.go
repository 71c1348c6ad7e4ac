package units

import (
	"fmt"
	"strings"
)

// StoreDir is the one store that is supported. The prefix is part of what is hashed into a path, so
// another store would be other bytes.
const StoreDir = "/nix/store/"

const (
	storeHashLen   = 32
	storeNameLimit = 211 // Nix' own limit: what is left of 255 for "<hash>-" and ".drv.chroot"
	nixBase32      = "0123456789abcdfghijklmnpqrsvwxyz"
)

// StorePath is a path directly under the store: /nix/store/<hash>-<name>.
type StorePath string

// InStore reports whether text claims to be a store path. Such text is never cleaned or resolved: it
// is a store path exactly as it is, or it is wrong.
func InStore(text string) bool { return strings.HasPrefix(text, StoreDir) }

// ParseStorePath reads an exact store path: no file beneath it, no link to it, no derivation.
func ParseStorePath(text string) (StorePath, error) {
	if problem := storePathProblem(text); problem != "" {
		return "", fmt.Errorf("parse %s: %w: %s", quote(text), ErrStorePath, problem)
	}
	return StorePath(text), nil
}

// storePathProblem says why text is no store path and what to do; "" if it is one.
func storePathProblem(text string) string {
	base, inStore := strings.CutPrefix(text, StoreDir)
	if !inStore {
		return "write /nix/store/<hash>-<name>, or a link to such a path"
	}
	if strings.Contains(base, "/") {
		return "name the path itself, not a file beneath it"
	}
	if len(base) < storeHashLen+1 || base[storeHashLen] != '-' {
		return "a hash of 32 characters and a dash are due after /nix/store/"
	}
	for i := range storeHashLen {
		if strings.IndexByte(nixBase32, base[i]) < 0 {
			return "its hash has " + quote(base[i:i+1]) + ", which Nix' base 32 does not"
		}
	}
	return storeNameProblem(base[storeHashLen+1:])
}

func storeNameProblem(name string) string {
	switch {
	case name == "":
		return "a name is due after the hash"
	case len(name) > storeNameLimit:
		return "its name is longer than 211 characters"
	case name == "." || name == ".." || strings.HasPrefix(name, ".-") || strings.HasPrefix(name, "..-"):
		return "its name begins with a directory's dots"
	case strings.HasSuffix(name, ".drv"):
		return "it is a derivation: submit what it builds"
	}
	for i := range len(name) {
		if c := name[i]; !isLetter(c) && !isDigit(c) && strings.IndexByte("+-._?=", c) < 0 {
			return "its name has " + quote(name[i:i+1]) + "; use letters, digits and + - . _ ? = only"
		}
	}
	return ""
}

// Hash returns the 32 characters that identify the path.
func (p StorePath) Hash() string {
	if len(p) < len(StoreDir)+storeHashLen {
		return ""
	}
	return string(p[len(StoreDir) : len(StoreDir)+storeHashLen])
}

// Name returns what comes after the hash.
func (p StorePath) Name() string {
	if len(p) <= len(StoreDir)+storeHashLen {
		return ""
	}
	return string(p[len(StoreDir)+storeHashLen+1:])
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *StorePath) UnmarshalText(text []byte) error {
	parsed, err := ParseStorePath(string(text))
	if err != nil {
		return err
	}
	*p = parsed
	return nil
}
