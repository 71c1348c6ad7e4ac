package guard

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// WordFile keeps a guard's word in a file on a tmpfs. It takes its space when it is made and is written
// in place from then on, so that a file system that filled up meanwhile does not keep the guard from
// telling. One guard writes it; any number of readers may read. It needs no fsync: it must not outlive
// the boot.
type WordFile struct {
	path     string
	file     *os.File
	sequence uint64
}

// NewWordFile returns the word at a path. Nothing is opened before the first Tell or Hear.
func NewWordFile(path string) *WordFile { return &WordFile{path: path} }

var (
	_ Teller = (*WordFile)(nil)
	_ Hearer = (*WordFile)(nil)
)

// Tell implements Teller. A file that somebody removed is made anew.
func (f *WordFile) Tell(w Word) error {
	if err := f.open(); err != nil {
		return fmt.Errorf("leave the guard's word: %w", err)
	}
	raw, err := encodeWord(w, f.sequence+1)
	if err != nil {
		return err
	}
	if _, err := f.file.WriteAt(raw, int64((f.sequence+1)%wordsInFile)*wordSize); err != nil {
		return fmt.Errorf("leave the guard's word: %w", err)
	}
	f.sequence++
	return nil
}

// Hear implements Hearer.
func (f *WordFile) Hear() (Word, error) {
	raw, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return Word{}, ErrNoWord
	}
	if err != nil {
		return Word{}, fmt.Errorf("hear the guard's word: %w", err)
	}
	if w, _, ok := latestWord(raw); ok {
		return w, nil
	}
	for _, b := range raw {
		if b != 0 {
			return Word{}, fmt.Errorf("hear the guard's word: %s holds no whole word", f.path)
		}
	}
	return Word{}, ErrNoWord
}

// Close lets go of the file, which stays.
func (f *WordFile) Close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

// open opens the file if it is not open, or is not the one at the path any more.
func (f *WordFile) open() error {
	if f.file != nil {
		var st unix.Stat_t
		if err := unix.Fstat(int(f.file.Fd()), &st); err == nil && st.Nlink > 0 {
			return nil
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := unix.Fallocate(int(file.Fd()), 0, 0, wordsInFile*wordSize); err != nil {
		return errors.Join(err, file.Close())
	}
	raw := make([]byte, wordsInFile*wordSize)
	if _, err := file.ReadAt(raw, 0); err != nil && !errors.Is(err, io.EOF) {
		return errors.Join(err, file.Close())
	}
	// A guard goes on counting where the one before it stopped.
	_, before, _ := latestWord(raw)
	f.file, f.sequence = file, max(f.sequence, before)
	return nil
}
