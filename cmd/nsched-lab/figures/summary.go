package figures

import (
	"fmt"
	"slices"
)

// Enough is how many samples make a figure: with fewer it is provisional.
const Enough = 20

// Summary is what the samples of a figure say.
type Summary struct {
	Figure Figure  `json:"-"`
	Name   string  `json:"name"`
	N      int     `json:"n"`
	Median float64 `json:"median"`
	Worst  float64 `json:"worst"`
	Unit   Unit    `json:"unit"`
	// Target is what must not be exceeded, for people; empty is none. Met says whether it is not.
	Target string `json:"target,omitempty"`
	Met    bool   `json:"met"`
	Limit  string `json:"limit,omitempty"`
	// Runs are the circumstances.
	Runs []Run `json:"runs"`
}

// Summarise reads all samples in a directory: one summary for each figure that has any.
func Summarise(dir string) ([]Summary, error) {
	var list []Summary
	for _, f := range All() {
		s, err := Load(dir, f)
		if err != nil {
			return nil, err
		}
		if len(s.Values()) > 0 {
			list = append(list, summary(f, s))
		}
	}
	return list, nil
}

func summary(f Figure, s Samples) Summary {
	values := s.Values()
	sum := Summary{
		Figure: f, Name: f.Name, N: len(values), Unit: f.Unit, Median: median(values), Worst: values[len(values)-1],
		Target: f.target(), Met: true, Runs: s.Runs,
	}
	if f.HasMedian && sum.Median > f.Median || f.HasWorst && sum.Worst > f.Worst {
		sum.Met, sum.Limit = false, f.Limit
	}
	return sum
}

// median of sorted values, the mean of the middle two where there is no middle one.
func median(sorted []float64) float64 {
	if !slices.IsSorted(sorted) {
		panic("median of unsorted values")
	}
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func (f Figure) target() string {
	switch {
	case f.HasMedian && f.HasWorst:
		return fmt.Sprintf("median ≤ %s, worst ≤ %s", f.Unit.text(f.Median), f.Unit.text(f.Worst))
	case f.HasMedian:
		return "median ≤ " + f.Unit.text(f.Median)
	case f.HasWorst:
		return "worst ≤ " + f.Unit.text(f.Worst)
	}
	return ""
}

// text is a value for people.
func (u Unit) text(v float64) string {
	switch {
	case u == Milliseconds && v >= 1000:
		return fmt.Sprintf("%.2f s", v/1000)
	case u == Milliseconds:
		return fmt.Sprintf("%.0f ms", v)
	case u == PerSecond:
		return fmt.Sprintf("%.2f/s", v)
	case u == Percent:
		return fmt.Sprintf("%.2f %%", v)
	case u == MiB:
		return fmt.Sprintf("%.1f MiB", v)
	}
	return fmt.Sprintf("%.0f", v)
}
