package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/nsched/nsched/nix"
	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// intake takes one document in. What it has read is of one revision; store compares what it stands on.
type intake struct {
	session *session
	cluster cluster
	doc     document
	flags   submitFlags

	facts  *appFacts
	nodes  []placement.Node
	claims map[string]nameClaim
}

// nameClaim is a claim that there is, and its revision. Without an app it cannot be read, and is
// somebody's.
type nameClaim struct {
	app      units.AppID
	revision int64
}

// read reads what the document is judged by.
func (in *intake) read(ctx context.Context) error {
	c, app := in.cluster, in.doc.app
	w := c.appScope(app.Namespace, app.Name)
	w.prefixes = append(w.prefixes, c.keys.Under(registry.KindNode))
	w.prefixes = append(w.prefixes, c.keys.Under(registry.KindName))
	snapshot, err := c.read(ctx, w)
	if err != nil {
		return err
	}
	in.facts = c.app(snapshot, app.ID())
	if in.facts.broken != nil {
		return fmt.Errorf("read the app: %w; mend or delete the key", in.facts.broken)
	}
	in.nodes, in.claims = nil, map[string]nameClaim{}
	for key, n := range registry.All[units.Node](snapshot, c.keys.Under(registry.KindNode)) {
		in.nodes = append(in.nodes, placement.Node{Name: key.Node, Record: n})
	}
	for item := range snapshot.Items(c.keys.Under(registry.KindName)) {
		if claim, ok := item.Decoded.(units.Claim); ok {
			in.claims[item.ID.Name] = nameClaim{claim.App, item.Raw.ModRevision}
		}
	}
	for bad := range snapshot.Bad(c.keys.Under(registry.KindName)) {
		if bad.ID.Name != "" {
			in.claims[bad.ID.Name] = nameClaim{revision: bad.ModRevision}
		}
	}
	return nil
}

// names are the domain names of the document.
func (in *intake) names() []string {
	var names []string
	for _, d := range in.doc.app.DNS {
		if !slices.Contains(names, d.Name) {
			names = append(names, d.Name)
		}
	}
	return names
}

// check refuses what can be refused without writing anything.
func (in *intake) check(ctx context.Context) error {
	if err := in.read(ctx); err != nil {
		return err
	}
	app := in.doc.app
	var problems []string
	for _, name := range in.names() {
		if claim, taken := in.claims[name]; taken && claim.app != app.ID() {
			problems = append(problems, fmt.Sprintf("dns: %s belongs to app %s", name, claim.app))
		}
	}
	spec, err := placement.Compile(app)
	if err != nil {
		problems = append(problems, err.Error())
	}
	if len(problems) > 0 {
		return inFile(in.doc.file, exitUsage, problems...)
	}
	if ok, reason, _ := placement.Fits(spec, in.admitting()); !ok {
		return inFile(in.doc.file, exitNotPlaced, "no registered node could ever run it: "+reason.Message)
	}
	if in.unchanged() {
		return nil // it runs already: where it once came from does not matter
	}
	for _, p := range in.paths() {
		if err := in.checkPath(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// admitting are the nodes that take units of the document's namespace.
func (in *intake) admitting() []placement.Node {
	var list []placement.Node
	for _, n := range in.nodes {
		if len(n.Record.Namespaces) == 0 || slices.Contains(n.Record.Namespaces, in.doc.app.Namespace) {
			list = append(list, n)
		}
	}
	return list
}

// unchanged reports whether storing the document would change nothing.
func (in *intake) unchanged() bool {
	f, app := in.facts, in.doc.app
	return f.app != nil && units.Same(*f.app, app) && !f.intent.Stopped && app.CountOr(f.intent.Count) == f.intent.Count
}

func (in *intake) paths() []units.StorePath {
	if in.doc.app.Path != "" {
		return []units.StorePath{in.doc.app.Path}
	}
	var list []units.StorePath
	for _, system := range sortedKeys(in.doc.app.Paths) {
		list = append(list, in.doc.app.Paths[system])
	}
	return list
}

// checkPath refuses a path that no node could get, and an executable that this machine sees to be
// missing. A cache that does not answer here may answer the nodes: that is only told.
func (in *intake) checkPath(ctx context.Context, p units.StorePath) error {
	local := exists(string(p))
	if local {
		command := path.Clean(in.doc.app.Command[0])
		if !executable(filepath.Join(string(p), command)) {
			return inFile(in.doc.file, exitUsage, fmt.Sprintf("command: %s has no executable file %s", p, command))
		}
	}
	if local && in.onlyHere() {
		return nil
	}
	caches, keys := in.caches()
	info, err := nix.FetchClosureInfo(ctx, caches, p, keys)
	switch {
	case err == nil && len(keys) > 0:
		err = info.Check(keys)
	case err == nil:
		return nil
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, nix.ErrFetch), errors.Is(err, nix.ErrInvalid) && in.doc.app.Cache == nil:
		_, _ = fmt.Fprintf(in.session.errs, "nsched: %s could not be looked up, the nodes will try: %s\n", p, plainLine(err.Error()))
		return nil
	}
	return inFile(in.doc.file, exitUsage, "path: "+err.Error())
}

// caches are those that the nodes would ask, in order, and the keys that they trust: the app's own cache
// first; its keys narrow the nodes' and never add to them. Caches of a node's own disk are its own.
func (in *intake) caches() (caches []string, keys []nix.PublicKey) {
	add := func(url string) {
		if !slices.Contains(caches, url) {
			caches = append(caches, url)
		}
	}
	own := in.doc.app.Cache
	if own != nil && own.URL != "" {
		add(own.URL)
	}
	for _, n := range in.admitting() {
		for _, url := range n.Record.Caches {
			add(url)
		}
		for _, text := range n.Record.PublicKeys {
			if k, err := nix.ParsePublicKey(text); err == nil && !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
	}
	if own != nil {
		if narrow, err := nix.ParsePublicKeys(own.PublicKeys); err == nil {
			keys = nix.Narrow(keys, narrow)
		}
	}
	return caches, keys
}

// onlyHere reports whether this machine is the cluster's one node, as under nsched dev: what is in its
// store needs no cache.
func (in *intake) onlyHere() bool {
	if len(in.nodes) != 1 || string(in.nodes[0].Name) != shortHostName() {
		return false
	}
	boot, err := node.BootID()
	return err == nil && in.nodes[0].Record.BootID == boot
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

// executable reports whether a file can be executed. One that this user may not look at counts as one.
func executable(file string) bool {
	st, err := os.Stat(file)
	if err != nil {
		return errors.Is(err, fs.ErrPermission)
	}
	return st.Mode().IsRegular() && st.Mode().Perm()&0o111 != 0
}
