package units

import (
	"hash/fnv"
	"strconv"
)

// SlotsPerChunk bounds how many slots share one key of slots/ or summary/, so that the largest app
// stays far below etcd's limit on a value.
const SlotsPerChunk = 500

// chunkBuckets is how many chunks share the slots that are named, not numbered.
const chunkBuckets = 64

// Chunk names the chunk that holds a slot: the index divided by SlotsPerChunk for a numbered slot, a
// bucket of its hash for a named one.
func Chunk(s Slot) string {
	if n, err := strconv.Atoi(string(s)); err == nil && n >= 0 {
		return strconv.Itoa(n / SlotsPerChunk)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(s))
	return "n" + strconv.Itoa(int(h.Sum32()%chunkBuckets))
}
