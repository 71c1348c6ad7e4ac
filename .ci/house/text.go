package house

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Sizes at which a file is split.
const (
	longestFile = 600
	longestTest = 900
)

// word is something that may not stand in a file of the tree. The patterns are written so that they do
// not find themselves.
type word struct {
	name  string
	find  *regexp.Regexp
	not   *regexp.Regexp // what find finds and is none
	in    func(file string) bool
	apart string // what to do instead
}

func anyFile(string) bool    { return true }
func testFile(f string) bool { return strings.HasSuffix(f, "_test.go") }

var words = []word{
	{
		"an unfinished mark", regexp.MustCompile(`\b(TO[D]O|FIX[M]E|XX[X]|HA[C]K)\b`), nil, anyFile,
		"do it, or say in the package's doc.go what is not promised",
	},
	{
		"a stub", regexp.MustCompile(`\b([Nn]ot[ ]implemented|un[i]mplemented)\b`), nil, anyFile,
		"a thing that does nothing yet does not exist yet",
	},
	{
		"a test that can skip", regexp.MustCompile(`\b[a-z]{1,2}\.Skip(f|Now)?\(|\btesting\.Short\(`), nil, testFile,
		"what a test needs is installed by .ci/setup or built by make parts; where it is missing, fail",
	},
	{
		"a path of somebody's machine", regexp.MustCompile(`(^|[^A-Za-z0-9_.~$}/-])/(home|Users|root|work|workspace)/[A-Za-z0-9_.]`),
		regexp.MustCompile(`/home/(someone|user)/`), anyFile,
		"use a relative path, a temporary folder or a flag",
	},
}

// plain are files whose text is not ours.
func plain(file string) bool {
	return file == "LICENSE" || strings.HasSuffix(file, "go.sum") || strings.HasSuffix(file, "flake.lock")
}

// Text reports files that are too long and words that may not stand in them. Planted violations and
// test inputs, which live in testdata, may hold anything.
func Text(t *Tree) ([]Violation, error) {
	var found []Violation
	for _, file := range t.Files {
		if plain(file) || strings.Contains("/"+file, "/testdata/") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(t.Root, file))
		if err != nil {
			return nil, err
		}
		if bytes.IndexByte(content, 0) >= 0 {
			continue
		}
		lines := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
		if most := longest(file); len(lines) > most {
			found = append(found, Violation{file, fmt.Sprintf("has %d lines, more than %d: split it", len(lines), most)})
		}
		for n, line := range lines {
			for _, w := range words {
				if w.in(file) && w.find.MatchString(line) && (w.not == nil || !w.not.MatchString(line)) {
					found = append(found, Violation{fmt.Sprintf("%s:%d", file, n+1), w.name + ": " + w.apart})
				}
			}
		}
	}
	return found, nil
}

// longest is how many lines a file may have; documents may have any number.
func longest(file string) int {
	switch {
	case testFile(file):
		return longestTest
	case strings.HasSuffix(file, ".md"), strings.HasSuffix(file, ".json"):
		return 1 << 30
	default:
		return longestFile
	}
}
