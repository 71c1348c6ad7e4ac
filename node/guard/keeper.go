package guard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// File keeps a guard's memory in a file on a tmpfs, which must not outlive the boot. It is written in place
// over space that it took when it was made: a file system that filled up keeps no guard from remembering
// its tenure. One write of less than a page is whole, whatever becomes of the process.
type File string

// memorySize is the size of the file, in bytes. What the text does not need is filled with spaces.
const memorySize = 1024

// Load implements Keeper. A missing file is the zero Memory.
func (f File) Load() (Memory, error) {
	raw, err := os.ReadFile(string(f))
	// One of zeros was made and never written.
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(bytes.Trim(raw, "\x00")) == 0 {
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
	if len(raw) >= memorySize {
		return fmt.Errorf("encode the guard's memory: it has %d bytes, and there is room for %d", len(raw), memorySize)
	}
	raw = append(raw, bytes.Repeat([]byte(" "), memorySize-1-len(raw))...)
	if err := f.write(append(raw, '\n')); err != nil {
		return fmt.Errorf("save the guard's memory: %w", err)
	}
	return nil
}

func (f File) write(raw []byte) error {
	if err := os.MkdirAll(filepath.Dir(string(f)), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(string(f), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := unix.Fallocate(int(file.Fd()), 0, 0, memorySize); err != nil {
		return errors.Join(err, file.Close())
	}
	_, err = file.WriteAt(raw, 0)
	return errors.Join(err, file.Close())
}
