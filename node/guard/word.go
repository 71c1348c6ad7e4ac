package guard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// Word is what a guard leaves for the reaper: until when what is bound to a tenure may run. It is a value
// that stays true whatever becomes of the guard, since FreshUntil is an absolute boot time.
type Word struct {
	BootID string
	Tenure int64
	// FreshUntil is the boot time at which the tenure ceases to be fresh. A tenure that is given up
	// ceased to be when that began.
	FreshUntil time.Duration
}

// Teller is where a guard leaves its word.
type Teller interface {
	// Tell replaces the word. When it returns nil, every later Hear has this word or a later one.
	Tell(Word) error
}

// Hearer is where a reaper finds it.
type Hearer interface {
	// Hear returns the latest word. ErrNoWord says that none was ever left in this place; any other
	// error, that there may be one which cannot be read now.
	Hear() (Word, error)
}

// ErrNoWord is returned by Hear where no guard has left its word yet.
var ErrNoWord = errors.New("no guard has left its word yet")

// A word as bytes, little endian. Two of them lie side by side in a file and are written in turns, so
// that the other is whole while one is written.
//
//	0  magic    8
//	8  sequence 8
//	16 tenure   8
//	24 fresh    8  boot time in nanoseconds
//	32 boot id  60, filled up with zeros
//	92 crc32    4  of all before it
const (
	wordMagic   = "nsword\x00\x01"
	wordSize    = 96
	bootIDAt    = 32
	checksumAt  = 92
	wordsInFile = 2
)

func encodeWord(w Word, sequence uint64) ([]byte, error) {
	if len(w.BootID) > checksumAt-bootIDAt {
		return nil, fmt.Errorf("encode the guard's word: the boot id %q is too long", w.BootID)
	}
	b := make([]byte, wordSize)
	copy(b, wordMagic)
	binary.LittleEndian.PutUint64(b[8:], sequence)
	binary.LittleEndian.PutUint64(b[16:], uint64(w.Tenure))
	binary.LittleEndian.PutUint64(b[24:], uint64(w.FreshUntil))
	copy(b[bootIDAt:], w.BootID)
	binary.LittleEndian.PutUint32(b[checksumAt:], crc32.ChecksumIEEE(b[:checksumAt]))
	return b, nil
}

// decodeWord is not ok if the bytes are not a whole word.
func decodeWord(b []byte) (w Word, sequence uint64, ok bool) {
	if len(b) < wordSize || string(b[:len(wordMagic)]) != wordMagic ||
		binary.LittleEndian.Uint32(b[checksumAt:]) != crc32.ChecksumIEEE(b[:checksumAt]) {
		return Word{}, 0, false
	}
	id := b[bootIDAt:checksumAt]
	for len(id) > 0 && id[len(id)-1] == 0 {
		id = id[:len(id)-1]
	}
	return Word{
		BootID:     string(id),
		Tenure:     int64(binary.LittleEndian.Uint64(b[16:])),
		FreshUntil: time.Duration(binary.LittleEndian.Uint64(b[24:])),
	}, binary.LittleEndian.Uint64(b[8:]), true
}

// latestWord returns the later of the words in a file, and is not ok if none is whole.
func latestWord(file []byte) (w Word, sequence uint64, ok bool) {
	for i := range wordsInFile {
		if len(file) < (i+1)*wordSize {
			break
		}
		if v, n, good := decodeWord(file[i*wordSize:]); good && (!ok || n > sequence) {
			w, sequence, ok = v, n, true
		}
	}
	return w, sequence, ok
}
