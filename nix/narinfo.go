package nix

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nsched/nsched/units"
)

// Narinfo is what a binary cache says about one path, in the file <hash part>.narinfo.
type Narinfo struct {
	PathInfo
	// URL of the NAR, relative to the cache.
	URL string
	// Compression of the NAR; "bzip2" when the file does not say.
	Compression string
	// FileHash is the hash of the compressed NAR, of any kind Nix knows; "" if absent.
	FileHash string
	// Deriver is a base name; "" if absent or unknown.
	Deriver string
	// Extra are fields that this package does not know, in order.
	Extra []NarinfoField
}

// NarinfoField is one line that is only carried along.
type NarinfoField struct{ Name, Value string }

const unknownDeriver = "unknown-deriver"

// ParseNarinfo reads a narinfo file. It is strict where Nix is and where a lie could hide: a line without
// a colon and a space, a last line without its end, a repeated or missing field, a control character or
// a malformed path refuses the whole file. Fields it does not know are kept.
func ParseNarinfo(text string) (Narinfo, error) {
	n := Narinfo{Compression: "bzip2"}
	seen := map[string]bool{}
	for text != "" {
		line, rest, ok := strings.Cut(text, "\n")
		if !ok {
			return Narinfo{}, fail(ErrInvalid, "", "narinfo: the last line %q has no end", clip(line))
		}
		text = rest
		name, value, ok := strings.Cut(line, ": ")
		if !ok || name == "" || !printable(line) || strings.ContainsAny(name, ": ") {
			return Narinfo{}, fail(ErrInvalid, "", "narinfo: line %q is not of the form Name: value", clip(line))
		}
		known, err := n.set(name, value)
		if err != nil {
			return Narinfo{}, &Error{Kind: ErrInvalid, Detail: "narinfo: field " + name, Err: err}
		}
		if known && name != "Sig" && seen[name] {
			return Narinfo{}, fail(ErrInvalid, "", "narinfo: field %s is there twice", name)
		}
		seen[name] = true
	}
	for _, name := range []string{"StorePath", "URL", "NarHash", "NarSize"} {
		if !seen[name] {
			return Narinfo{}, fail(ErrInvalid, n.Path, "narinfo: field %s is missing", name)
		}
	}
	return n, nil
}

func (n *Narinfo) set(name, value string) (known bool, err error) {
	switch name {
	case "StorePath":
		n.Path, err = parseMember(value)
	case "URL":
		n.URL, err = value, notEmpty(value)
	case "Compression":
		n.Compression, err = value, notEmpty(value)
	case "FileHash":
		n.FileHash, err = value, notEmpty(value)
	case "FileSize":
		n.DownloadSize, err = parseSize(value)
	case "NarHash":
		n.NarHash, err = ParseHash(value)
	case "NarSize":
		n.NarSize, err = parseSize(value)
		if err == nil && n.NarSize == 0 {
			err = errors.New("no NAR is empty")
		}
	case "References":
		n.References, err = parseReferences(value)
	case "Deriver":
		n.Deriver, err = parseDeriver(value)
	case "Sig":
		var s Signature
		if s, err = ParseSignature(value); err == nil {
			n.Signatures = append(n.Signatures, s)
		}
	case "CA":
		n.CA, err = value, notEmpty(value)
	default:
		n.Extra = append(n.Extra, NarinfoField{name, value})
		return false, nil
	}
	return true, err
}

// String prints the file in the order in which Nix writes it. ParseNarinfo gives the same value back.
func (n Narinfo) String() string {
	var b strings.Builder
	line := func(name, value string) {
		b.WriteString(name + ": " + value + "\n")
	}
	line("StorePath", string(n.Path))
	line("URL", n.URL)
	line("Compression", n.Compression)
	if n.FileHash != "" {
		line("FileHash", n.FileHash)
	}
	if n.DownloadSize != 0 {
		line("FileSize", strconv.FormatInt(n.DownloadSize, 10))
	}
	line("NarHash", n.NarHash.String())
	line("NarSize", strconv.FormatInt(n.NarSize, 10))
	refs := make([]string, len(n.References))
	for i, r := range n.References {
		refs[i] = baseName(r)
	}
	line("References", strings.Join(refs, " "))
	if n.Deriver != "" {
		line("Deriver", n.Deriver)
	}
	for _, s := range n.Signatures {
		line("Sig", s.String())
	}
	if n.CA != "" {
		line("CA", n.CA)
	}
	for _, f := range n.Extra {
		line(f.Name, f.Value)
	}
	return b.String()
}

func notEmpty(s string) error {
	if s == "" {
		return errors.New("it is empty")
	}
	return nil
}

// parseSize reads a plain decimal: no sign, no leading zero, at most 2^63-1.
func parseSize(s string) (int64, error) {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil || v < 0 || strconv.FormatInt(v, 10) != s {
		return 0, fmt.Errorf("%q is not a size in bytes", clip(s))
	}
	return v, nil
}

func parseReferences(s string) ([]units.StorePath, error) {
	if s == "" {
		return nil, nil
	}
	var refs []units.StorePath
	for base := range strings.SplitSeq(s, " ") {
		p, err := parseMemberBase(base)
		if err != nil {
			return nil, err
		}
		refs = append(refs, p)
	}
	slices.Sort(refs)
	return slices.Compact(refs), nil
}

func parseDeriver(s string) (string, error) {
	if s == unknownDeriver {
		return "", nil
	}
	_, err := parseMemberBase(s)
	return s, err
}

// printable refuses control characters, DEL and what is not ASCII: no field of a narinfo needs them.
func printable(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}
