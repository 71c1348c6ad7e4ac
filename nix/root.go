package nix

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/nsched/nsched/units"
)

// RootName names a root: "<ns>.<app>.<gen>".
type RootName string

// NewRootName is the name of the root that holds one generation of an app.
func NewRootName(app units.AppID, gen units.Generation) RootName {
	return RootName(fmt.Sprintf("%s.%s.%d", app.Namespace, app.Name, gen))
}

// ParseRootName reads "<ns>.<app>.<gen>".
func ParseRootName(text string) (RootName, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return "", fail(ErrInvalid, "", "root name %q is not <namespace>.<app>.<generation>", clip(text))
	}
	if _, err := units.ParseNamespace(parts[0]); err != nil {
		return "", &Error{Kind: ErrInvalid, Detail: "root name", Err: err}
	}
	if _, err := units.ParseAppName(parts[1]); err != nil {
		return "", &Error{Kind: ErrInvalid, Detail: "root name", Err: err}
	}
	gen, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil || gen < 1 || strconv.FormatInt(gen, 10) != parts[2] {
		return "", fail(ErrInvalid, "", "root name %q: a generation is a number from 1", clip(text))
	}
	return RootName(text), nil
}

func (s *Store) rootPath(name RootName) string { return filepath.Join(s.o.RootsDir, string(name)) }

// Roots lists nsched's roots. What else lies in the directory is not told: a file that is no link, a link
// that does not point to a store path, a name of another form. A directory that is not there has none.
func (s *Store) Roots() (map[RootName]units.StorePath, error) {
	entries, err := os.ReadDir(s.o.RootsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{Kind: ErrRoot, Detail: "list roots", Err: err}
	}
	roots := map[RootName]units.StorePath{}
	for _, e := range entries {
		name, err := ParseRootName(e.Name())
		if err != nil {
			continue
		}
		target, err := s.root(name)
		if errors.Is(err, ErrForeignRoot) || err == nil && target == "" {
			continue
		}
		if err != nil {
			return nil, err
		}
		roots[name] = target
	}
	return roots, nil
}

// root reads one root; "" if there is none, ErrForeignRoot if it is not ours.
func (s *Store) root(name RootName) (units.StorePath, error) {
	file := s.rootPath(name)
	info, err := os.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", &Error{Kind: ErrRoot, Detail: "read " + string(name), Err: err}
	}
	foreign := fail(ErrForeignRoot, "", "%s is not a link to a store path; move it away", file)
	if info.Mode().Type() != fs.ModeSymlink {
		return "", foreign
	}
	target, err := os.Readlink(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", &Error{Kind: ErrRoot, Detail: "read " + string(name), Err: err}
	}
	path, err := units.ParseStorePath(target)
	if err != nil {
		return "", foreign
	}
	return path, nil
}

// RemoveRoot removes a root; one that is not there is removed already. A Realise of the same name that is
// under way fails with a retry. The bytes stay until Nix collects garbage.
func (s *Store) RemoveRoot(name RootName) error {
	if _, err := ParseRootName(string(name)); err != nil {
		return err
	}
	if target, err := s.root(name); err != nil || target == "" {
		return err
	}
	if err := os.Remove(s.rootPath(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &Error{Kind: ErrRoot, Detail: "remove " + string(name), Err: err}
	}
	return nil
}

// Sweep removes every root that is not kept and says which they were. A root that is being made at this
// moment is left to the next sweep. On an error the other roots are swept all the same.
//
// An empty keep removes them all: it is the caller who knows that the list was read whole.
func (s *Store) Sweep(keep map[RootName]bool) ([]RootName, error) {
	roots, err := s.Roots()
	if err != nil {
		return nil, err
	}
	var (
		removed  []RootName
		problems []error
	)
	for _, name := range sortedNames(roots) {
		if keep[name] || s.isBusy(name) {
			continue
		}
		if err := s.RemoveRoot(name); err != nil {
			problems = append(problems, err)
			continue
		}
		removed = append(removed, name)
	}
	return removed, errors.Join(problems...)
}

// putBack makes a root what it was before: a link to old, or nothing.
func (s *Store) putBack(name RootName, old units.StorePath) error {
	if old == "" {
		return s.RemoveRoot(name)
	}
	// Its own name has another form than a root's, so that nobody takes a leftover for one.
	next := filepath.Join(s.o.RootsDir, ".put-back-"+string(name))
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &Error{Kind: ErrRoot, Detail: "put back " + string(name), Err: err}
	}
	if err := os.Symlink(string(old), next); err != nil {
		return &Error{Kind: ErrRoot, Detail: "put back " + string(name), Err: err}
	}
	if err := os.Rename(next, s.rootPath(name)); err != nil {
		return &Error{Kind: ErrRoot, Detail: "put back " + string(name), Err: err}
	}
	return nil
}
