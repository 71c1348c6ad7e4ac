package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nsched/nsched/units/registry"
)

// The README is the front door, so what it says of the program is checked: parts of it are made from the
// program's own tables (go test ./cmd/nsched -run Readme -update writes them anew), and what it names
// exists.

const (
	checkout   = "../.."
	readmeFile = checkout + "/README.md"
)

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section returns the README's text under a heading, with what is below it.
func section(t *testing.T, heading string) string {
	t.Helper()
	level := strings.Count(heading, "#")
	var b strings.Builder
	in, code := false, false
	for line := range strings.Lines(readText(t, readmeFile)) {
		plain := strings.TrimRight(line, "\n")
		if strings.HasPrefix(plain, "```") {
			code = !code
		}
		if depth := len(plain) - len(strings.TrimLeft(plain, "#")); !code && depth > 0 {
			in = plain == heading || in && depth > level
		}
		if in {
			b.WriteString(line)
		}
	}
	if b.Len() == 0 {
		t.Fatalf("the README has no section %q", heading)
	}
	return b.String()
}

// TestReadmeTables compares the tables that are made with those that are there.
func TestReadmeTables(t *testing.T) {
	readme := readText(t, readmeFile)
	for name, made := range readmeTables(t) {
		begin, end := "<!-- "+name+":begin -->\n", "<!-- "+name+":end -->"
		before, rest, ok := strings.Cut(readme, begin)
		there, after, closed := strings.Cut(rest, end)
		switch {
		case !ok || !closed:
			t.Errorf("the README has no %s … %s", strings.TrimSpace(begin), end)
		case *update:
			readme = before + begin + made + end + after
		case there != made:
			t.Errorf("the table %s is out of date; write it with: go test ./cmd/nsched -run TestReadmeTables -update\n%s", name, made)
		}
	}
	if *update {
		if err := os.WriteFile(readmeFile, []byte(readme), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// namedTest finds `path/of/package.TestName` in the README.
var namedTest = regexp.MustCompile("`([a-z0-9/.-]+)\\.((?:Test|Fuzz)[A-Za-z0-9_]+)`")

func TestReadmeNamesTestsThatExist(t *testing.T) {
	all := namedTest.FindAllStringSubmatch(readText(t, readmeFile), -1)
	if len(all) < 20 {
		t.Fatalf("only %d tests are named", len(all))
	}
	for _, m := range all {
		dir, name := m[1], m[2]
		files, err := filepath.Glob(filepath.Join(checkout, dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(files, func(file string) bool {
			return strings.Contains(readText(t, file), "\nfunc "+name+"(")
		}) {
			t.Errorf("there is no %s in %s", name, dir)
		}
	}
}

func TestReadmeGivesATestForEachGuarantee(t *testing.T) {
	rows := 0
	for line := range strings.Lines(section(t, "## What it promises")) {
		if strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "|---") && !strings.HasPrefix(line, "| promise") {
			rows++
			if !namedTest.MatchString(line) {
				t.Errorf("no test is given for: %s", line)
			}
		}
	}
	if rows < 10 {
		t.Errorf("only %d promises", rows)
	}
}

// TestReadmeMapsTheHouse checks that the map names every package, and nothing else.
func TestReadmeMapsTheHouse(t *testing.T) {
	mapped := map[string]bool{}
	for line := range strings.Lines(section(t, "## The house")) {
		if word, _, ok := strings.Cut(line, " "); ok && strings.Contains(word, "/") {
			mapped[strings.TrimSuffix(word, "/")] = true
		}
	}
	err := filepath.WalkDir(checkout, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (name == "testdata" || name == ".git" || path == checkout+"/bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || name != "doc.go" {
			return nil
		}
		dir := strings.TrimPrefix(filepath.Dir(path), checkout+"/")
		if !mapped[dir] {
			t.Errorf("the map of the house lacks %s", dir)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir := range mapped {
		if st, err := os.Stat(filepath.Join(checkout, dir)); err != nil || !st.IsDir() {
			t.Errorf("the map of the house shows %s, which is no folder", dir)
		}
	}
}

var (
	kindLine   = regexp.MustCompile(`(?m)^\tKind[A-Z]\w+ +Kind = "([a-z/]{2,})"$`)
	targetLine = regexp.MustCompile(`(?m)^\.PHONY: (.*)$`)
	useLine    = regexp.MustCompile(`\bUse: +"([a-z][a-z-]+)`)
)

func TestReadmeNamesEveryKeyTargetAndLabCommand(t *testing.T) {
	keys := section(t, "### Keys in etcd")
	kinds := kindLine.FindAllStringSubmatch(readText(t, checkout+"/units/registry/keys_schema.go"), -1)
	if len(kinds) < 20 {
		t.Fatalf("only %d kinds of keys were found", len(kinds))
	}
	for _, m := range kinds {
		if !strings.Contains(keys, "`"+m[1]) {
			t.Errorf("the keys lack %s", m[1])
		}
	}
	if !strings.Contains(keys, "`"+registry.DefaultPrefix+"`") {
		t.Errorf("the keys lack their prefix %s", registry.DefaultPrefix)
	}
	development := section(t, "## Development")
	targets := targetLine.FindStringSubmatch(readText(t, checkout+"/Makefile"))
	for _, target := range strings.Fields(targets[1]) {
		if !strings.Contains(development, "`make "+target) {
			t.Errorf("Development lacks make %s", target)
		}
	}
	files, err := filepath.Glob(checkout + "/cmd/nsched-lab/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text := readText(t, file)
		for _, m := range useLine.FindAllStringSubmatch(text, -1) {
			if m[1] != "nsched-lab" && !strings.Contains(development, m[1]) {
				t.Errorf("Development lacks nsched-lab %s", m[1])
			}
		}
	}
}

// TestReadmeCommandsRunAsWritten checks each "nsched …" line of the README's examples: the verb and its
// flags are there.
func TestReadmeCommandsRunAsWritten(t *testing.T) {
	code, seen := false, 0
	for line := range strings.Lines(readText(t, readmeFile)) {
		if strings.HasPrefix(line, "```") {
			code = !code
			continue
		}
		text, _, _ := strings.Cut(strings.TrimSpace(line), " #")
		text = strings.TrimPrefix(text, "$ ")
		if !code || !strings.HasPrefix(text, "nsched ") {
			continue
		}
		seen++
		text = strings.TrimRight(text, "& ")
		root := newSession(nil, nil, nil).rootCommand()
		c, rest, err := root.Find(strings.Fields(text)[1:])
		if err != nil || c == root {
			t.Errorf("%s: there is no such verb (%v)", text, err)
			continue
		}
		if err := c.ParseFlags(rest); err != nil && !strings.Contains(err.Error(), "help requested") {
			t.Errorf("%s: %v", text, err)
		}
		if c.Args != nil {
			if err := c.Args(c, c.Flags().Args()); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d lines with nsched were found", seen)
	}
}

var routeLine = regexp.MustCompile(`mux\.Handle(?:Func)?\("((?:GET|POST) [^"]+)"`)

func TestReadmeNamesEveryRouteOfTheAPIs(t *testing.T) {
	apis := section(t, "### APIs and metrics")
	seen := 0
	for _, file := range []string{"node/api.go", "scheduler/api.go"} {
		for _, m := range routeLine.FindAllStringSubmatch(readText(t, filepath.Join(checkout, file)), -1) {
			seen++
			if !strings.Contains(apis, "`"+m[1]) {
				t.Errorf("the APIs lack %s of %s", m[1], file)
			}
		}
	}
	if seen < 8 {
		t.Errorf("only %d routes were found", seen)
	}
}

// TestReadmeMissesNoVerbThatIsThere checks that what is listed as not there yet is not there.
func TestReadmeMissesNoVerbThatIsThere(t *testing.T) {
	_, list, _ := strings.Cut(section(t, "## Not yet"), "- **Verbs**:")
	list, _, _ = strings.Cut(list, "\n- ")
	verbs := regexp.MustCompile("`([a-z -]+)`").FindAllStringSubmatch(list, -1)
	if len(verbs) == 0 {
		t.Fatal("no verb is listed")
	}
	for _, m := range verbs {
		c, rest, err := newSession(nil, nil, nil).rootCommand().Find(strings.Fields(m[1]))
		if err == nil && c.HasParent() && len(rest) == 0 {
			t.Errorf("%s is there; take it off the list", m[1])
		}
		if flag, ok := strings.CutPrefix(strings.Join(rest, " "), "--"); err == nil && ok && c.Flags().Lookup(flag) != nil {
			t.Errorf("%s is there; take it off the list", m[1])
		}
	}
}

var markdownLink = regexp.MustCompile(`\]\(([^)]+)\)`)

func TestReadmeLinksLeadSomewhere(t *testing.T) {
	text := readText(t, readmeFile)
	anchors := map[string]bool{}
	for line := range strings.Lines(text) {
		if title := strings.TrimLeft(line, "#"); title != line {
			title = strings.ToLower(strings.TrimSpace(title))
			anchors["#"+strings.Map(func(r rune) rune {
				switch {
				case r == ' ':
					return '-'
				case r == '-' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
					return r
				}
				return -1
			}, title)] = true
		}
	}
	for _, m := range markdownLink.FindAllStringSubmatch(text, -1) {
		if strings.HasPrefix(m[1], "#") {
			if !anchors[m[1]] {
				t.Errorf("there is no heading for %s", m[1])
			}
			continue
		}
		if _, err := os.Stat(filepath.Join(checkout, m[1])); err != nil {
			t.Errorf("%s leads nowhere", m[1])
		}
	}
}

func TestReadmeConfigurationIsAccepted(t *testing.T) {
	_, text, _ := strings.Cut(section(t, "## Install"), "```json\n")
	text, _, ok := strings.Cut(text, "```")
	if !ok {
		t.Fatal("there is no node.json")
	}
	// The key stands for one of the reader's own.
	text = strings.Replace(text, "BASE64", strings.Repeat("A", 43)+"=", 1)
	file := filepath.Join(t.TempDir(), "node.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if problems, err := checkConfig(file, ""); err != nil || len(problems) > 0 {
		t.Errorf("%v: %v", err, problems)
	}
}

// eachCommand calls f with every command that is meant for people, and with the hidden ones.
func eachCommand(c *cobra.Command, f func(*cobra.Command)) {
	for _, child := range c.Commands() {
		f(child)
		eachCommand(child, f)
	}
}

// flagsOf lists a command's own flags as one writes them.
func flagsOf(c *cobra.Command) string {
	var list []string
	c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "` " + name
		}
		list = append(list, name)
	})
	for _, name := range strings.Fields(c.Annotations[useAnnotation]) {
		if f := c.Root().PersistentFlags().Lookup(name); f != nil {
			list = append(list, "`-"+f.Shorthand+"`")
		}
	}
	return strings.Join(list, ", ")
}
