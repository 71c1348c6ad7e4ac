package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

// script is what a person reads: headings, commands with their output, and times.
type script struct {
	out   io.Writer
	begun time.Time
	steps int
	times []timing
}

// timing is one row of the closing table.
type timing struct {
	what string
	took time.Duration
}

// step begins a part of the story.
func (s *script) step(title string) {
	s.steps++
	s.say("\n%s\n%d. %s   (%s)\n%[1]s", strings.Repeat("─", 78), s.steps, title, time.Since(s.begun).Round(time.Second))
}

// say prints lines of the story.
func (s *script) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.out, format+"\n", args...)
}

// tell prints a paragraph of the story.
func (s *script) tell(lines ...string) { s.say("\n%s\n", strings.Join(lines, "\n")) }

// command prints a command as a person would type it.
func (s *script) command(place, text string) { s.say("  %s$ %s", place, text) }

// took adds a row to the closing table, and says it.
func (s *script) took(what string, d time.Duration) {
	s.times = append(s.times, timing{what, d})
	s.say("  → %s: %s", what, round(d))
}

func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Millisecond)
}

// table prints the closing table.
func (s *script) table() {
	w := tabwriter.NewWriter(s.out, 0, 0, 3, ' ', 0)
	for _, t := range s.times {
		_, _ = fmt.Fprintf(w, "  %s\t%s\n", t.what, round(t.took))
	}
	_ = w.Flush()
}

// indented writes what passes through it with an indent, line by line as it comes.
type indented struct {
	to      io.Writer
	midLine bool
}

// Write implements io.Writer.
func (i *indented) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		text := line
		if !i.midLine {
			text = "    " + line
		}
		if _, err := io.WriteString(i.to, text); err != nil {
			return 0, err
		}
		i.midLine = !strings.HasSuffix(line, "\n")
	}
	return len(p), nil
}

// patience is how long anything may take.
const patience = 2 * time.Minute

// until asks until check returns nil.
func until(ctx context.Context, what string, check func() error) error {
	return cluster.Until(ctx, patience, 20*time.Millisecond, what, check)
}
