package placement

import (
	"iter"
	"math/bits"
)

// bitset is a set of node rows.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) set(i int32)      { b[i/64] |= 1 << (i % 64) }
func (b bitset) has(i int32) bool { return int(i/64) < len(b) && b[i/64]&(1<<(i%64)) != 0 }

// all yields the members in order.
func (b bitset) all() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for w, word := range b {
			for word != 0 {
				if !yield(int32(w*64 + bits.TrailingZeros64(word))) {
					return
				}
				word &= word - 1
			}
		}
	}
}
