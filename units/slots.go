package units

import (
	"cmp"
	"strconv"
	"strings"
)

// IndexSlot returns the slot of an index from 0.
func IndexSlot(index int) Slot { return Slot(strconv.Itoa(index)) }

// Index returns the number of a slot that is an index, and whether it is one. A node may be named "7":
// only the app's type tells whose slot it is.
func (s Slot) Index() (int, bool) {
	n, err := strconv.Atoi(string(s))
	return n, err == nil && n >= 0 && strconv.Itoa(n) == string(s)
}

// CompareSlots orders slots for people and for plans: indices by number and first, all else by text.
func CompareSlots(a, b Slot) int {
	m, aIndex := a.Index()
	n, bIndex := b.Index()
	switch {
	case aIndex && bIndex:
		return cmp.Compare(m, n)
	case aIndex:
		return -1
	case bIndex:
		return 1
	}
	return cmp.Compare(a, b)
}

// Ordinal returns what ${unit.index} and NSCHED_INDEX say: the index of a numbered slot, the number
// behind the last dash of a periodic one, and "0" for a system app, which has one unit per node.
func (s Slot) Ordinal(t AppType) string {
	if t == TypeSystem {
		return "0"
	}
	return string(s)[strings.LastIndexByte(string(s), '-')+1:]
}
