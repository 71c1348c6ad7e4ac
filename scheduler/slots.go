package scheduler

import (
	"maps"

	"github.com/nsched/nsched/units"
)

// What is known of a slot, its attempts and its failures, outlives the keys that said so. A scheduler deletes an
// assignment only with its slot's record, and a record never: where either goes otherwise, or a record is replaced by
// one that knows less, a hand took it, and
// that is no command to give an attempt out again, or to try at once what failed nine times. The app remembers
// it (appFacts.gone), and who leads writes it down again with its next plan, or with the end of a unit of the chunk if
// that is in it. A scheduler that begins in between cannot know it.

// unrecorded notes that an assignment was deleted. If its slot's record says so, it is forgotten with the next
// pass.
func (a *appFacts) unrecorded(id units.UnitID) {
	r := a.gone[id.Slot]
	r.Attempt = max(r.Attempt, id.Attempt)
	a.vanish(id.Slot, r)
}

// unchunked notes what a chunk held before and does not any more.
func (a *appFacts) unchunked(before map[units.Slot]units.SlotRecord) {
	for slot, r := range before { // order-free: each slot for itself
		if a.slots[units.Chunk(slot)].value.Slots[slot].Attempt < r.Attempt {
			r.Attempt = max(r.Attempt, a.gone[slot].Attempt)
			a.vanish(slot, r)
		}
	}
}

func (a *appFacts) vanish(slot units.Slot, r units.SlotRecord) {
	if a.gone == nil {
		a.gone = map[units.Slot]units.SlotRecord{}
	}
	a.gone[slot] = r
}

// restore gathers, beside the deletions of a plan, what a hand has taken from the records of apps that are there. A
// record that cannot be read is left to whoever mends it.
func (s *Scheduler) restore(chunks map[string]*chunkWrite) {
	for id := range s.world.robbed { // order-free: it fills a map
		a := s.world.apps[id]
		if a == nil || !a.exists {
			continue
		}
		for slot := range a.gone { // order-free: each chunk is gathered once
			if chunk := units.Chunk(slot); !a.slots[chunk].bad {
				s.chunk(chunks, id, chunk).restored = true
			}
		}
	}
}

// recorded forgets what the registry knows as well.
func (a *appFacts) recorded() {
	maps.DeleteFunc(a.gone, func(slot units.Slot, r units.SlotRecord) bool {
		return a.slots[units.Chunk(slot)].value.Slots[slot].Attempt >= r.Attempt
	})
}

// records are the chunk's, with what has gone from it. The caller does not change them.
func (a *appFacts) records(chunk string) map[units.Slot]units.SlotRecord {
	held := a.slots[chunk].value.Slots
	if len(a.gone) == 0 {
		return held
	}
	all := map[units.Slot]units.SlotRecord{}
	maps.Copy(all, held)
	for slot, r := range a.gone { // order-free: each slot for itself
		if units.Chunk(slot) != chunk {
			continue
		}
		if there, ok := held[slot]; ok {
			there.Attempt = max(there.Attempt, r.Attempt)
			r = there
		}
		all[slot] = r
	}
	return all
}

// forgetFailures drops what has gone of an earlier history of the registry, after a restore: its times are not
// this one's. Attempts are numbers and stay.
func (w *world) forgetFailures() {
	for _, a := range w.apps { // order-free: each app for itself
		for slot, r := range a.gone { // order-free: each slot for itself
			a.gone[slot] = units.SlotRecord{Attempt: r.Attempt}
		}
	}
}
