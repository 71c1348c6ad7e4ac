package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

const (
	// leftSoon is how often is looked for units that are still there, and leftLate the least that it waits after
	// a look for each second that the look took.
	leftSoon = 200 * time.Millisecond
	leftLate = 4
	// leftMost is how many units of a node are looked at.
	leftMost = 1000
)

// awaitStop waits until no node has a unit of the app. Assignments go when their node has said that the
// unit has ended. An etcd that goes away meanwhile is waited for.
func (s *session) awaitStop(ctx context.Context, c cluster, id units.AppID) error {
	board := newBoard(s.errs)
	var lost []unitView
	err := c.whileLeft(ctx, id, s.unheard, func(snapshot *registry.Snapshot) (bool, error) {
		if i, ok := registry.Lookup[units.Intent](snapshot, c.keys.App(id)); ok && !i.Stopped {
			return false, exit(exitChanged, "%s was started again meanwhile", id)
		}
		left := 0
		lost = nil
		for _, u := range c.units(snapshot) {
			if u.unit.AppID() != id || !u.assigned {
				continue
			}
			if c.tenure(snapshot, u.Node) == 0 && u.Desired == units.DesiredStop {
				lost = append(lost, u)
				continue
			}
			left++
			board.line(u.Unit, strings.TrimRight(plainLine(strings.Join([]string{unitName(u.unit), string(u.Node), string(u.State), u.Reason.String()}, "  ")), " "))
		}
		board.flush()
		return left == 0, nil
	})
	board.end()
	for _, u := range lost {
		_, _ = fmt.Fprintf(s.errs, "%s is on %s, which is lost: it is stopped when the node returns\n", unitName(u.unit), u.Node)
	}
	if err != nil && ctx.Err() != nil {
		_, _ = fmt.Fprintf(s.errs, "%s goes on stopping without you; follow it with: nsched status -w %s\n", id, id)
		return fmt.Errorf("wait for %s to stop: %w", id, err)
	}
	return err
}

// whileLeft calls each with the app's intent and its units that are left, and what becomes of them, until it
// says that it is done, of every node.
func (c cluster) whileLeft(ctx context.Context, id units.AppID, unheard func(error), each func(*registry.Snapshot) (done bool, err error)) error {
	var nodes []units.NodeName
	whole, told := true, false // whole: every node is looked at
	for {
		begin := time.Now()
		snapshot, err := c.left(ctx, id, &nodes, whole)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, registry.ErrUnavailable):
			if !told {
				unheard(err)
			}
			told = true
		case err != nil:
			return err
		default:
			told = false
			done, err := each(snapshot)
			if err != nil || done && whole {
				return err
			}
			if whole = done; done {
				continue // of those that were known to have some; and of the others?
			}
		}
		pause := time.NewTimer(max(leftSoon, leftLate*time.Since(begin)))
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}

// left reads the app's units on some nodes, or on all, which then become those that have some.
func (c cluster) left(ctx context.Context, id units.AppID, nodes *[]units.NodeName, whole bool) (*registry.Snapshot, error) {
	if whole {
		found, err := c.nodesOf(ctx, id)
		if err != nil {
			return nil, err
		}
		*nodes = found
	}
	prefix := unitPrefix(id)
	ops := []registry.Op{{Kind: registry.OpRange, Key: c.keys.App(id)}}
	for _, n := range *nodes {
		ops = append(ops,
			under(c.keys.Under(registry.KindUnit, string(n))+prefix, leftMost),
			under(c.keys.Under(registry.KindStatus, string(n))+prefix, leftMost),
			registry.Op{Kind: registry.OpRange, Key: c.keys.Alive(n)})
	}
	store := registry.NewStore(c.keys)
	err := c.readOps(ctx, ops, func(_ registry.Op, revision int64, kvs []registry.KeyValue) {
		b := registry.Batch{Revision: revision}
		for _, kv := range kvs {
			b.Changes = append(b.Changes, registry.Change{KeyValue: kv})
		}
		store.Apply(b)
	})
	return store.Snapshot(), err
}

// nodesOf finds the nodes that have a unit of an app. Units are kept by node, so each registered node is asked
// about this app alone, and between every two of them is looked for one that is not registered any more.
func (c cluster) nodesOf(ctx context.Context, id units.AppID) ([]units.NodeName, error) {
	all := c.keys.Under(registry.KindUnit)
	places := map[string]units.NodeName{} // by where the units of a node are
	add := func(n units.NodeName) { places[c.keys.Under(registry.KindUnit, string(n))] = n }
	if err := c.names(ctx, c.keys.Under(registry.KindNode), func(key registry.Key) { add(key.Node) }); err != nil {
		return nil, err
	}
	for {
		var ops []registry.Op
		from := all
		for _, place := range sortedKeys(places) {
			ops = append(ops, registry.Op{Kind: registry.OpRange, Key: from, End: place, Limit: 1}, under(place+unitPrefix(id), 1))
			from = registry.PrefixEnd(place)
		}
		ops = append(ops, registry.Op{Kind: registry.OpRange, Key: from, End: registry.PrefixEnd(all), Limit: 1})
		known := len(places)
		var found []units.NodeName
		err := c.readOps(ctx, ops, func(_ registry.Op, _ int64, kvs []registry.KeyValue) {
			for _, kv := range kvs {
				key, err := c.keys.Parse(kv.Key)
				if err != nil {
					places[kv.Key+"\x00"] = "" // no key of ours: look behind it too
					continue
				}
				if _, there := places[c.keys.Under(registry.KindUnit, string(key.Node))]; there {
					found = append(found, key.Node)
				}
				add(key.Node)
			}
		})
		if err != nil || len(places) == known {
			slices.Sort(found)
			return found, err
		}
	}
}

// unitPrefix is how the identities of an app's units begin.
func unitPrefix(id units.AppID) string { return string(id.Namespace) + "." + string(id.Name) + "." }

// names calls each with every key under a prefix.
func (c cluster) names(ctx context.Context, prefix string, each func(registry.Key)) error {
	const page = 5000
	for from, more := prefix, true; more; {
		res, err := c.Range(ctx, registry.Range{Key: from, End: registry.PrefixEnd(prefix), Limit: page, KeysOnly: true})
		if err != nil {
			return err
		}
		for _, kv := range res.KVs {
			if key, err := c.keys.Parse(kv.Key); err == nil {
				each(key)
			}
			from = kv.Key + "\x00"
		}
		more = res.More && len(res.KVs) > 0
	}
	return nil
}

func under(prefix string, limit int) registry.Op {
	return registry.Op{Kind: registry.OpRange, Key: prefix, End: registry.PrefixEnd(prefix), Limit: limit}
}

// readOps makes reads, as many in a transaction as go into one, and calls each with what was found. Those of
// different transactions are of different revisions.
func (c cluster) readOps(ctx context.Context, ops []registry.Op, each func(op registry.Op, revision int64, kvs []registry.KeyValue)) error {
	for some := range slices.Chunk(ops, registry.MaxOps) {
		res, err := c.Txn(ctx, registry.Txn{Then: some})
		if err != nil {
			return err
		}
		for i, r := range res.Results {
			each(some[i], res.Revision, r.Range.KVs)
		}
	}
	return nil
}
