package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEveryRuleBites applies rules to small trees with planted violations. Each file of testdata is one
// tree: lines "-- NAME --" and the file's text below. Before the first, a line "rules: NAME …" says
// which rules are applied; the file "want" lists all that they find, in order, one line each.
func TestEveryRuleBites(t *testing.T) {
	t.Setenv("GOPROXY", "off") // planted imports are named, never fetched
	trees, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	bitten := map[string]bool{}
	for _, archive := range trees {
		t.Run(strings.TrimSuffix(filepath.Base(archive), ".txtar"), func(t *testing.T) {
			names, want, root := plant(t, archive)
			tree, err := Load(root)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, name := range names {
				rule := rules[name]
				if rule == nil {
					t.Fatalf("no rule is named %s", name)
				}
				found, err := rule(tree)
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range found {
					got = append(got, v.String())
				}
				bitten[name] = bitten[name] || len(found) > 0
			}
			slices.Sort(got)
			if g := strings.Join(got, "\n"); g != want {
				t.Errorf("found\n%s\n\nwant\n%s", g, want)
			}
		})
	}
	for name := range rules {
		if !bitten[name] {
			t.Errorf("no planted tree shows that the rule %s bites", name)
		}
	}
}

// plant writes the tree of an archive into a repository of its own.
func plant(t *testing.T, archive string) (names []string, want, root string) {
	t.Helper()
	text, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	root = t.TempDir()
	if out, err := exec.Command("git", "init", "-q", root).CombinedOutput(); err != nil {
		t.Fatalf("git init: %v\n%s", err, out)
	}
	head, rest, _ := strings.Cut("\n"+string(text), "\n-- ")
	for line := range strings.Lines(head) {
		if list, ok := strings.CutPrefix(line, "rules:"); ok {
			names = strings.Fields(list)
		}
	}
	files := map[string]string{"go.mod": "module example.org/house\n\ngo 1.26.0\n"}
	for part := range strings.SplitSeq(rest, "\n-- ") {
		name, body, ok := strings.Cut(part, " --\n")
		if !ok {
			t.Fatalf("%s: bad header near %q", archive, part)
		}
		files[name] = body + "\n"
	}
	want = strings.TrimSpace(files["want"])
	delete(files, "want")
	for name, body := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return names, want, root
}

func TestALongFileIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		lines int
		bad   bool
	}{
		"units/a.go": {600, false}, "units/b.go": {601, true},
		"units/c_test.go": {900, false}, "units/d_test.go": {901, true},
		".ci/script": {601, true}, "README.md": {5000, false}, "LICENSE": {700, false},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(strings.Repeat("x\n", c.lines)), 0o644); err != nil {
				t.Fatal(err)
			}
			found, err := Text(&Tree{Root: root, Files: []string{name}})
			if err != nil {
				t.Fatal(err)
			}
			if (len(found) == 1) != c.bad {
				t.Errorf("%d lines: %v", c.lines, found)
			}
		})
	}
}

func TestADynamicProgramIsFound(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[string]string{"exe": "", "pie": "asks for a dynamic loader"} {
		program := filepath.Join(dir, mode)
		build(t, dir, program, "-buildmode="+mode, source)
		why, err := Static(program)
		if err != nil {
			t.Fatal(err)
		}
		if why != want {
			t.Errorf("buildmode %s: %q, want %q", mode, why, want)
		}
	}
}

func build(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"build", "-o", program}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", program, err, out)
	}
}
