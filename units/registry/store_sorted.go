package registry

import (
	"iter"
	"slices"
	"sort"
)

// blockLimit is how many entries share a block. Larger blocks make writes dearer, smaller ones the
// directory.
const blockLimit = 256

// sorted is an ordered map from keys to small values, made of sorted blocks under one directory. A
// frozen copy costs nothing; the first write afterwards copies the directory, and each block when it is
// first written.
//
//	directory  [ a.. | f.. | q.. ]
//	              |     |     |
//	blocks      [a c] [f k] [q z]
//
// The zero value is empty. Copies made other than by freeze must not be used.
type sorted[V any] struct {
	blocks []*block[V]
	len    int
	// epoch marks the blocks that this copy made itself and may write in place.
	epoch *byte
}

type block[V any] struct {
	epoch   *byte
	entries []entry[V]
}

type entry[V any] struct {
	key   string
	value V
}

// freeze returns a copy that never changes.
func (s *sorted[V]) freeze() sorted[V] {
	s.epoch = nil
	return sorted[V]{blocks: s.blocks, len: s.len}
}

// thaw prepares for a write: it owns the directory afterwards.
func (s *sorted[V]) thaw() {
	if s.epoch == nil {
		s.epoch = new(byte)
		s.blocks = slices.Clone(s.blocks)
	}
}

// own returns block i, which may be written.
func (s *sorted[V]) own(i int) *block[V] {
	b := s.blocks[i]
	if b.epoch != s.epoch {
		b = &block[V]{epoch: s.epoch, entries: append(make([]entry[V], 0, blockLimit), b.entries...)}
		s.blocks[i] = b
	}
	return b
}

// find returns where key is, or where it belongs.
func (s *sorted[V]) find(key string) (i, j int, ok bool) {
	i = sort.Search(len(s.blocks), func(i int) bool { return s.blocks[i].entries[0].key > key }) - 1
	if i < 0 {
		return 0, 0, false
	}
	b := s.blocks[i]
	j = sort.Search(len(b.entries), func(j int) bool { return b.entries[j].key >= key })
	return i, j, j < len(b.entries) && b.entries[j].key == key
}

func (s *sorted[V]) lookup(key string) (v V, ok bool) {
	if i, j, ok := s.find(key); ok {
		return s.blocks[i].entries[j].value, true
	}
	return v, false
}

func (s *sorted[V]) put(key string, v V) {
	s.thaw()
	if len(s.blocks) == 0 {
		s.blocks = append(s.blocks, &block[V]{epoch: s.epoch, entries: []entry[V]{{key, v}}})
		s.len = 1
		return
	}
	i, j, ok := s.find(key)
	b := s.own(i)
	if ok {
		b.entries[j].value = v
		return
	}
	b.entries = slices.Insert(b.entries, j, entry[V]{key, v})
	s.len++
	if len(b.entries) >= blockLimit {
		s.split(i, j == len(b.entries)-1)
	}
}

// split makes two of a full block. Keys that come in order leave full blocks behind.
func (s *sorted[V]) split(i int, ascending bool) {
	b := s.blocks[i]
	at := len(b.entries) / 2
	if ascending {
		at = len(b.entries) - 1
	}
	right := &block[V]{epoch: s.epoch, entries: append(make([]entry[V], 0, blockLimit), b.entries[at:]...)}
	b.entries = slices.Delete(b.entries, at, len(b.entries))
	if ascending {
		b.entries = slices.Clip(b.entries)
	}
	s.blocks = slices.Insert(s.blocks, i+1, right)
}

func (s *sorted[V]) delete(key string) bool {
	i, j, ok := s.find(key)
	if !ok {
		return false
	}
	s.thaw()
	b := s.own(i)
	b.entries = slices.Delete(b.entries, j, j+1)
	s.len--
	s.shrink(i)
	return true
}

// shrink drops an empty block and joins a small one with its neighbour.
func (s *sorted[V]) shrink(i int) {
	n := len(s.blocks[i].entries)
	switch {
	case n == 0:
		s.blocks = slices.Delete(s.blocks, i, i+1)
	case n < blockLimit/8 && i+1 < len(s.blocks) && n+len(s.blocks[i+1].entries) < blockLimit/2:
		b := s.own(i)
		b.entries = append(b.entries, s.blocks[i+1].entries...)
		s.blocks = slices.Delete(s.blocks, i+1, i+2)
	}
}

// ascend yields the entries from key from on, in order; end is the first key beyond, empty for none.
// The map must not change meanwhile.
func (s *sorted[V]) ascend(from, end string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		i, j, _ := s.find(from)
		for ; i < len(s.blocks); i, j = i+1, 0 {
			for _, e := range s.blocks[i].entries[j:] {
				if end != "" && e.key >= end {
					return
				}
				if !yield(e.key, e.value) {
					return
				}
			}
		}
	}
}
