package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"time"
)

// Trace is the record of a run. Its sum over all lines is what two runs of one seed are compared by;
// the lines themselves go to a writer when one is given.
type Trace struct {
	sum   hash.Hash
	out   io.Writer
	lines int
	// Kinds counts the lines of each kind: what a run did.
	Kinds map[string]int
	// Strikes counts the faults of each name.
	Strikes map[string]int
}

// NewTrace returns an empty trace; out may be nil.
func NewTrace(out io.Writer) *Trace {
	return &Trace{sum: sha256.New(), out: out, Kinds: map[string]int{}, Strikes: map[string]int{}}
}

// Add records one line.
func (t *Trace) Add(at time.Duration, kind, text string) {
	line := fmt.Sprintf("%12.6f %-10s %s\n", at.Seconds(), kind, text)
	_, _ = io.WriteString(t.sum, line) // a hash never fails
	if t.out != nil {
		if _, err := io.WriteString(t.out, line); err != nil {
			t.out = nil
		}
	}
	t.lines++
	t.Kinds[kind]++
	if kind == "strike" {
		t.Strikes[text]++
	}
}

// Sum returns the hash of all lines so far.
func (t *Trace) Sum() string { return hex.EncodeToString(t.sum.Sum(nil)) }

// Lines returns how many lines there are.
func (t *Trace) Lines() int { return t.lines }
