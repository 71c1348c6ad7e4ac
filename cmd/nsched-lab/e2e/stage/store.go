package stage

import (
	"testing"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// Put writes a value as a scheduler would.
func (s *Stage) Put(t *testing.T, key string, value any) {
	t.Helper()
	var raw []byte
	var err error
	switch v := value.(type) {
	case units.Assignment:
		raw, err = registry.Encode(v, registry.Extra{})
	case units.Submission:
		raw, err = registry.Encode(v, registry.Extra{})
	case string:
		raw = []byte(v)
	default:
		t.Fatalf("cannot write a %T", value)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Commit(t, registry.Op{Kind: registry.OpPut, Key: key, Value: raw})
}

// Remove deletes a key.
func (s *Stage) Remove(t *testing.T, key string) {
	t.Helper()
	s.Commit(t, registry.Op{Kind: registry.OpDelete, Key: key})
}

// Commit writes until it is known to be written: all that tests write may be written twice.
func (s *Stage) Commit(t *testing.T, op registry.Op) {
	t.Helper()
	Eventually(t, "write "+op.Key, func() error {
		_, err := s.Registry.Txn(background(), registry.Txn{Then: []registry.Op{op}})
		return err
	})
}

// Read reads one key; nil is none.
func (s *Stage) Read(t *testing.T, key string) (kv *registry.KeyValue) {
	t.Helper()
	Eventually(t, "read "+key, func() error {
		res, err := s.Registry.Range(background(), registry.Range{Key: key})
		if err == nil && len(res.KVs) == 1 {
			kv = &res.KVs[0]
		}
		return err
	})
	return kv
}
