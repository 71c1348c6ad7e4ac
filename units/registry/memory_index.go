package registry

import "sort"

// blockSize is how many items a block of an index holds at most: small enough that moving them is
// cheap, large enough that the list of blocks stays short.
const blockSize = 512

// item is one key and all its versions that are still known, oldest first.
type item struct {
	key      string
	versions []version
}

// index holds items in the order of their keys, in a list of sorted blocks. No block is empty.
type index struct {
	blocks [][]*item
}

// find returns where key is, or where it would go.
func (x *index) find(key string) (block, pos int, found bool) {
	block = sort.Search(len(x.blocks), func(i int) bool { return x.blocks[i][0].key > key }) - 1
	if block < 0 {
		return 0, 0, false
	}
	b := x.blocks[block]
	pos = sort.Search(len(b), func(i int) bool { return b[i].key >= key })
	return block, pos, pos < len(b) && b[pos].key == key
}

// at returns the item of key, nil where there is none.
func (x *index) at(key string) *item {
	b, p, found := x.find(key)
	if !found {
		return nil
	}
	return x.blocks[b][p]
}

// ensure returns the item of key and makes one where there is none.
func (x *index) ensure(key string) *item {
	bi, p, found := x.find(key)
	if found {
		return x.blocks[bi][p]
	}
	it := &item{key: key}
	if len(x.blocks) == 0 {
		x.blocks = [][]*item{{it}}
		return it
	}
	b := append(x.blocks[bi], nil)
	copy(b[p+1:], b[p:])
	b[p] = it
	x.blocks[bi] = b
	if len(b) > blockSize {
		x.split(bi)
	}
	return it
}

func (x *index) split(bi int) {
	b := x.blocks[bi]
	left := append(make([]*item, 0, blockSize+1), b[:len(b)/2]...)
	right := append(make([]*item, 0, blockSize+1), b[len(b)/2:]...)
	x.blocks = append(x.blocks, nil)
	copy(x.blocks[bi+2:], x.blocks[bi+1:])
	x.blocks[bi], x.blocks[bi+1] = left, right
}

// each calls do with every item of the range in order until do returns false.
func (x *index) each(key, end string, do func(*item) bool) {
	if end == "" {
		if it := x.at(key); it != nil {
			do(it)
		}
		return
	}
	bi, p, _ := x.find(key)
	for ; bi < len(x.blocks); bi, p = bi+1, 0 {
		for _, it := range x.blocks[bi][p:] {
			if !within(it.key, key, end) || !do(it) {
				return
			}
		}
	}
}

// prune drops the items that keep says no to.
func (x *index) prune(keep func(*item) bool) {
	blocks := x.blocks[:0]
	for _, b := range x.blocks {
		kept := b[:0]
		for _, it := range b {
			if keep(it) {
				kept = append(kept, it)
			}
		}
		clear(b[len(kept):])
		if len(kept) > 0 {
			blocks = append(blocks, kept)
		}
	}
	clear(x.blocks[len(blocks):])
	x.blocks = blocks
}

// clone returns an index that shares no structure with x, only the versions, which never change.
func (x *index) clone() index {
	blocks := make([][]*item, len(x.blocks))
	for i, b := range x.blocks {
		blocks[i] = make([]*item, len(b), blockSize+1)
		for j, it := range b {
			blocks[i][j] = &item{key: it.key, versions: it.versions[:len(it.versions):len(it.versions)]}
		}
	}
	return index{blocks: blocks}
}

// within says whether k lies in the range as KV means it: no end is the one key, and "\x00" is no
// upper bound.
func within(k, key, end string) bool {
	switch end {
	case "":
		return k == key
	case "\x00":
		return k >= key
	default:
		return k >= key && k < end
	}
}
