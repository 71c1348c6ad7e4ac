package nix

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/nsched/nsched/units"
)

// explain names the reason why Nix ended with an error. Nix says "don't know how to build these paths"
// for a path that no cache has and for a cache that is down alike, so the caches are asked again; Nix'
// own words decide only where that leaves a choice.
//
// The caches to try again with are returned where that can help. Nix gives up when one cache fails in the
// middle of its questions, though another may hold everything: those that answer. And it goes by what it
// remembers of a path that has been signed since: all of them.
func (s *Store) explain(ctx context.Context, j job, err error) (again []string, reason error) {
	messages := ""
	var ne *nixError
	if errors.As(err, &ne) {
		messages = ne.messages
	}
	if says(messages, "No space left on device", "disk is full", "Disk quota exceeded", "out of disk space") {
		return nil, fail(ErrDiskFull, j.Path, "%s; free space below /nix (nix-collect-garbage)", lastLine(messages))
	}
	w := newWalk(openable(j.caches), j.keys)
	w.have = s.valid
	info, walkErr := w.closure(ctx, j.Path)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	// A cache that cannot be asked may have had what the others lack: then only Nix' words are left.
	blind := len(w.caches) < len(j.caches)
	if walkErr != nil && (!blind || !errors.Is(walkErr, ErrNotFound)) {
		return nil, walkErr
	}
	if walkErr == nil && !blind {
		if err := info.Check(j.keys); err != nil {
			return nil, err
		}
		if again = w.alive(); len(again) == 0 && unsigned(messages) {
			again = j.caches
		}
	}
	return again, inWords(j.Path, messages)
}

// offlineReason names the reason where no cache may be asked.
func (s *Store) offlineReason(ctx context.Context, j job, err error) error {
	here := s.valid(ctx, j.Path)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !here {
		return fail(ErrFetch, j.Path, "it is not in the local store, and no cache may be asked while offline")
	}
	return &Error{Kind: ErrNix, Path: j.Path, Err: err}
}

// alive returns the caches that answered, if some did not.
func (w *walk) alive() []string {
	if len(w.down) == 0 || len(w.down) == len(w.caches) {
		return nil
	}
	var urls []string
	for _, c := range w.caches {
		if w.down[c] == nil {
			urls = append(urls, c.raw)
		}
	}
	return urls
}

// inWords goes by what Nix 2.8 and newer say.
func inWords(path units.StorePath, messages string) error {
	last := lastLine(messages)
	trouble := says(messages, "unable to download", "does not exist in binary cache", "hash mismatch", "compressed data",
		"unexpected end", "bad archive", "not a NAR", "NAR", "curl", "decompress", "is corrupt", "timed out", "Timeout",
		"disabled", "warning: error")
	switch {
	case unsigned(messages):
		return fail(ErrBadSignature, path, "%s", last)
	case trouble:
		return fail(ErrFetch, path, "%s", last)
	case says(messages, "don't know how to build", "cannot be created", "no substituter that can build"):
		return fail(ErrNotFound, path, "%s", last)
	}
	return fail(ErrNix, path, "%s", last)
}

func unsigned(messages string) bool {
	return says(messages, "is not signed by any", "lacks a valid signature", "lacks a signature")
}

func says(messages string, any ...string) bool {
	return slices.ContainsFunc(any, func(words string) bool { return strings.Contains(messages, words) })
}

// lastLine picks what a person should read of Nix' messages: the last line that tells a cause. The very
// last one only says that the whole has failed, and an answer's body or two hashes may follow a cause.
func lastLine(messages string) string {
	lines := strings.Split(strings.TrimSpace(messages), "\n")
	for _, start := range []string{"error: ", "warning: "} {
		for _, line := range slices.Backward(lines) {
			text, ok := strings.CutPrefix(strings.TrimSpace(line), start)
			if ok && !strings.HasPrefix(text, "build of ") && !strings.HasPrefix(text, "some substitutes") {
				return clipTo(strings.TrimSuffix(strings.TrimPrefix(text, "error: "), ";"), 400)
			}
		}
	}
	return clipTo(strings.TrimSpace(lines[len(lines)-1]), 400)
}

func clipTo(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

func sortedNames(roots map[RootName]units.StorePath) []RootName {
	return slices.Sorted(maps.Keys(roots))
}
