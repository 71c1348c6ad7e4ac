package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Failure is one thing that went wrong, with what is needed to understand it.
type Failure struct {
	Name   string
	Output string
}

// Result is what became of one suite.
type Result struct {
	Suite    Suite
	Passed   int
	Failures []Failure
	Took     time.Duration
}

// Tests is how many tests ran to their end, well or not. A failure that is no test, such as a package
// that does not build, is among the failures only.
func (r Result) Tests() int { return r.Passed + r.failedTests() }

func (r Result) failedTests() int {
	n := 0
	for _, f := range r.Failures {
		if !strings.HasPrefix(f.Name, "(") {
			n++
		}
	}
	return n
}

// outside names a failure that is no test's, so that it is not taken for a test that ran.
func outside(format string, args ...any) string { return "(" + fmt.Sprintf(format, args...) + ")" }

// judge adds the failures that only the whole suite shows.
func (r Result) judge() Result {
	if n := r.Tests(); n < r.Suite.Least {
		r.Failures = append(r.Failures, Failure{
			Name:   outside("too few tests"),
			Output: fmt.Sprintf("%d ran, .ci/suites asks for at least %d", n, r.Suite.Least),
		})
	}
	return r
}

// shownLines bounds what is printed of one failure; the log holds all of it.
const shownLines = 120

func printFailures(w io.Writer, r Result, log string) {
	for _, f := range r.Failures {
		fmt.Fprintf(w, "\n--- %s: %s\n", r.Suite.Name, f.Name)
		lines := strings.Split(strings.TrimRight(f.Output, "\n"), "\n")
		if over := len(lines) - shownLines; over > 0 {
			// The beginning says what was done, the end says how it ended.
			cut := append([]string(nil), lines[:shownLines/3]...)
			cut = append(cut, fmt.Sprintf("… %d lines more in %s …", over, log))
			lines = append(cut, lines[len(lines)-shownLines*2/3:]...)
		}
		for _, line := range lines {
			fmt.Fprintf(w, "    %s\n", line)
		}
	}
}

func printTable(w io.Writer, results []Result, whole time.Duration) {
	width := len("suite")
	for _, r := range results {
		width = max(width, len(r.Suite.Name))
	}
	fmt.Fprintf(w, "\n%-*s  %6s  %8s\n", width, "suite", "tests", "seconds")
	tests, passed, failed := 0, 0, 0
	for _, r := range results {
		note := ""
		if n := len(r.Failures); n > 0 {
			note = fmt.Sprintf("  %d failed", n)
		}
		fmt.Fprintf(w, "%-*s  %6d  %8.1f%s\n", width, r.Suite.Name, r.Tests(), r.Took.Seconds(), note)
		tests += r.Tests()
		passed += r.Passed
		failed += len(r.Failures)
	}
	fmt.Fprintf(w, "%-*s  %6d  %8.1f\n", width, "all", tests, whole.Seconds())
	fmt.Fprintf(w, "\n%d passed, %d failed\n", passed, failed)
}
