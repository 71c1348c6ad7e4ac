package units

import (
	"bytes"
	"cmp"
)

// Change is one field that differs. Old and New are JSON; empty means that it is not there.
type Change struct {
	Path string `json:"path"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

// Diff returns what changes from one generation to another, in the order of the table of fields. Apps
// are compared normalised and without count: Diff is empty exactly if Same holds.
func Diff(from, to App) []Change {
	from.Count, to.Count = nil, nil
	var changes []Change
	diffTrees(appShape.write(from), appShape.write(to), "", &changes)
	return changes
}

// diffTrees compares two trees of one shape; either may be nil.
func diffTrees(a, b tree, at string, changes *[]Change) {
	oldBranch, oldNests := a.(branch)
	newBranch, newNests := b.(branch)
	if (oldNests || a == nil) && (newNests || b == nil) && (oldNests || newNests) {
		diffBranches(oldBranch, newBranch, at, changes)
		return
	}
	oldItems, oldLists := a.(items)
	newItems, newLists := b.(items)
	if (oldLists || a == nil) && (newLists || b == nil) && (oldLists || newLists) {
		for i := range max(len(oldItems), len(newItems)) {
			diffTrees(itemAt(oldItems, i), itemAt(newItems, i), indexed(at, i), changes)
		}
		return
	}
	if before, after := literal(a), literal(b); before != after {
		*changes = append(*changes, Change{Path: at, Old: before, New: after})
	}
}

// diffBranches merges the keys of two branches of one shape, both in its order.
func diffBranches(a, b branch, at string, changes *[]Change) {
	for len(a)+len(b) > 0 {
		order := 0
		switch {
		case len(a) == 0:
			order = 1
		case len(b) == 0:
			order = -1
		default:
			order = cmp.Or(cmp.Compare(a[0].order, b[0].order), cmp.Compare(a[0].key, b[0].key))
		}
		var before, after tree
		var key string
		if order <= 0 {
			key, before, a = a[0].key, a[0].tree, a[1:]
		}
		if order >= 0 {
			key, after, b = b[0].key, b[0].tree, b[1:]
		}
		diffTrees(before, after, keyed(at, key), changes)
	}
}

func itemAt(list items, i int) tree {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// literal is a tree's JSON; empty for one that is not there.
func literal(t tree) string {
	if t == nil {
		return ""
	}
	var b bytes.Buffer
	encode(&b, t)
	return b.String()
}
