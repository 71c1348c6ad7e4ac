package sim

import (
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"strconv"
	"time"
)

// Trace is the record of a run. Its sum over all lines is what two runs of one seed are compared by;
// the lines themselves go to a writer when one is given.
type Trace struct {
	sum   hash.Hash64
	out   io.Writer
	line  []byte
	lines int
	// Kinds counts the lines of each kind: what a run did.
	Kinds map[string]int
	tasks int
	// Strikes counts the faults of each name.
	Strikes map[string]int
}

// NewTrace returns an empty trace; out may be nil.
func NewTrace(out io.Writer) *Trace {
	return &Trace{sum: fnv.New64a(), out: out, Kinds: map[string]int{}, Strikes: map[string]int{}}
}

// Add records one line.
func (t *Trace) Add(at time.Duration, kind, text string) {
	t.add(at, kind, text, "", "")
	t.Kinds[kind]++
}

// Strike records a fault.
func (t *Trace) Strike(at time.Duration, s Strike) {
	t.add(at, "strike", s.Kind, s.Target, s.Lasts.D().String())
	t.Kinds["strike"]++
	t.Strikes[s.Kind]++
}

// Task records that a process did something; there are many of these.
func (t *Trace) Task(at time.Duration, process, kind, key string) {
	t.add(at, "task", process, kind, key)
	t.tasks++
}

// Tasks returns how many of them there were.
func (t *Trace) Tasks() int { return t.tasks }

func (t *Trace) add(at time.Duration, kind, text, more, most string) {
	t.lines++
	b := strconv.AppendInt(t.line[:0], int64(at), 10)
	for _, s := range [...]string{kind, text, more, most} {
		b = append(b, ' ')
		b = append(b, s...)
	}
	t.line = append(b, '\n')
	_, _ = t.sum.Write(t.line) // a hash never fails
	if t.out == nil {
		return
	}
	if _, err := fmt.Fprintf(t.out, "%12.6f %-10s %s %s %s\n", at.Seconds(), kind, text, more, most); err != nil {
		t.out = nil
	}
}

// Sum returns the hash of all lines so far.
func (t *Trace) Sum() string { return strconv.FormatUint(t.sum.Sum64(), 16) }

// Lines returns how many lines there are.
func (t *Trace) Lines() int { return t.lines }
