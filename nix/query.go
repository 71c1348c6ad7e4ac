package nix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/nsched/nsched/units"
)

// offline are the settings of every query: nothing is fetched to answer one.
var offline = []string{
	"extra-experimental-features = nix-command",
	"substitute = false",
	"substituters =",
	"max-jobs = 0",
	"builders =",
}

// Closure reads from the local store what it knows about a path and everything that it refers to. Nothing
// is fetched. ErrAbsent: the path is not there. ErrDamaged: a path is registered, but gone from the disk.
func (s *Store) Closure(ctx context.Context, path units.StorePath) (ClosureInfo, error) {
	if _, err := parseMember(string(path)); err != nil {
		return ClosureInfo{}, &Error{Kind: ErrInvalid, Err: err}
	}
	out, messages, err := s.run(ctx, command{
		name:   "nix",
		args:   []string{"path-info", "--json", "--recursive", string(path)},
		config: offline,
	})
	if err != nil {
		if !exited(err) {
			return ClosureInfo{}, err
		}
		if !s.valid(ctx, path) && ctx.Err() == nil {
			return ClosureInfo{}, fail(ErrAbsent, path, "fetch or build it first")
		}
		return ClosureInfo{}, fail(ErrNix, path, "read its closure: %s", lastLine(messages))
	}
	paths, err := parsePathInfo(out)
	if err != nil {
		if errors.Is(err, ErrAbsent) {
			return ClosureInfo{}, fail(ErrAbsent, path, "fetch or build it first")
		}
		return ClosureInfo{}, &Error{Kind: ErrNix, Path: path, Detail: "read nix path-info", Err: err}
	}
	info := ClosureInfo{Path: path, Paths: paths}
	if err := info.closed(); err != nil {
		return ClosureInfo{}, err
	}
	for _, p := range info.Paths {
		if _, err := os.Lstat(string(p.Path)); err != nil {
			return ClosureInfo{}, &Error{
				Kind: ErrDamaged, Path: p.Path, Err: err,
				Detail: "it is registered but not on the disk; run nix-store --repair-path on it",
			}
		}
	}
	return info, nil
}

// valid reports whether the local store holds the path; an error counts as no.
func (s *Store) valid(ctx context.Context, path units.StorePath) bool {
	_, _, err := s.run(ctx, command{
		name: "nix-store", args: []string{"--check-validity", string(path)}, config: offline,
	})
	return err == nil
}

// pathInfoJSON covers what Nix has printed from 2.8 on: a list whose members hold their path, a map by
// path, and a map by base name with structured hashes and signatures.
type pathInfoJSON struct {
	Path       string            `json:"path"`
	Valid      *bool             `json:"valid"`
	NarHash    json.RawMessage   `json:"narHash"`
	NarSize    int64             `json:"narSize"`
	References []string          `json:"references"`
	Signatures []json.RawMessage `json:"signatures"`
	CA         json.RawMessage   `json:"ca"`
}

func parsePathInfo(out []byte) ([]PathInfo, error) {
	var raw []pathInfoJSON
	switch out = bytes.TrimSpace(out); {
	case bytes.HasPrefix(out, []byte("[")):
		if err := json.Unmarshal(out, &raw); err != nil {
			return nil, err
		}
	case bytes.HasPrefix(out, []byte("{")):
		byPath, err := pathInfoMap(out)
		if err != nil {
			return nil, err
		}
		for path, info := range byPath {
			if info == nil {
				return nil, ErrAbsent
			}
			info.Path = path
			raw = append(raw, *info)
		}
	default:
		return nil, fmt.Errorf("neither a list nor a map: %q", clip(string(out)))
	}
	paths := make([]PathInfo, 0, len(raw))
	for _, r := range raw {
		p, err := r.pathInfo()
		if err != nil {
			return nil, err
		}
		paths = append(paths, p)
	}
	sortPaths(paths)
	return paths, nil
}

// pathInfoMap reads the map, also where it is wrapped with a version around it.
func pathInfoMap(out []byte) (map[string]*pathInfoJSON, error) {
	var wrapped struct {
		Info map[string]*pathInfoJSON `json:"info"`
	}
	if err := json.Unmarshal(out, &wrapped); err == nil && wrapped.Info != nil {
		return wrapped.Info, nil
	}
	var plain map[string]*pathInfoJSON
	err := json.Unmarshal(out, &plain)
	return plain, err
}

func (r pathInfoJSON) pathInfo() (PathInfo, error) {
	if r.Valid != nil && !*r.Valid {
		return PathInfo{}, ErrAbsent
	}
	p := PathInfo{NarSize: r.NarSize}
	var err error
	if p.Path, err = anyMember(r.Path); err != nil {
		return PathInfo{}, err
	}
	if p.NarHash, err = parseHashJSON(r.NarHash); err != nil {
		return PathInfo{}, fmt.Errorf("%s: %w", p.Path, err)
	}
	for _, text := range r.References {
		ref, err := anyMember(text)
		if err != nil {
			return PathInfo{}, err
		}
		p.References = append(p.References, ref)
	}
	slices.Sort(p.References)
	p.References = slices.Compact(p.References)
	for _, text := range r.Signatures {
		// A signature that is not of the known form verifies nothing, and so does no harm either.
		if sig, err := parseSignatureJSON(text); err == nil {
			p.Signatures = append(p.Signatures, sig)
		}
	}
	if ca := string(r.CA); ca != "" && ca != "null" {
		if json.Unmarshal(r.CA, &p.CA) != nil {
			p.CA = ca
		}
	}
	return p, nil
}

func anyMember(text string) (units.StorePath, error) {
	if strings.HasPrefix(text, "/") {
		return parseMember(text)
	}
	return parseMemberBase(text)
}

func parseHashJSON(raw json.RawMessage) (Hash, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return ParseHash(text)
	}
	var parts struct{ Algorithm, Format, Hash string }
	if err := json.Unmarshal(raw, &parts); err != nil {
		return Hash{}, fmt.Errorf("read narHash: %w", err)
	}
	return ParseHash(parts.Algorithm + ":" + parts.Hash)
}

func parseSignatureJSON(raw json.RawMessage) (Signature, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return ParseSignature(text)
	}
	var parts struct {
		KeyName string `json:"keyName"`
		Sig     string `json:"sig"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return Signature{}, fmt.Errorf("read signature: %w", err)
	}
	return ParseSignature(parts.KeyName + ":" + parts.Sig)
}
