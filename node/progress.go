package node

import (
	"sync"

	"github.com/nsched/nsched/units"
)

// Progress is how much of a closure has come, in bytes. Total is 0 while it is not known.
type Progress struct {
	Done  int64 `json:"done"`
	Total int64 `json:"total"`
}

// progressBoard is what the API tells of fetches under way. Nothing of it goes to etcd.
type progressBoard struct {
	mu sync.Mutex
	of map[units.UnitID]Progress
}

// watch returns the function that Realise reports to; any goroutine may call it.
func (b *progressBoard) watch(id units.UnitID) func(done, total int64) {
	return func(done, total int64) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.of == nil {
			b.of = map[units.UnitID]Progress{}
		}
		b.of[id] = Progress{Done: done, Total: total}
	}
}

func (b *progressBoard) forget(id units.UnitID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.of, id)
}

// of one unit, and whether a fetch is under way.
func (b *progressBoard) unit(id units.UnitID) (Progress, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.of[id]
	return p, ok
}
