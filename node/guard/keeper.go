package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// File keeps a guard's memory in a file on a tmpfs. It is written beside and renamed, so that it is
// there whole or not at all; it needs no fsync, since it must not outlive the boot.
type File string

// Load implements Keeper. A missing file is the zero Memory.
func (f File) Load() (Memory, error) {
	raw, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return Memory{}, nil
	}
	if err != nil {
		return Memory{}, fmt.Errorf("read the guard's memory: %w", err)
	}
	var m Memory
	if err := json.Unmarshal(raw, &m); err != nil {
		return Memory{}, fmt.Errorf("decode the guard's memory %s: %w", f, err)
	}
	return m, nil
}

// Save implements Keeper.
func (f File) Save(m Memory) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode the guard's memory: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(string(f)), 0o755); err != nil {
		return fmt.Errorf("save the guard's memory: %w", err)
	}
	next := string(f) + ".next"
	if err := os.WriteFile(next, raw, 0o600); err != nil {
		return fmt.Errorf("save the guard's memory: %w", err)
	}
	if err := os.Rename(next, string(f)); err != nil {
		return fmt.Errorf("save the guard's memory: %w", err)
	}
	return nil
}
