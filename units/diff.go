package units

import "bytes"

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

// diffBranches merges the keys of two branches. Both keep the order of the table, so a key that only
// one of them has is met before the next one that both have.
func diffBranches(a, b branch, at string, changes *[]Change) {
	inB := make(map[string]bool, len(b))
	for _, l := range b {
		inB[l.key] = true
	}
	for i, k := 0, 0; i < len(a) || k < len(b); {
		switch {
		case i < len(a) && !inB[a[i].key]:
			diffTrees(a[i].tree, nil, keyed(at, a[i].key), changes)
			i++
		case i < len(a) && a[i].key == b[k].key:
			diffTrees(a[i].tree, b[k].tree, keyed(at, a[i].key), changes)
			i, k = i+1, k+1
		default:
			diffTrees(nil, b[k].tree, keyed(at, b[k].key), changes)
			k++
		}
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
