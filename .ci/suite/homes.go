package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath     string
	TestGoFiles    []string
	XTestGoFiles   []string
	IgnoredGoFiles []string
}

// tested says that the package has tests; hidden are test files that a build constraint keeps from
// ever being built, which is a way to skip them.
func (l listed) tested() bool { return len(l.TestGoFiles)+len(l.XTestGoFiles) > 0 }

func (l listed) hidden() []string {
	return slices.DeleteFunc(slices.Clone(l.IgnoredGoFiles), func(f string) bool { return !strings.HasSuffix(f, "_test.go") })
}

// homes checks that every package with tests is in exactly one suite, and returns what is wrong.
func homes(root string, suites []Suite) ([]string, error) {
	in := map[string][]string{}
	var wrong []string
	for _, s := range suites {
		if s.Packages == nil {
			continue
		}
		pkgs, err := goList(root, s.Packages)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("suite %s: %v", s.Name, err))
			continue
		}
		if !slices.ContainsFunc(pkgs, listed.tested) {
			wrong = append(wrong, fmt.Sprintf("suite %s: %s hold no tests", s.Name, strings.Join(s.Packages, " ")))
		}
		for _, p := range pkgs {
			in[p.ImportPath] = append(in[p.ImportPath], s.Name)
		}
	}
	dots, err := dotPackages(root)
	if err != nil {
		return nil, err
	}
	all, err := goList(root, append(dots, "./..."))
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if hidden := p.hidden(); len(hidden) > 0 {
			wrong = append(wrong, fmt.Sprintf("%s: a build constraint hides %s", p.ImportPath, strings.Join(hidden, " ")))
		}
		switch n := len(in[p.ImportPath]); {
		case n > 1:
			wrong = append(wrong, fmt.Sprintf("%s is in %d suites: %s", p.ImportPath, n, strings.Join(in[p.ImportPath], " ")))
		case n == 0 && p.tested():
			wrong = append(wrong, fmt.Sprintf("%s has tests and is in no suite: give it a line in .ci/suites", p.ImportPath))
		}
	}
	slices.Sort(wrong)
	return wrong, nil
}

// dotPackages lists the folders of Go files in .ci, which patterns with dots pass over.
func dotPackages(root string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(root, ".ci", "*", "*.go"))
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, f := range files {
		dirs = append(dirs, "./.ci/"+filepath.Base(filepath.Dir(f)))
	}
	return slices.Compact(dirs), nil
}

func goList(root string, patterns []string) ([]listed, error) {
	for _, p := range patterns {
		dir := filepath.Join(root, strings.TrimSuffix(p, "/..."))
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s does not exist", p)
		}
	}
	cmd := exec.Command("go", append([]string{"list", "-e", "-json=ImportPath,TestGoFiles,XTestGoFiles,IgnoredGoFiles"}, patterns...)...)
	cmd.Dir = root
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list %s: %w\n%s", strings.Join(patterns, " "), err, complaints.String())
	}
	var pkgs []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs, nil
		} else if err != nil {
			return nil, fmt.Errorf("read go list: %w", err)
		}
		pkgs = append(pkgs, p)
	}
}
