package figures

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// samples is where the project's own are.
const samples = "samples"

func TestEveryFigureIsMeasuredAndSaysWhatItIs(t *testing.T) {
	names := map[string]bool{}
	for _, f := range All() {
		if names[f.Name] {
			t.Errorf("%s is there twice", f.Name)
		}
		names[f.Name] = true
		_, timed := measurements[f.Group]
		_, hurt := hurts[f.Group]
		if timed == hurt || !slices.Contains(Groups(), f.Group) {
			t.Errorf("%s: nobody measures group %q", f.Name, f.Group)
		}
		if f.Title == "" || f.Start == "" || f.End == "" || f.Observer == "" {
			t.Errorf("%s does not say from where to where it goes, or who looks: %+v", f.Name, f)
		}
	}
	if measured := len(measurements) + len(hurts); measured != len(Groups()) {
		t.Errorf("%d groups are measured and %d are known", measured, len(Groups()))
	}
}

func TestTheSamplesThatAreKeptAreWholeAndKnown(t *testing.T) {
	known := map[string]bool{}
	for _, f := range All() {
		known[f.Name+".json"] = true
	}
	entries, err := os.ReadDir(samples)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !known[e.Name()] {
			t.Errorf("%s is of no figure", e.Name())
		}
	}
	list, err := Summarise(samples)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		for _, r := range s.Runs {
			if r.Date.IsZero() || r.Machine == "" || r.Commit == "" || r.LoadBefore == "" || r.LoadAfter == "" || r.Path == "" {
				t.Errorf("%s: a run does not say when, on what and under which load: %+v", s.Name, r)
			}
			for _, v := range r.Values {
				if v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
					t.Errorf("%s: %v is no measurement", s.Name, v)
				}
			}
		}
	}
}

// put writes samples of a figure.
func put(t *testing.T, dir, name string, values ...float64) Figure {
	t.Helper()
	all := All()
	f := all[slices.IndexFunc(all, func(f Figure) bool { return f.Name == name })]
	s, err := Load(dir, f)
	if err != nil {
		t.Fatal(err)
	}
	s.Runs = append(s.Runs, Run{
		Date: time.Date(2026, 11, 21, 14, 5, 0, 0, time.UTC), Commit: "0123abc", Machine: "2 cores", LoadBefore: "0.10 0.20 0.30",
		LoadAfter: "0.40 0.50 0.60", Path: "lab", Values: values,
	})
	if err := s.Save(dir); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTheTablesSayWhatTheSamplesSay(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, SubmitPresent, 900, 300, 400, 500)
	put(t, dir, SubmitPresent, 2100)
	put(t, dir, HostLost, slices.Repeat([]float64{16_000}, 20)...)
	put(t, dir, DaemonRestarts, 0, 0, 1)
	put(t, dir, IdleWrites, 0.25)
	list, err := Summarise(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := `| figure | from … to | seen by | n | median | worst | target | met |
|---|---|---|--:|--:|--:|---|---|
| submit, closure on the node | the CLI's process starts … the service's first answer | witness and client in the lab | 5 | 500 ms | 2.10 s | median ≤ 500 ms | yes, provisional |
| host loses power | power is cut, lease TTL 15 s … the replacement's first answer | witness and client in the lab | 20 | 16.00 s | 16.00 s | median ≤ 17.00 s, worst ≤ 20.00 s | yes |
| services restarted by that | another PID or InvocationID … in each kill | systemd and witness | 3 | 0 | 1 | worst ≤ 0 | **missed** |
| idle, 3 nodes and 50 units: writes to etcd | each revision is a write … in 10 s | etcd's revision | 1 | 0.25/s | 0.25/s |  |  |

- Missed: services restarted by that; why is not known yet.
- Group submit: path lab, 2026-11-21 14:05 UTC, commit 0123abc, 2 cores, load average 0.10 0.20 0.30 before and 0.40 0.50 0.60 after.
- Group loss: path lab, 2026-11-21 14:05 UTC, commit 0123abc, 2 cores, load average 0.10 0.20 0.30 before and 0.40 0.50 0.60 after.
- Group daemon: path lab, 2026-11-21 14:05 UTC, commit 0123abc, 2 cores, load average 0.10 0.20 0.30 before and 0.40 0.50 0.60 after.
- Group idle: path lab, 2026-11-21 14:05 UTC, commit 0123abc, 2 cores, load average 0.10 0.20 0.30 before and 0.40 0.50 0.60 after.
`
	if diff := cmp.Diff(want, Markdown(list)); diff != "" {
		t.Errorf("markdown (-want +got):\n%s", diff)
	}
	var people, programs bytes.Buffer
	if err := errors.Join(Table(&people, list), JSON(&programs, list)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(people.String(), "**missed**") || !strings.Contains(people.String(), "2.10 s") {
		t.Errorf("table:\n%s", &people)
	}
	var read []Summary
	if err := json.Unmarshal(programs.Bytes(), &read); err != nil {
		t.Fatal(err)
	}
	if len(read) != len(list) || read[0].Median != 500 || read[0].N != 5 || len(read[0].Runs) != 2 || !read[0].Met || read[2].Met {
		t.Errorf("JSON:\n%s", &programs)
	}
}

func TestSamplesOfAnotherUnitAreRefused(t *testing.T) {
	dir := t.TempDir()
	f := put(t, dir, HostLost, 16_000)
	raw, err := os.ReadFile(filepath.Join(dir, f.Name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	raw = bytes.Replace(raw, []byte(`"unit": "ms"`), []byte(`"unit": "/s"`), 1)
	if err := os.WriteFile(filepath.Join(dir, f.Name+".json"), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Summarise(dir); err == nil {
		t.Error("they are taken")
	}
}

func TestTheMedianHasAsManyValuesBelowAsAbove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0, 1e6), 1, 50).Draw(t, "values")
		slices.Sort(values)
		m := median(values)
		below, above := 0, 0
		for _, v := range values {
			if v < m {
				below++
			}
			if v > m {
				above++
			}
		}
		if below > len(values)/2 || above > len(values)/2 || m < values[0] || m > values[len(values)-1] {
			t.Fatalf("the median of %v is %v", values, m)
		}
	})
}

func TestTheReadmeSaysWhatTheSamplesSay(t *testing.T) {
	list, err := Summarise(samples)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	section, err := Section(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Markdown(list), section); diff != "" {
		t.Errorf("the README differs from the samples; run: nsched-lab figures --show --readme README.md\n(-samples +README):\n%s", diff)
	}
}

func TestTheReadmesSectionIsReplacedAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, LeaderStopped, 100)
	list, err := Summarise(dir)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "README.md")
	if err := os.WriteFile(name, []byte("# nsched\n\n"+Begin+"\nold\n"+End+"\n\nmore\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time changes nothing
		if err := WriteReadme(name, list); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if want := "# nsched\n\n" + Begin + "\n" + Markdown(list) + End + "\n\nmore\n"; string(text) != want {
		t.Errorf("the README is\n%s", text)
	}
	if section, err := Section(string(text)); err != nil || section != Markdown(list) {
		t.Errorf("its section is %q, %v", section, err)
	}
	if _, err := Section("# nsched\n" + Begin + "\n"); !errors.Is(err, errMarkers) {
		t.Errorf("a README without an end gives %v", err)
	}
}
