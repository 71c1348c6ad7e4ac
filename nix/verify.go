package nix

import (
	"context"
	"errors"
	"slices"

	"github.com/nsched/nsched/units"
)

// Verify checks a path that must be in the local store already: the whole closure registered, present and
// signed by one of the keys. It asks no cache, so it works without a network; it makes no root.
func (s *Store) Verify(ctx context.Context, path units.StorePath, keys []PublicKey) (ClosureInfo, error) {
	info, err := s.Closure(ctx, path)
	if err != nil {
		return ClosureInfo{}, err
	}
	if s.o.AllowUnsigned {
		return info, nil
	}
	if len(keys) == 0 {
		return ClosureInfo{}, fail(ErrNoTrustedKey, path, "no key was given to check it with")
	}
	return info, info.Check(keys)
}

// checked is the closure of a realised path, every path of it signed. A path that was in the store
// already may lack the signature that a cache holds for the very same bytes; then the cache's word is
// taken, and written into the store so that the next check needs no cache.
func (s *Store) checked(ctx context.Context, j job) (ClosureInfo, error) {
	info, err := s.Closure(ctx, j.Path)
	if err != nil || j.AllowUnsigned {
		return info, err
	}
	w := newWalk(openable(j.caches), j.keys)
	var adopted []PathInfo
	for i, p := range info.Paths {
		problem := p.Check(j.keys)
		if problem == nil {
			continue
		}
		if j.Offline && len(j.caches) > 0 {
			return ClosureInfo{}, &Error{
				Kind: ErrFetch, Path: p.Path, Err: problem,
				Detail: "the local copy has no trusted signature, and no cache may be asked while offline",
			}
		}
		signed, err := w.vouch(ctx, p, problem)
		if err != nil {
			return ClosureInfo{}, err
		}
		info.Paths[i] = signed
		adopted = append(adopted, signed)
	}
	if len(adopted) > 0 {
		s.keepSignatures(ctx, j, adopted)
	}
	return info, nil
}

// vouch looks for a signature in the caches over exactly what the store has.
func (w *walk) vouch(ctx context.Context, p PathInfo, problem error) (PathInfo, error) {
	for _, c := range w.caches {
		n, err := w.ask(ctx, c, p.Path)
		switch {
		case ctx.Err() != nil:
			return PathInfo{}, ctx.Err()
		case errors.Is(err, ErrNotFound):
			continue
		case err != nil:
			problem = &Error{Kind: ErrFetch, Path: p.Path, Detail: "the local copy has no trusted signature, and its cache cannot be asked", Err: err}
			continue
		}
		if n.Fingerprint() != p.Fingerprint() {
			if n.Check(w.keys) == nil {
				problem = fail(ErrBadSignature, p.Path,
					"the local copy differs from the one that %s signed (was it built here?); delete it with nix-store --delete", c)
			}
			continue
		}
		p.Signatures = slices.Concat(p.Signatures, n.Signatures)
		if p.Check(w.keys) == nil {
			return p, nil
		}
	}
	return PathInfo{}, problem
}

// keepSignatures copies signatures into the store. It may fail: the next check asks the caches again.
func (s *Store) keepSignatures(ctx context.Context, j job, paths []PathInfo) {
	args := []string{"store", "copy-sigs"}
	for _, c := range j.caches {
		args = append(args, "--substituter", c)
	}
	for _, p := range paths {
		args = append(args, string(p.Path))
	}
	config := append(s.fetchConfig(j), "extra-experimental-features = nix-command")
	if _, messages, err := s.run(ctx, command{name: "nix", args: args, config: config}); err != nil {
		s.log.Warn().Str("path", string(j.Path)).Str("reason", lastLine(messages)).Err(err).
			Msg("failed to keep signatures of local paths")
	}
}

// openable are the caches that can be asked; the others only Nix can read.
func openable(urls []string) []*Cache {
	var caches []*Cache
	for _, raw := range urls {
		if c, err := OpenCache(raw); err == nil {
			caches = append(caches, c)
		}
	}
	return caches
}
