package recovery

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
	"github.com/nsched/nsched/units/registry"
)

// poison writes a value over keys, each on the lease that it has; nil deletes them.
func poison(t *testing.T, s *stage.Stage, keys []registry.KeyValue, value []byte) {
	t.Helper()
	for _, kv := range keys {
		op := registry.Op{Kind: registry.OpPut, Key: kv.Key, Value: value, IgnoreLease: kv.Lease != 0}
		if value == nil {
			op = registry.Op{Kind: registry.OpDelete, Key: kv.Key}
		}
		_, err := s.Registry.Txn(t.Context(), registry.Txn{Then: []registry.Op{op}})
		if err != nil && !op.IgnoreLease { // a leased key may have gone meanwhile
			s.Commit(t, op)
		}
	}
}

// unpoison writes back what was there, wherever the poison still is.
func unpoison(t *testing.T, s *stage.Stage, before []registry.KeyValue, value []byte) {
	t.Helper()
	for _, kv := range before {
		now := s.Read(t, kv.Key)
		if value == nil && now == nil && kv.Lease == 0 || value != nil && now != nil && bytes.Equal(now.Value, value) {
			s.Commit(t, registry.Op{Kind: registry.OpPut, Key: kv.Key, Value: kv.Value, IgnoreLease: kv.Lease != 0})
		}
	}
}

// everything reads all keys of the cluster.
func everything(t *testing.T, s *stage.Stage) (all []registry.KeyValue) {
	t.Helper()
	stage.Eventually(t, "read all keys", func() error {
		r, err := s.Registry.Range(background(), registry.Range{Key: s.Keys.Prefix(), End: registry.PrefixEnd(s.Keys.Prefix())})
		all = r.KVs
		return err
	})
	return all
}

// keysOf are those that name the app, or a unit of it.
func keysOf(t *testing.T, s *stage.Stage, app string) (own []registry.KeyValue) {
	t.Helper()
	for _, kv := range everything(t, s) {
		if strings.HasPrefix(kv.Key, s.Keys.Under(registry.KindSkyDNS)) {
			continue
		}
		for _, part := range strings.Split(kv.Key, "/") {
			if part == app || strings.HasPrefix(part, app+".") || strings.HasPrefix(part, "default."+app+".") {
				own = append(own, kv)
				break
			}
		}
	}
	return own
}

func names(keys []registry.KeyValue) string {
	var all []string
	for _, kv := range keys {
		all = append(all, kv.Key)
	}
	return strings.Join(all, " ")
}

// worksFor changes an app and back, and awaits both.
func worksFor(t *testing.T, s *stage.Stage, app string, count int) {
	t.Helper()
	types(t, s, "scale", app, fmt.Sprint(count+1))
	types(t, s, "scale", app, fmt.Sprint(count))
}

// untouched fails the test if a unit has ended or begun anew.
func untouched(t *testing.T, s *stage.Stage, all []stage.Placed) {
	t.Helper()
	for _, u := range all {
		if lives := s.Witness.Lives(u.Unit); len(lives) != 1 || !lives[0].End.IsZero() {
			t.Errorf("%s was harmed: %+v", u.Unit, lives)
		}
	}
}
