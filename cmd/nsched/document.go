package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nsched/nsched/units"
)

// documentLimit is the longest document that is read, in bytes; one more byte makes it too long for the
// parser, which says so.
const documentLimit = 1 << 20

// document is one app.json on its way to the cluster.
type document struct {
	file string // as the person named it
	raw  []byte // with store paths where there were links
	app  units.App
}

// readDocuments reads files whole and checks all that can be checked without a cluster. Every problem of
// every file is told at once.
func (s *session) readDocuments(files []string) ([]document, error) {
	var docs []document
	var problems lines
	seen := map[units.AppID]string{}
	for _, file := range files {
		d, found, err := s.readDocument(file)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			if s.flags.namespace != "" && string(d.app.Namespace) != s.flags.namespace {
				found = append(found, fmt.Sprintf("namespace: the file says %s, and -n says %s", d.app.Namespace, s.flags.namespace))
			}
			if other, twice := seen[d.app.ID()]; twice {
				found = append(found, fmt.Sprintf("name: %s is app %s too", other, d.app.ID()))
			}
			seen[d.app.ID()] = d.file
		}
		for _, p := range found {
			problems = append(problems, d.file+": "+p)
		}
		docs = append(docs, d)
	}
	if len(problems) > 0 {
		return nil, &exitError{exitUsage, problems}
	}
	return docs, nil
}

// readDocument reads one file; "-" is standard input.
func (s *session) readDocument(file string) (document, []string, error) {
	d := document{file: file}
	in, dir := s.in, "."
	if file == "-" {
		d.file = "standard input"
	} else {
		f, err := os.Open(file)
		if err != nil {
			return d, nil, usage("read the app: %w", err)
		}
		defer func() { _ = f.Close() }()
		in, dir = f, filepath.Dir(file)
	}
	raw, err := io.ReadAll(io.LimitReader(in, documentLimit+1))
	if err != nil {
		return d, nil, usage("read the app: %w", err)
	}
	resolved, err := units.ResolvePaths(raw, func(text string) (units.StorePath, error) { return resolveLink(dir, text) })
	var unresolved units.Problems
	switch {
	case errors.As(err, &unresolved):
		resolved = raw
	case err != nil:
		return d, nil, usage("%s: %w", d.file, err)
	}
	parsed := units.ReadApp(resolved)
	d.raw, d.app = resolved, parsed.App
	var found []string
	instead := map[string]bool{} // of a link that leads nowhere it is said once, and why
	for _, p := range unresolved {
		instead[p.Path] = true
		found = append(found, p.String())
	}
	for _, list := range []units.Problems{parsed.Problems, parsed.NotSupported} {
		for _, p := range list {
			if !instead[p.Path] {
				found = append(found, p.String())
			}
		}
	}
	return d, found, nil
}

// linksFollowed is how many links lead from ./result to the store at most, as in the kernel.
const linksFollowed = 40

// resolveLink follows a link, relative to the file that names it, until it leads into the store. The store
// itself is not looked into: the path need not be on this machine.
func resolveLink(dir, text string) (units.StorePath, error) {
	at := text
	if !filepath.IsAbs(at) {
		at = filepath.Join(dir, at)
	}
	for range linksFollowed {
		target, err := os.Readlink(at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("%s does not exist; build it first (nix build makes ./result)", at)
		case err != nil:
			return "", fmt.Errorf("%s is neither a store path nor a link to one", at)
		case units.InStore(target):
			return units.ParseStorePath(target)
		case filepath.IsAbs(target):
			at = target
		default:
			at = filepath.Join(filepath.Dir(at), target)
		}
	}
	return "", fmt.Errorf("%s leads through more than %d links", text, linksFollowed)
}
