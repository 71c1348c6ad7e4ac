package sim

import (
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// chunkKey is a chunk of an app's slots.
type chunkKey struct {
	app   units.AppID
	chunk string
}

func chunkOf(id units.UnitID) chunkKey { return chunkKey{id.AppID(), units.Chunk(id.Slot)} }

// byHand notes that a person deleted or overwrote what the registry knew of a chunk of slots: their record, or an assignment,
// which is all that tells of its attempt. The schedulers that were there remember it and go on as if nothing had
// happened; one that begins later cannot know.
func (m *Watchman) byHand(c registry.Change, chunk chunkKey) {
	if m.w.Hand() != c.Key {
		return
	}
	m.unrecorded[chunk] = m.w.now
	for slot, f := range m.backoffs.failures { // order-free: each slot for itself
		if slot.app == chunk.app && units.Chunk(slot.slot) == chunk.chunk {
			f.unrecorded = f.inARow
			m.backoffs.failures[slot] = f
		}
	}
}

// forgotten reports whether nobody is left who saw what a person's hand took from a chunk.
func (m *Watchman) forgotten(chunk chunkKey) bool {
	at, taken := m.unrecorded[chunk]
	return taken && m.beganAfter(at)
}

// beganAfter reports whether every scheduler has begun since.
func (m *Watchman) beganAfter(at time.Duration) bool {
	for _, p := range m.w.schedulers {
		if p.Running() && p.began <= at {
			return false
		}
	}
	return true
}
