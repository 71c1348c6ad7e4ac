package main

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestTheNodesKeyIsMadeOnceWhoeverAsksFirst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	keys := make([]string, 8)
	var group sync.WaitGroup
	for i := range keys {
		group.Go(func() {
			key, err := nodeIdentity(dir)
			if err != nil {
				t.Error(err)
			}
			keys[i] = key
		})
	}
	group.Wait()
	for _, key := range keys {
		if key == "" || key != keys[0] {
			t.Errorf("keys %q", keys)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v is left, %v", entries, err)
	}
	if st, err := os.Stat(filepath.Join(dir, identityFile)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
}

func TestAKeyThatCannotBeReadIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, identityFile)
	if err := os.WriteFile(file, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if key, err := nodeIdentity(dir); err == nil {
		t.Errorf("key %q", key)
	}
	if raw, err := os.ReadFile(file); err != nil || string(raw) != "damaged" {
		t.Errorf("%q, %v", raw, err)
	}
}
