package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// event is one line of `go test -json` (go doc test2json; build events: go help buildjson).
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	FailedBuild string
}

// goTests keeps the account of one `go test -json` stream.
type goTests struct {
	packages map[string]*goPackage
	builds   map[string]*strings.Builder
	stray    []string // lines that are no events: the go command's own complaints
}

type goPackage struct {
	tests  map[string]*goTest
	output strings.Builder
	ended  string // pass, fail or skip; empty while it runs
	build  string // the build whose failure ended it
	told   bool   // the package's own output is in a failure already
}

type goTest struct {
	output strings.Builder
	ended  string
	// inner says that a subtest ran, failed that one of them did not pass.
	inner, failed bool
}

func newGoTests() *goTests {
	return &goTests{packages: map[string]*goPackage{}, builds: map[string]*strings.Builder{}}
}

// line takes one line of the stream.
func (g *goTests) line(text string) {
	var e event
	if !strings.HasPrefix(text, "{") || json.Unmarshal([]byte(text), &e) != nil {
		if strings.TrimSpace(text) != "" {
			g.stray = append(g.stray, text)
		}
		return
	}
	switch {
	case strings.HasPrefix(e.Action, "build-"):
		b := g.builds[e.ImportPath]
		if b == nil {
			b = &strings.Builder{}
			g.builds[e.ImportPath] = b
		}
		b.WriteString(e.Output)
	case e.Test == "":
		p := g.pkg(e.Package)
		p.output.WriteString(e.Output)
		if e.Action == "pass" || e.Action == "fail" || e.Action == "skip" {
			p.ended, p.build = e.Action, e.FailedBuild
		}
	default:
		g.test(e)
	}
}

func (g *goTests) pkg(name string) *goPackage {
	p := g.packages[name]
	if p == nil {
		p = &goPackage{tests: map[string]*goTest{}}
		g.packages[name] = p
	}
	return p
}

func (g *goTests) test(e event) {
	p := g.pkg(e.Package)
	t := p.tests[e.Test]
	if t == nil {
		t = &goTest{}
		p.tests[e.Test] = t
	}
	switch e.Action {
	case "pass", "fail", "skip", "bench":
		t.ended = e.Action
	case "output":
		t.output.WriteString(e.Output)
	}
}

// result sums the stream up. exit is how the go command itself ended.
func (g *goTests) result(exit error) (passed int, failures []Failure) {
	broken := map[string]bool{}
	for _, name := range sortedKeys(g.packages) {
		p := g.packages[name]
		ok, bad := p.result(name)
		passed += ok
		failures = append(failures, bad...)
		switch {
		case p.build != "":
			if !broken[p.build] {
				broken[p.build] = true
				failures = append(failures, Failure{Name: outside("%s does not build", p.build), Output: g.buildOutput(p.build)})
			}
		case p.ended == "fail" && len(bad) == 0:
			failures = append(failures, Failure{Name: outside("%s failed outside any test", name), Output: p.output.String()})
		case p.ended == "" && len(bad) == 0:
			// A test that ends the process with success: test2json takes its silence for a pass and
			// says nothing of the package.
			failures = append(failures, Failure{Name: outside("%s did not end", name), Output: p.output.String()})
		}
	}
	if exit != nil && len(failures) == 0 {
		failures = append(failures, Failure{
			Name:   outside("go test: %v", exit),
			Output: strings.Join(append(g.stray, g.allBuildOutput()), "\n"),
		})
	}
	return passed, failures
}

// result accounts for one package. A test with subtests stands for itself only when it failed and
// none of its subtests did.
func (p *goPackage) result(name string) (passed int, failures []Failure) {
	names := sortedKeys(p.tests)
	// Longest names first: a subtest marks its parents before they are looked at.
	slices.SortStableFunc(names, func(a, b string) int { return strings.Count(b, "/") - strings.Count(a, "/") })
	for _, full := range names {
		t := p.tests[full]
		bad := t.ended != "pass" && t.ended != "bench"
		if parent := p.parent(full); parent != nil {
			parent.inner = true
			parent.failed = parent.failed || bad || t.failed
			if fuzzSeed(full) && !bad {
				// The target counts, not its corpus.
				continue
			}
		}
		switch {
		case t.failed && t.ended != "skip":
		case bad:
			failures = append(failures, Failure{Name: name + "." + full + t.why(), Output: p.story(t)})
		case !t.inner || fuzzTarget(full):
			passed++
		}
	}
	slices.SortFunc(failures, func(a, b Failure) int { return strings.Compare(a.Name, b.Name) })
	return passed, failures
}

// parent returns the nearest test that name is a subtest of. A subtest's own name may hold slashes,
// which make no tests of their parts.
func (p *goPackage) parent(name string) *goTest {
	for {
		cut := strings.LastIndexByte(name, '/')
		if cut < 0 {
			return nil
		}
		name = name[:cut]
		if t := p.tests[name]; t != nil {
			return t
		}
	}
}

// story is what a failed test printed; of the first one that did not end also what the package
// printed, since that is where a panic or a time limit speaks.
func (p *goPackage) story(t *goTest) string {
	if t.ended != "" || p.told {
		return t.output.String()
	}
	p.told = true
	return t.output.String() + p.output.String()
}

func (t *goTest) why() string {
	switch t.ended {
	case "skip":
		return " (skipped)"
	case "":
		return " (did not end)"
	}
	return ""
}

func fuzzTarget(test string) bool {
	return strings.HasPrefix(test, "Fuzz") && !strings.Contains(test, "/")
}

func fuzzSeed(test string) bool {
	return strings.HasPrefix(test, "Fuzz") && strings.Contains(test, "/")
}

func (g *goTests) buildOutput(name string) string {
	if b := g.builds[name]; b != nil && b.Len() > 0 {
		return b.String()
	}
	return g.allBuildOutput() + strings.Join(g.stray, "\n")
}

func (g *goTests) allBuildOutput() string {
	var all strings.Builder
	for _, name := range sortedKeys(g.builds) {
		fmt.Fprint(&all, g.builds[name].String())
	}
	return all.String()
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
