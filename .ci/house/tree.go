package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Violation is one place where a rule is broken.
type Violation struct {
	// Where is a file with a line, a package or a folder, relative to the root.
	Where string
	What  string
}

func (v Violation) String() string { return v.Where + ": " + v.What }

// Package is one package of the module. Dir is its folder relative to the root, "." for the root.
type Package struct {
	Dir  string
	Name string
	// Imports are those of the code, TestImports those of its tests, inner and outer.
	Imports     []string
	TestImports []string
	// Files and TestFiles are names inside Dir.
	Files     []string
	TestFiles []string
}

// Tree is a module's source.
type Tree struct {
	Root   string
	Module string
	// Packages are sorted by folder.
	Packages []*Package
	// Files are all files that belong to the tree, relative to the root, sorted.
	Files []string
}

// Load reads the tree of the module in root. It does not type-check: a tree that does not build has
// imports and files all the same.
func Load(root string) (*Tree, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	t := &Tree{Root: root}
	if err := t.loadPackages(); err != nil {
		return nil, err
	}
	if t.Files, err = listFiles(root); err != nil {
		return nil, err
	}
	return t, nil
}

// listed is what go list says of a package.
type listed struct {
	ImportPath, Dir, Name, Export string
	Module                        *struct{ Path string }

	GoFiles, TestGoFiles, XTestGoFiles []string
	Imports, TestImports, XTestImports []string
	DepsErrors                         []struct{ Err string }
	Error                              *struct{ Err string }
}

func (t *Tree) loadPackages() error {
	pkgs, err := goList(t.Root, "-e", "-json=ImportPath,Dir,Name,Module,GoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports", "./...")
	if err != nil {
		return err
	}
	for _, l := range pkgs {
		if l.Module == nil {
			return fmt.Errorf("list packages: %s belongs to no module", l.ImportPath)
		}
		t.Module = l.Module.Path
		dir, err := filepath.Rel(t.Root, l.Dir)
		if err != nil {
			return err
		}
		p := &Package{
			Dir: dir, Name: l.Name, Imports: l.Imports, Files: l.GoFiles,
			TestImports: slices.Concat(l.TestImports, l.XTestImports),
			TestFiles:   slices.Concat(l.TestGoFiles, l.XTestGoFiles),
		}
		slices.Sort(p.TestImports)
		p.TestImports = slices.Compact(p.TestImports)
		t.Packages = append(t.Packages, p)
	}
	slices.SortFunc(t.Packages, func(a, b *Package) int { return strings.Compare(a.Dir, b.Dir) })
	return nil
}

// goList runs go list and decodes its stream of objects.
func goList(root string, args ...string) ([]listed, error) {
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = root
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list packages: %w\n%s", err, complaints.String())
	}
	var pkgs []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			return pkgs, nil
		} else if err != nil {
			return nil, fmt.Errorf("decode go list: %w", err)
		}
		pkgs = append(pkgs, l)
	}
}

// listFiles lists what git knows or would add. What lies about unknown to git (bin/, a result link)
// is no part of the tree.
func listFiles(root string) ([]string, error) {
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list files: %w", err)
	}
	var files []string
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		// A file deleted and not yet committed is listed, and so is a submodule.
		if info, err := os.Lstat(filepath.Join(root, name)); err == nil && info.Mode().IsRegular() {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return files, nil
}

// dirOf returns the folder of an import path of this module.
func (t *Tree) dirOf(path string) (dir string, inside bool) {
	if path == t.Module {
		return ".", true
	}
	return strings.CutPrefix(path, t.Module+"/")
}

// standard says that the import path is of the standard library.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// within says that the path is the pattern, or below it where the pattern ends in "/...".
func within(path, pattern string) bool {
	base, below := strings.CutSuffix(pattern, "/...")
	return path == base || below && strings.HasPrefix(path, base+"/")
}

func withinAny(path string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return within(path, p) })
}
