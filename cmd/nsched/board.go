package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/nsched/nsched/units"
)

// boardLimit is how many lines are shown at most.
const boardLimit = 40

// board shows one live line per unit: rewritten in place on a terminal, and elsewhere printed again
// whenever it has changed.
type board struct {
	out   io.Writer
	live  bool
	lines map[string]string
	shown int // lines on the terminal
	dirty []string
}

func newBoard(out io.Writer) board {
	return board{out: out, live: terminal(out), lines: map[string]string{}}
}

// line sets the line of a key.
func (b *board) line(key, text string) {
	if b.lines[key] == text {
		return
	}
	b.lines[key] = text
	b.dirty = append(b.dirty, key)
}

// flush shows what has changed.
func (b *board) flush() {
	dirty := b.dirty
	b.dirty = nil
	if len(dirty) == 0 {
		return
	}
	if !b.live {
		for _, key := range dirty {
			_, _ = fmt.Fprintln(b.out, b.lines[key])
		}
		return
	}
	if b.shown > 0 {
		_, _ = fmt.Fprintf(b.out, "\x1b[%dA\x1b[J", b.shown) // up, and clear to the end
	}
	keys := sortedKeys(b.lines)
	slices.SortFunc(keys, func(x, y string) int { return units.CompareSlots(units.Slot(x), units.Slot(y)) })
	b.shown = 0
	for i, key := range keys {
		if i == boardLimit {
			_, _ = fmt.Fprintf(b.out, "… and %d more\n", len(keys)-boardLimit)
			b.shown++
			break
		}
		_, _ = fmt.Fprintln(b.out, b.lines[key])
		b.shown++
	}
}

// end leaves the lines where they are.
func (b *board) end() { b.shown = 0 }
