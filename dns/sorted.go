package dns

import (
	"cmp"
	"maps"
	"slices"

	"github.com/nsched/nsched/units"
)

// A Step may not depend on the order of a map.

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func sortedApps[V any](m map[units.AppID]V) []units.AppID {
	return slices.SortedFunc(maps.Keys(m), units.AppID.Compare)
}
