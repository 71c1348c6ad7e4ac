package nix

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nsched/nsched/units"
)

const (
	walkParallel = 16
	// walkLimit ends a walk through a cache that makes up references without end.
	walkLimit = 200_000
)

// FetchClosureInfo asks the caches, in order, about a path and everything it refers to, without fetching
// any of it. It answers: do the caches hold the whole closure, how large is it, who signed it. Where
// several caches hold a path, the first whose signature one of the keys verifies is taken, else the first
// that has it; signatures are for the caller to check (ClosureInfo.Check).
//
// ErrNotFound names the path that no cache has; ErrFetch means that a cache which might have it did not
// answer. Nothing is cached between calls.
func FetchClosureInfo(
	ctx context.Context, caches []string, path units.StorePath, keys []PublicKey,
) (ClosureInfo, error) {
	opened := make([]*Cache, 0, len(caches))
	for _, raw := range caches {
		c, err := OpenCache(raw)
		if err != nil {
			return ClosureInfo{}, err
		}
		opened = append(opened, c)
	}
	w := newWalk(opened, keys)
	return w.closure(ctx, path)
}

// walk is one pass over the caches. A cache that failed once is not asked again in it, so that a dead
// cache costs its timeout once and not once a path.
type walk struct {
	caches []*Cache
	keys   []PublicKey
	// have, if set, says that a path is in the local store; it is asked only about paths that the
	// caches cannot give, and what it has is left out of the result.
	have func(context.Context, units.StorePath) bool

	mu   sync.Mutex
	down map[*Cache]error
}

func newWalk(caches []*Cache, keys []PublicKey) *walk {
	return &walk{caches: caches, keys: keys, down: map[*Cache]error{}}
}

func (w *walk) closure(ctx context.Context, path units.StorePath) (ClosureInfo, error) {
	info := ClosureInfo{Path: path}
	seen := map[units.StorePath]bool{path: true}
	for level := []units.StorePath{path}; len(level) > 0; {
		found, err := w.level(ctx, level)
		if err != nil {
			return ClosureInfo{}, err
		}
		info.Paths = append(info.Paths, found...)
		level = nil
		for _, p := range found {
			for _, r := range p.References {
				if !seen[r] {
					seen[r] = true
					level = append(level, r)
				}
			}
		}
		if len(seen) > walkLimit {
			return ClosureInfo{}, fail(ErrFetch, path, "its closure in the caches has more than %d paths", walkLimit)
		}
		slices.Sort(level)
	}
	sortPaths(info.Paths)
	return info, nil
}

// level asks about paths side by side; of several errors the first in order of path is told, and a
// definite answer goes before a cache's silence.
func (w *walk) level(ctx context.Context, paths []units.StorePath) ([]PathInfo, error) {
	var (
		infos = make([]*PathInfo, len(paths))
		errs  = make([]error, len(paths))
		slots = make(chan struct{}, walkParallel)
		group sync.WaitGroup
	)
	for i, p := range paths {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			infos[i], errs[i] = w.find(ctx, p)
		})
	}
	group.Wait()
	var first error
	for _, err := range errs {
		if err != nil && (first == nil || errors.Is(err, ErrNotFound) && !errors.Is(first, ErrNotFound)) {
			first = err
		}
	}
	if first != nil {
		return nil, first
	}
	var found []PathInfo
	for _, p := range infos {
		if p != nil {
			found = append(found, *p)
		}
	}
	return found, nil
}

// find returns nil without an error for a path that only the local store has.
func (w *walk) find(ctx context.Context, path units.StorePath) (*PathInfo, error) {
	var (
		first   *PathInfo
		missing []string
		silent  error
	)
	for _, c := range w.caches {
		n, err := w.ask(ctx, c, path)
		switch {
		case err == nil && n.Check(w.keys) == nil:
			return &n.PathInfo, nil
		case err == nil && first == nil:
			first = &n.PathInfo
		case err == nil:
		case ctx.Err() != nil:
			return nil, fmt.Errorf("ask cache %s about %s: %w", c, path, ctx.Err())
		case errors.Is(err, ErrNotFound):
			missing = append(missing, c.String())
		case silent == nil:
			silent = err
		}
	}
	if w.have != nil && w.have(ctx, path) {
		return nil, nil
	}
	if silent != nil && (first == nil || len(w.keys) > 0) {
		return nil, silent
	}
	if first != nil {
		return first, nil
	}
	if len(missing) == 0 {
		return nil, fail(ErrNotFound, path, "no cache is configured: name one in the app's cache.url or on the node")
	}
	return nil, fail(ErrNotFound, path, "asked %s; push it (nix copy --to …)", strings.Join(missing, ", "))
}

func (w *walk) ask(ctx context.Context, c *Cache, path units.StorePath) (Narinfo, error) {
	w.mu.Lock()
	err := w.down[c]
	w.mu.Unlock()
	if err != nil {
		return Narinfo{}, err
	}
	n, err := c.Narinfo(ctx, path)
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrNotFound) {
		w.mu.Lock()
		w.down[c] = err
		w.mu.Unlock()
	}
	return n, err
}
