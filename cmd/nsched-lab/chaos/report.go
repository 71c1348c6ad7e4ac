package chaos

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Report is what came of a spree.
type Report struct {
	Seed    uint64    `json:"seed"`
	Begun   time.Time `json:"begun"`
	Ended   time.Time `json:"ended"`
	Commit  string    `json:"commit"`
	Machine string    `json:"machine"`
	Nodes   int       `json:"nodes"`
	Hits    []Hit     `json:"hits"`
	// Wrong are all broken promises, of single hits and of the whole.
	Wrong []string `json:"wrong"`
	// Turns are the operator's commands, Refused those that did not end with 0.
	Turns   int `json:"turns"`
	Refused int `json:"refusedTurns"`
	// Refusals are those commands and what they said.
	Refusals []string `json:"refusals,omitempty"`
	// Lives and Writes are how much of singletons was checked, Rounds how often the watchman looked.
	Lives  int `json:"singletonLives"`
	Writes int `json:"singletonWrites"`
	Rounds int `json:"watchmanRounds"`
	// Crowd is how the crowd fared from the first fault to the end.
	Crowd Fared `json:"crowd"`
}

// Report sums up what is known to the stage.
func (s *Stage) Report(r Report, final error) Report {
	r.Ended, r.Nodes = time.Now(), len(s.Nodes)
	for _, h := range r.Hits {
		if err := h.Wrong(); err != nil {
			r.Wrong = append(r.Wrong, err.Error())
		}
	}
	if final != nil {
		r.Wrong = append(r.Wrong, final.Error())
	}
	r.Turns, r.Refused, r.Refusals = 0, 0, nil
	for _, t := range s.Operator.Turns() {
		r.Turns++
		if t.Code != 0 {
			r.Refused++
			said := strings.Split(strings.TrimSpace(t.Err), "\n")
			r.Refusals = append(r.Refusals, fmt.Sprintf("%s, %v, code %d: %s: %s", clockText(t.Begun), t.Ended.Sub(t.Begun).Round(time.Second),
				t.Code, strings.Join(t.Args, " "), said[len(said)-1]))
		}
	}
	for _, name := range singletons {
		r.Lives += len(s.Lives(name))
	}
	r.Writes = len(s.Witness.Register.Writes())
	_, r.Rounds = s.Census.Seen()
	r.Crowd = s.Crowd.Between(r.Begun, r.Ended)
	return r
}

// JSON writes a report for programs.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Markdown writes a report for people: a line for each fault, and what was wrong.
func (r Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Chaos on %d real hosts, seed %d\n\n", r.Nodes, r.Seed)
	fmt.Fprintf(&b, "%s to %s, commit %s, %s.\n", r.Begun.UTC().Format(time.DateTime), r.Ended.UTC().Format(time.TimeOnly+" MST"), r.Commit, r.Machine)
	fmt.Fprintf(&b, "%d hits of %d faults. The operator gave %d commands, %.1f a minute, of which %d did not succeed. ",
		len(r.Hits), r.struck(), r.Turns, float64(r.Turns)/max(r.Ended.Sub(r.Begun).Minutes(), 1.0/60), r.Refused)
	fmt.Fprintf(&b, "The crowd asked %d times, %d failed (%s).\n", r.Crowd.Asked, r.Crowd.Failed, whyText(r.Crowd.Why))
	if len(r.Hits) > 0 {
		fmt.Fprintf(&b, "Load average (1, 5, 15 minutes) after the first hit %s, after the last %s.\n", r.Hits[0].Load, r.Hits[len(r.Hits)-1].Load)
	}
	fmt.Fprintf(&b, "Singletons lived %d lives and wrote %d times with their fence tokens; control groups were looked at %d times.\n\n",
		r.Lives, r.Writes, r.Rounds)
	b.WriteString("| fault | n | converged, median | worst | late | lost | stops nobody ordered | singleton twice | bound too long | evicted | names removed | failed requests |\n")
	b.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, f := range Faults() {
		c := r.class(f.Name)
		if c.n == 0 {
			continue
		}
		fmt.Fprintf(&b, "| %s | %d | %.1f s | %.1f s | %d | %d | %d | %d | %d | %d | %d | %d |\n", f.What, c.n,
			c.median().Seconds(), slices.Max(c.took).Seconds(), c.late, c.lost, c.unordered, c.overlaps, c.tardy, c.evicted, c.unnamed, c.failed)
	}
	b.WriteString("\nA hit with several faults beside each other counts for each of them. Times are from the end of the last fault and hold\n" +
		"the wait for the leader's next sign of life, which it gives every 5 s.\n\n")
	if len(r.Refusals) > 0 {
		b.WriteString("Commands of the operator that did not succeed (7 says that it took longer than a person waits):\n\n")
		for _, text := range r.Refusals {
			b.WriteString("- " + text + "\n")
		}
		b.WriteString("\n")
	}
	if len(r.Wrong) == 0 {
		b.WriteString("No promise was broken.\n")
	}
	for _, w := range r.Wrong {
		for line := range strings.Lines(w) {
			b.WriteString("- " + strings.TrimSpace(line) + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Report) struck() int {
	n := 0
	for _, h := range r.Hits {
		n += len(h.Faults)
	}
	return n
}

// class is what came of all hits with one fault.
type class struct {
	n, late, lost, unordered, overlaps, tardy, evicted, unnamed, failed int
	took                                                                []time.Duration
}

func (r Report) class(name string) class {
	var c class
	for _, h := range r.Hits {
		if !slices.Contains(h.Faults, name) {
			continue
		}
		c.n++
		c.took = append(c.took, h.Took)
		if h.Took > ConvergeWithin {
			c.late++
		}
		if h.Lost != "" {
			c.lost++
		}
		c.unordered, c.overlaps, c.tardy = c.unordered+len(h.Unordered), c.overlaps+len(h.Overlaps), c.tardy+len(h.Tardy)
		c.evicted, c.unnamed, c.failed = c.evicted+len(h.Evicted), c.unnamed+len(h.Unnamed), c.failed+h.Crowd.Failed
	}
	return c
}

func (c class) median() time.Duration {
	sorted := slices.Sorted(slices.Values(c.took))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

func whyText(why map[string]int) string {
	if len(why) == 0 {
		return "none"
	}
	var out []string
	for word, n := range why {
		out = append(out, fmt.Sprintf("%s %d", word, n))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
