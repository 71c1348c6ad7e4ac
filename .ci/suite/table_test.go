package main

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestTheTableIsReadLineByLine(t *testing.T) {
	got, err := parseTable(strings.NewReader(`
# suite part how least limit kind what
units   unit beside 3 90s go ./units ./units/loop -race  # with a comment

lint    lint alone  1 5m  run bash .ci/lint all
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Suite{
		{
			Name: "units", Part: "unit", Least: 3, Limit: 90 * time.Second,
			Packages: []string{"./units", "./units/loop"}, Flags: []string{"-race"},
		},
		{Name: "lint", Part: "lint", Alone: true, Least: 1, Limit: 5 * time.Minute, Command: []string{"bash", ".ci/lint", "all"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestABadTableIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ table, want string }{
		"an empty table":            {"# nothing\n", "no suite is listed"},
		"a line with too few words": {"units unit beside 3 1m go", "found 6 words"},
		"a suite listed twice":      {"a u beside 1 1m go ./a\na u beside 1 1m go ./b", "line 2: suite a is listed twice"},
		"a least of none":           {"a u beside 0 1m go ./a", "not a number from 1"},
		"a limit without a unit":    {"a u beside 1 60 go ./a", "not a duration"},
		"an unknown manner":         {"a u apart 1 1m go ./a", "neither beside nor alone"},
		"an unknown kind":           {"a u alone 1 1m sh ./a", "neither go nor run"},
		"flags without a package":   {"a u alone 1 1m go -race", "names no package"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseTable(strings.NewReader(c.table))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestSuitesAreChosenByNameAndByPart(t *testing.T) {
	all := []Suite{{Name: "a", Part: "unit"}, {Name: "b", Part: "unit"}, {Name: "c", Part: "e2e"}}
	for _, c := range []struct{ words, want string }{{"", "a b c"}, {"unit", "a b"}, {"c a", "a c"}} {
		got, err := choose(all, strings.Fields(c.words))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range got {
			names = append(names, s.Name)
		}
		if strings.Join(names, " ") != c.want {
			t.Errorf("%q chose %v, want %s", c.words, names, c.want)
		}
	}
	if _, err := choose(all, []string{"unti"}); err == nil {
		t.Error("a word that names nothing was taken")
	}
}
