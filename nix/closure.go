package nix

import (
	"crypto/ed25519"
	"slices"
	"strconv"
	"strings"

	"github.com/nsched/nsched/units"
)

// PathInfo is what is known about one store path, by the local store or by a cache.
type PathInfo struct {
	Path    units.StorePath
	NarHash Hash
	// NarSize is the size unpacked, in bytes.
	NarSize int64
	// DownloadSize is the size as the cache sends it, in bytes; 0 if unknown or local.
	DownloadSize int64
	// References are full paths, sorted, without repetition; a path may refer to itself.
	References []units.StorePath
	// Signatures are in the order in which they were found.
	Signatures []Signature
	// CA is the content address, "" for a path named by its inputs.
	CA string
}

// Fingerprint is the text that Nix' signatures are made over.
func (p PathInfo) Fingerprint() string {
	refs := make([]string, len(p.References))
	for i, r := range p.References {
		refs[i] = string(r)
	}
	slices.Sort(refs)
	return "1;" + string(p.Path) + ";" + p.NarHash.String() + ";" + strconv.FormatInt(p.NarSize, 10) + ";" +
		strings.Join(refs, ",")
}

// Check returns nil if one of the keys signed the path, else ErrUnsigned or ErrBadSignature. A content
// address is no substitute: it says that the name fits the bytes, not that anyone vouches for them.
func (p PathInfo) Check(keys []PublicKey) error {
	if len(p.Signatures) == 0 {
		return fail(ErrUnsigned, p.Path, "sign it (nix store sign) and push it again")
	}
	var (
		print   = []byte(p.Fingerprint())
		broken  string
		signers []string
	)
	for _, s := range p.Signatures {
		signers = append(signers, s.Name)
		for _, k := range keys {
			if k.Name != s.Name {
				continue
			}
			if ed25519.Verify(k.Key[:], print, s.Bytes[:]) {
				return nil
			}
			broken = k.Name
		}
	}
	if broken != "" {
		return fail(ErrBadSignature, p.Path,
			"its signature by %q does not verify: the path was changed, or another key bears that name", broken)
	}
	return fail(ErrBadSignature, p.Path, "it is signed by %s, trusted here: %s", strings.Join(signers, ", "), names(keys))
}

func names(keys []PublicKey) string {
	if len(keys) == 0 {
		return "none"
	}
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = k.Name
	}
	return strings.Join(list, ", ")
}

// ClosureInfo is a path and everything it refers to, sorted by path.
type ClosureInfo struct {
	Path  units.StorePath
	Paths []PathInfo
}

// NarSize is the size of the whole closure unpacked, in bytes.
func (c ClosureInfo) NarSize() int64 {
	var n int64
	for _, p := range c.Paths {
		n += p.NarSize
	}
	return n
}

// Check checks every path; the first that fails, in order of path, is the error.
func (c ClosureInfo) Check(keys []PublicKey) error {
	for _, p := range c.Paths {
		if err := p.Check(keys); err != nil {
			return err
		}
	}
	return nil
}

// Lookup finds one path.
func (c ClosureInfo) Lookup(path units.StorePath) (PathInfo, bool) {
	i, ok := slices.BinarySearchFunc(c.Paths, path, func(p PathInfo, t units.StorePath) int {
		return strings.Compare(string(p.Path), string(t))
	})
	if !ok {
		return PathInfo{}, false
	}
	return c.Paths[i], true
}

// closed returns an error unless the set holds its path and every reference of every member. Nix keeps
// its store so; a listing that is not was cut off or mixes two stores.
func (c ClosureInfo) closed() error {
	if _, ok := c.Lookup(c.Path); !ok {
		return fail(ErrNix, c.Path, "it is missing from its own closure")
	}
	for _, p := range c.Paths {
		for _, r := range p.References {
			if _, ok := c.Lookup(r); !ok {
				return fail(ErrNix, r, "%s refers to it, but the listed closure lacks it", p.Path)
			}
		}
	}
	return nil
}

func sortPaths(paths []PathInfo) {
	slices.SortFunc(paths, func(a, b PathInfo) int { return strings.Compare(string(a.Path), string(b.Path)) })
}
