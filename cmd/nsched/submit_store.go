package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// storeTries is how often a submit begins anew when somebody else writes at the same moment, or when no
// answer came.
const storeTries = 5

// store writes the document as the app's next generation, in one transaction that holds only while
// everything is as it was checked. It is safe to repeat: what a lost answer hides is found again, since a
// generation is created once.
func (in *intake) store(ctx context.Context) (submitView, error) {
	var asked *write // one whose answer was lost; it may still land
	for range storeTries {
		if in.unchanged() {
			return in.view(in.facts.intent.Generation, false, in.facts.revision), in.revisionWanted()
		}
		if err := in.revisionWanted(); err != nil {
			if asked != nil {
				err = in.unknown(*asked, err)
			}
			return submitView{}, err
		}
		w, err := in.write()
		if err != nil {
			return submitView{}, err
		}
		res, err := in.cluster.Txn(ctx, w.txn)
		switch {
		case err == nil && res.Succeeded:
			return in.view(w.generation, true, res.Revision), nil
		case err != nil && !errors.Is(err, registry.ErrUnknownOutcome):
			return submitView{}, fmt.Errorf("store %s: %w", in.doc.app.ID(), err)
		}
		// Somebody was faster, or no answer came: look again.
		if err != nil {
			asked = &w
		}
		if err := in.read(ctx); err != nil {
			if res.Revision == 0 {
				err = in.unknown(w, err)
			}
			return submitView{}, err
		}
		if in.stored(w) {
			return in.view(w.generation, true, in.facts.revision), nil
		}
		if err := in.check(ctx); err != nil {
			return submitView{}, err
		}
	}
	if asked != nil {
		return submitView{}, in.unknown(*asked, registry.ErrUnknownOutcome)
	}
	return submitView{}, in.changed()
}

// unknown tells the truth about a write whose outcome could not be found out.
func (in *intake) unknown(w write, err error) error {
	id := in.doc.app.ID()
	return exit(exitUnreachable, "it is not known whether generation %d of %s was stored, and may still be: %w; see nsched status %s",
		w.generation, id, err, id)
}

func (in *intake) changed() error {
	id := in.doc.app.ID()
	return exit(exitChanged, "%s was changed meanwhile, its revision is now %d; nothing was stored", id, in.facts.revision)
}

// revisionWanted refuses an app that has changed since --check-revision, which is the app's own revision or
// any later one of the registry, such as that of a plan.
func (in *intake) revisionWanted() error {
	if in.flags.check && in.facts.revision > in.flags.checkRevision {
		return in.changed()
	}
	return nil
}

func (in *intake) view(g units.Generation, changed bool, revision int64) submitView {
	id := in.doc.app.ID()
	return submitView{
		Namespace: id.Namespace, Name: id.Name, Generation: g,
		Count: in.doc.app.CountOr(in.countBefore()), Changed: changed, Revision: revision,
	}
}

// countBefore is the count of an app whose document names none.
func (in *intake) countBefore() int {
	if in.facts.revision == 0 {
		return units.CountDefault
	}
	return in.facts.intent.Count
}

// write is a transaction, and what tells that it was applied.
type write struct {
	txn        registry.Txn
	generation units.Generation
	document   string // empty: the generation was there already
	intent     units.Intent
}

// stored reports whether a write whose answer was lost is there.
func (in *intake) stored(w write) bool {
	if in.facts.intent.Generation != w.generation || in.facts.intent.Count != w.intent.Count || in.facts.intent.Stopped {
		return false
	}
	return w.document == "" || in.facts.generations[w.generation].Document == w.document
}

// write makes the transaction.
func (in *intake) write() (write, error) {
	c, app, f := in.cluster, in.doc.app, in.facts
	id := app.ID()
	w := write{intent: f.intent, generation: f.intent.Generation}
	w.txn.If = []registry.Compare{{Key: c.keys.App(id), Target: registry.ModRevision, Number: f.revision}}
	if f.app == nil || !units.Same(*f.app, app) {
		w.generation, w.document = f.last+1, string(in.doc.raw)
		key := c.keys.Generation(id, w.generation)
		value, err := registry.Encode(units.Submission{Document: w.document, Submitter: submitter()}, registry.Extra{})
		if err != nil {
			return write{}, err
		}
		w.txn.If = append(w.txn.If, registry.Compare{Key: key, Target: registry.CreateRevision})
		w.txn.Then = append(w.txn.Then, registry.Op{Kind: registry.OpPut, Key: key, Value: value})
	}
	w.intent.Generation, w.intent.Count, w.intent.Stopped = w.generation, app.CountOr(in.countBefore()), false
	value, err := registry.Encode(w.intent, f.extra)
	if err != nil {
		return write{}, err
	}
	w.txn.Then = append(w.txn.Then, registry.Op{Kind: registry.OpPut, Key: c.keys.App(id), Value: value})
	if err := in.claim(&w.txn); err != nil {
		return write{}, err
	}
	if len(w.txn.If) > registry.MaxOps || len(w.txn.Then) > registry.MaxOps {
		return write{}, inFile(in.doc.file, exitUsage, fmt.Sprintf("dns: more than %d names change at once", registry.MaxOps-2))
	}
	return w, nil
}

// claim takes the names that the document has and nobody else, and lets go of those that it has no more.
func (in *intake) claim(txn *registry.Txn) error {
	id := in.doc.app.ID()
	value, err := registry.Encode(units.Claim{App: id}, registry.Extra{})
	if err != nil {
		return err
	}
	names := in.names()
	for _, name := range names {
		key := in.cluster.keys.Name(name)
		held := in.claims[name]
		txn.If = append(txn.If, registry.Compare{Key: key, Target: registry.ModRevision, Number: held.revision})
		if held.revision == 0 {
			txn.Then = append(txn.Then, registry.Op{Kind: registry.OpPut, Key: key, Value: value})
		}
	}
	for _, name := range sortedKeys(in.claims) {
		if held := in.claims[name]; held.app == id && !slices.Contains(names, name) {
			key := in.cluster.keys.Name(name)
			txn.If = append(txn.If, registry.Compare{Key: key, Target: registry.ModRevision, Number: held.revision})
			txn.Then = append(txn.Then, registry.Op{Kind: registry.OpDelete, Key: key})
		}
	}
	return nil
}

// submitter says who stores it: a courtesy for people, not a proof.
func submitter() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}
