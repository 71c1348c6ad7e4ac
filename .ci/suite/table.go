package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Suite is one line of the table.
type Suite struct {
	Name string
	// Part is the make target that runs it besides `make test`.
	Part string
	// Alone keeps every other suite away while this one runs.
	Alone bool
	// Least is the number of tests below which the suite fails.
	Least int
	// Limit is the time that the whole suite may take, building included.
	Limit time.Duration
	// Packages and Flags are those of a Go suite, Command is that of another.
	Packages []string
	Flags    []string
	Command  []string
}

// parseTable reads lines "name part beside|alone least limit go|run what…". A # begins a comment.
func parseTable(r io.Reader) ([]Suite, error) {
	var suites []Suite
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		s, err := parseSuite(fields)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if slices.ContainsFunc(suites, func(o Suite) bool { return o.Name == s.Name }) {
			return nil, fmt.Errorf("line %d: suite %s is listed twice", n, s.Name)
		}
		suites = append(suites, s)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(suites) == 0 {
		return nil, fmt.Errorf("no suite is listed")
	}
	return suites, nil
}

func parseSuite(fields []string) (Suite, error) {
	if len(fields) < 7 {
		return Suite{}, fmt.Errorf("want name, part, beside or alone, least, limit, go or run, what; found %d words", len(fields))
	}
	s := Suite{Name: fields[0], Part: fields[1]}
	switch fields[2] {
	case "beside":
	case "alone":
		s.Alone = true
	default:
		return Suite{}, fmt.Errorf("%q is neither beside nor alone", fields[2])
	}
	least, err := strconv.Atoi(fields[3])
	if err != nil || least < 1 {
		return Suite{}, fmt.Errorf("least number of tests %q is not a number from 1", fields[3])
	}
	s.Least = least
	s.Limit, err = time.ParseDuration(fields[4])
	if err != nil || s.Limit <= 0 {
		return Suite{}, fmt.Errorf("limit %q is not a duration", fields[4])
	}
	switch what := fields[6:]; fields[5] {
	case "go":
		for _, word := range what {
			if strings.HasPrefix(word, "-") {
				s.Flags = append(s.Flags, word)
			} else {
				s.Packages = append(s.Packages, word)
			}
		}
		if len(s.Packages) == 0 {
			return Suite{}, fmt.Errorf("suite %s names no package", s.Name)
		}
	case "run":
		s.Command = what
	default:
		return Suite{}, fmt.Errorf("%q is neither go nor run", fields[5])
	}
	return s, nil
}

// choose returns the suites that the words name, by suite or by part, in the table's order; all of
// them when there are no words.
func choose(suites []Suite, words []string) ([]Suite, error) {
	if len(words) == 0 {
		return suites, nil
	}
	var chosen []Suite
	used := map[string]bool{}
	for _, s := range suites {
		if slices.Contains(words, s.Name) || slices.Contains(words, s.Part) {
			chosen = append(chosen, s)
			used[s.Name], used[s.Part] = true, true
		}
	}
	for _, w := range words {
		if !used[w] {
			return nil, fmt.Errorf("no suite and no part is named %s", w)
		}
	}
	return chosen, nil
}
