package placement

import (
	"strconv"

	"github.com/nsched/nsched/units"
)

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// hashText adds text and an end mark to a hash (FNV-1a).
func hashText(h uint64, text string) uint64 {
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * fnvPrime
	}
	return (h ^ 0xff) * fnvPrime
}

// hashUnit returns a number that is the unit's own.
func hashUnit(id units.UnitID) uint64 {
	h := hashText(fnvOffset, string(id.Namespace))
	h = hashText(h, string(id.App))
	h = hashText(h, string(id.Slot))
	h = hashText(h, strconv.FormatInt(int64(id.Generation), 36))
	return hashText(h, strconv.FormatInt(int64(id.Attempt), 36))
}

// mix returns a number that is the pair's own (the finaliser of splitmix64).
func mix(a, b uint64) uint64 {
	x := a ^ b*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
