package guard

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

var aWord = Word{BootID: "01234567-89ab-cdef-0123-456789abcdef", Tenure: 1 << 40, FreshUntil: 12 * time.Hour}

func TestAWordIsReadAsItWasLeft(t *testing.T) {
	for name, w := range map[string]Word{
		"a usual one":                  aWord,
		"one of no boot":               {Tenure: 1},
		"the longest boot id":          {BootID: strings.Repeat("x", 60)},
		"one from before the boot":     {BootID: "b", Tenure: 3, FreshUntil: -time.Second},
		"one with the largest numbers": {Tenure: 1<<63 - 1, FreshUntil: 1<<63 - 1},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := encodeWord(w, 9)
			if err != nil || len(raw) != wordSize {
				t.Fatalf("%d bytes, %v", len(raw), err)
			}
			if got, n, ok := decodeWord(raw); got != w || n != 9 || !ok {
				t.Errorf("read %+v, %d, %v", got, n, ok)
			}
		})
	}
	if _, err := encodeWord(Word{BootID: strings.Repeat("x", 61)}, 1); err == nil {
		t.Error("a boot id that is cut off was accepted")
	}
}

func TestAWordThatIsNotWholeIsNone(t *testing.T) {
	raw, err := encodeWord(aWord, 9)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for bit := range 8 {
			torn := append([]byte(nil), raw...)
			torn[i] ^= 1 << bit
			if _, _, ok := decodeWord(torn); ok {
				t.Fatalf("bit %d of byte %d may be anything", bit, i)
			}
		}
		if _, _, ok := decodeWord(raw[:i]); ok {
			t.Fatalf("%d bytes are a word", i)
		}
	}
}

// Whatever part of a word had been written when somebody reads, either it or the one before it is read.
func TestTheWordBeforeIsWholeWhileOneIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "guard.word")
	f := NewWordFile(path)
	defer f.Close()
	for i := range 4 {
		if err := f.Tell(Word{BootID: "b", Tenure: 5, FreshUntil: time.Duration(i)}); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	next, err := encodeWord(Word{BootID: "b", Tenure: 5, FreshUntil: 4}, 5)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range wordSize {
		torn := append([]byte(nil), whole...)
		copy(torn[5%wordsInFile*wordSize:], next[:cut])
		if w, _, ok := latestWord(torn); !ok || w.FreshUntil < 3 {
			t.Fatalf("with %d bytes written the word is %+v, %v", cut, w, ok)
		}
	}
}

func TestAWordFile(t *testing.T) {
	open := func(t *testing.T) (*WordFile, string) {
		path := filepath.Join(t.TempDir(), "run", "guard.word")
		f := NewWordFile(path)
		t.Cleanup(func() { _ = f.Close() })
		return f, path
	}
	tell := func(t *testing.T, f *WordFile, fresh time.Duration) {
		t.Helper()
		if err := f.Tell(Word{BootID: "b", Tenure: 5, FreshUntil: fresh}); err != nil {
			t.Fatal(err)
		}
	}
	hear := func(t *testing.T, path string) time.Duration {
		t.Helper()
		w, err := NewWordFile(path).Hear()
		if err != nil {
			t.Fatal(err)
		}
		return w.FreshUntil
	}
	t.Run("holds no word before the first", func(t *testing.T) {
		f, path := open(t)
		if _, err := f.Hear(); !errors.Is(err, ErrNoWord) {
			t.Errorf("there is none: %v", err)
		}
		if err := f.open(); err != nil {
			t.Fatal(err)
		}
		if _, err := NewWordFile(path).Hear(); !errors.Is(err, ErrNoWord) {
			t.Errorf("it was made and never written: %v", err)
		}
	})
	t.Run("holds the latest, and takes no more space for it", func(t *testing.T) {
		f, path := open(t)
		var before syscall.Stat_t
		for i := range 100 {
			tell(t, f, time.Duration(i))
			if got := hear(t, path); got != time.Duration(i) {
				t.Fatalf("left %d, read %d", i, got)
			}
			var now syscall.Stat_t
			if err := syscall.Stat(path, &now); err != nil {
				t.Fatal(err)
			}
			if i > 0 && (now.Size != before.Size || now.Blocks != before.Blocks || now.Ino != before.Ino) {
				t.Fatalf("it was %d bytes in %d blocks, and is %d in %d", before.Size, before.Blocks, now.Size, now.Blocks)
			}
			before = now
		}
	})
	t.Run("is gone on with by the next guard", func(t *testing.T) {
		f, path := open(t)
		for i := range 7 {
			tell(t, f, time.Duration(i))
		}
		g := NewWordFile(path)
		defer g.Close()
		tell(t, g, 1)
		if got := hear(t, path); got != 1 {
			t.Errorf("the next guard left 1, read is %d", got)
		}
	})
	t.Run("is made anew when somebody removed it", func(t *testing.T) {
		f, path := open(t)
		tell(t, f, 1)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		tell(t, f, 2)
		if got := hear(t, path); got != 2 {
			t.Errorf("read %d", got)
		}
	})
	t.Run("that is damaged is told apart from none", func(t *testing.T) {
		f, path := open(t)
		tell(t, f, 1)
		if err := os.WriteFile(path, []byte(strings.Repeat("x", 2*wordSize)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := NewWordFile(path).Hear(); err == nil || errors.Is(err, ErrNoWord) {
			t.Errorf("it is %v", err)
		}
		tell(t, f, 2)
		if got := hear(t, path); got != 2 {
			t.Errorf("read %d", got)
		}
	})
}

// A guard may be killed in the middle of a word: the one before is whole beside it.
func TestWordsAreWrittenInTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "word")
	f := NewWordFile(path)
	defer f.Close()
	for tenure := int64(1); tenure <= 5; tenure++ {
		if err := f.Tell(Word{BootID: "b", Tenure: tenure}); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := decodeWord(raw)
		second, _, _ := decodeWord(raw[wordSize:])
		if max(first.Tenure, second.Tenure) != tenure || min(first.Tenure, second.Tenure) != tenure-1 {
			t.Errorf("after the word about tenure %d the file tells of %d and %d", tenure, first.Tenure, second.Tenure)
		}
	}
}
