package nix

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nsched/nsched/units"
)

// Executable returns ErrNoExecutable unless rel, relative to the closure's path, is an executable file
// that belongs to the closure. Links are followed; one that leads out of the closure leads to something
// that nobody signed and that garbage collection may take away.
func (c ClosureInfo) Executable(rel string) error {
	if !filepath.IsLocal(rel) {
		return fail(ErrNoExecutable, c.Path, "%q is not relative to the path", clip(rel))
	}
	file := filepath.Join(string(c.Path), rel)
	resolved, err := filepath.EvalSymlinks(file)
	if err != nil {
		return fail(ErrNoExecutable, c.Path, "it has no %s; %s", rel, siblings(file))
	}
	member, _, _ := strings.Cut(strings.TrimPrefix(resolved, units.StoreDir), "/")
	if _, ok := c.Lookup(units.StorePath(units.StoreDir + member)); !ok {
		return fail(ErrNoExecutable, c.Path, "%s is a link to %s, which is not in the closure", rel, resolved)
	}
	info, err := os.Stat(resolved)
	if err != nil {
		return &Error{Kind: ErrNoExecutable, Path: c.Path, Err: err}
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return fail(ErrNoExecutable, c.Path, "%s is not an executable file", rel)
	}
	return nil
}

// siblings says what there is in place of a file, for the person who mistyped it.
func siblings(file string) string {
	const enough = 8
	dir := filepath.Dir(file)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "it has no " + filepath.Base(dir) + " either"
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if len(names) > enough {
		names = append(slices.Clip(names[:enough]), "…")
	}
	return filepath.Base(dir) + " holds: " + strings.Join(names, ", ")
}
