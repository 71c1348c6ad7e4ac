package figures

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Table writes the figures for people.
func Table(w io.Writer, list []Summary) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "FIGURE\tN\tMEDIAN\tWORST\tTARGET\tMET\tFROM … TO\tOBSERVER")
	for _, s := range list {
		_, _ = fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%s … %s\t%s\n", s.Figure.Title, s.N, s.Unit.text(s.Median), s.Unit.text(s.Worst),
			orDash(s.Target), s.met(), s.Figure.Start, s.Figure.End, s.Figure.Observer)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n"+strings.Join(notes(list), "\n")+"\n")
	return err
}

// JSON writes the figures for programs.
func JSON(w io.Writer, list []Summary) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(list)
}

// Markdown is the README's section: the table, and below it what was missed and why, and the circumstances.
func Markdown(list []Summary) string {
	var b strings.Builder
	b.WriteString("| figure | from … to | seen by | n | median | worst | target | met |\n")
	b.WriteString("|---|---|---|--:|--:|--:|---|---|\n")
	for _, s := range list {
		f := s.Figure
		fmt.Fprintf(&b, "| %s | %s … %s | %s | %d | %s | %s | %s | %s |\n", f.Title, f.Start, f.End, f.Observer,
			s.N, s.Unit.text(s.Median), s.Unit.text(s.Worst), s.Target, s.met())
	}
	b.WriteString("\n")
	for _, line := range notes(list) {
		b.WriteString("- " + line + "\n")
	}
	return b.String()
}

func (s Summary) met() string {
	switch {
	case s.Target == "":
		return ""
	case !s.Met:
		return "**missed**"
	case s.N < Enough:
		return "yes, provisional"
	}
	return "yes"
}

// notes say what a table cannot: what limits a figure that was missed, and on what and when each was taken.
func notes(list []Summary) []string {
	var out []string
	for _, s := range list {
		if !s.Met {
			why := s.Limit
			if why == "" {
				why = "why is not known yet"
			}
			out = append(out, fmt.Sprintf("Missed: %s; %s.", s.Figure.Title, strings.TrimSuffix(why, ".")))
		}
		for _, r := range s.Runs {
			if line := fmt.Sprintf("%s: %s.", s.Figure.Title, strings.TrimSuffix(r.Conditions, ".")); r.Conditions != "" && !slices.Contains(out, line) {
				out = append(out, line)
			}
		}
	}
	return append(out, circumstances(list)...)
}

// circumstances are a line for each run of a group: its figures are taken together.
func circumstances(list []Summary) []string {
	type run struct {
		group string
		date  time.Time
	}
	var order []run
	merged := map[run]Run{}
	for _, s := range list {
		for _, r := range s.Runs {
			key := run{s.Figure.Group, r.Date}
			if known, ok := merged[key]; ok {
				r.LoadBefore = known.LoadBefore
			} else {
				order = append(order, key)
			}
			merged[key] = r
		}
	}
	out := make([]string, 0, len(order))
	for _, key := range order {
		r := merged[key]
		out = append(out, fmt.Sprintf("Group %s: path %s, %s, commit %s, %s, load average %s before and %s after.", key.group, r.Path,
			r.Date.UTC().Format(time.DateOnly+" 15:04 MST"), r.Commit, r.Machine, r.LoadBefore, r.LoadAfter))
	}
	return out
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
