package stage

import (
	"slices"
	"sync"
	"testing"

	"github.com/nsched/nsched/units/registry"
)

// History is every change of the cluster's keys since it was begun, in etcd's order.
type History struct {
	mu      sync.Mutex
	changes []registry.Change
	err     error
}

// Follow begins a history that ends with the test.
func (s *Stage) Follow(t *testing.T) *History {
	t.Helper()
	var from int64
	Eventually(t, "etcd tells its revision", func() error {
		r, err := s.Registry.Range(background(), registry.Range{Key: s.Keys.Cluster()})
		from = r.Revision + 1
		return err
	})
	h := &History{}
	w := s.Registry.Watch(background(), registry.Watch{Key: s.Keys.Prefix(), End: registry.PrefixEnd(s.Keys.Prefix()), Revision: from}, func(r registry.WatchResponse) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.changes, h.err = append(h.changes, r.Changes...), r.Err
	})
	t.Cleanup(w.Close)
	return h
}

// Of returns the changes of one key so far. The test fails if the history has a gap.
func (h *History) Of(t *testing.T, key string) []registry.Change {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		t.Fatalf("the history ended: %v", h.err)
	}
	return slices.DeleteFunc(slices.Clone(h.changes), func(c registry.Change) bool { return c.Key != key })
}
