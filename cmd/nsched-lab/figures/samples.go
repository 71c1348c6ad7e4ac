package figures

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Samples is the file of one figure: everything that was measured, as it was measured.
type Samples struct {
	Figure   string `json:"figure"`
	Unit     Unit   `json:"unit"`
	Start    string `json:"start"`
	End      string `json:"end"`
	Observer string `json:"observer"`
	Runs     []Run  `json:"runs"`
}

// Run is what one run of the measuring added.
type Run struct {
	Date    time.Time `json:"date"`
	Commit  string    `json:"commit"`
	Machine string    `json:"machine"`
	// Load is the machine's load average over 1, 5 and 15 minutes, before and after.
	LoadBefore string `json:"loadBefore"`
	LoadAfter  string `json:"loadAfter"`
	// Path is how the parts were connected: "lab", network and hosts of a lab on one machine.
	Path       string    `json:"path"`
	Conditions string    `json:"conditions,omitempty"`
	Values     []float64 `json:"values"`
}

// Load reads the samples of a figure; none is no error.
func Load(dir string, f Figure) (Samples, error) {
	s := Samples{Figure: f.Name, Unit: f.Unit, Start: f.Start, End: f.End, Observer: f.Observer}
	raw, err := os.ReadFile(file(dir, f))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return Samples{}, fmt.Errorf("read samples: %w", err)
	}
	var read Samples
	if err := json.Unmarshal(raw, &read); err != nil {
		return Samples{}, fmt.Errorf("read samples of %s: %w", f.Name, err)
	}
	if read.Figure != f.Name || read.Unit != f.Unit {
		return Samples{}, fmt.Errorf("read samples of %s: they are of %s in %q, not in %q", f.Name, read.Figure, read.Unit, f.Unit)
	}
	s.Runs = read.Runs
	return s, nil
}

// Save writes the file whole.
func (s Samples) Save(dir string) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write samples of %s: %w", s.Figure, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write samples of %s: %w", s.Figure, err)
	}
	name := filepath.Join(dir, s.Figure+".json")
	if err := os.WriteFile(name+".new", append(raw, '\n'), 0o644); err != nil {
		return fmt.Errorf("write samples of %s: %w", s.Figure, err)
	}
	return os.Rename(name+".new", name)
}

func file(dir string, f Figure) string { return filepath.Join(dir, f.Name+".json") }

// Values are all values of all runs, sorted.
func (s Samples) Values() []float64 {
	var all []float64
	for _, r := range s.Runs {
		all = append(all, r.Values...)
	}
	slices.Sort(all)
	return all
}
