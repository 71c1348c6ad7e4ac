package house

import (
	"debug/elf"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// top are the entries of the root; what begins with a dot is free.
var top = []string{
	"scheduler", "node", "units", "dns", "cmd", "nix", "examples", "go.mod", "go.sum", "README.md",
	"flake.nix", "flake.lock", "Makefile", "LICENSE",
}

// nameless are folder names that say nothing of what is inside.
var nameless = []string{"internal", "pkg", "util", "utils", "common", "types", "helpers", "misc", "shared", "lib"}

// A program's main.go and its func main say what there is; what it does is elsewhere.
const (
	longestMainFile = 100
	longestMain     = 30
)

// Layout reports files and folders in the wrong place, and packages without their papers.
func Layout(t *Tree) ([]Violation, error) {
	var found []Violation
	seen := map[string]bool{}
	for _, file := range t.Files {
		first, _, _ := strings.Cut(file, "/")
		if !strings.HasPrefix(first, ".") && !slices.Contains(top, first) && !seen[first] {
			seen[first] = true
			found = append(found, Violation{first, "is not in the plan of the house"})
		}
		for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
			if slices.Contains(nameless, path.Base(dir)) && !strings.Contains(dir, "testdata/") && !seen[dir] {
				seen[dir] = true
				found = append(found, Violation{dir, "is a name that says nothing of what is inside"})
			}
		}
	}
	for _, p := range t.Packages {
		v, err := t.papers(p)
		if err != nil {
			return nil, err
		}
		found = append(found, v...)
	}
	return found, nil
}

// papers checks a package's doc.go, its name, and a program's main.
func (t *Tree) papers(p *Package) ([]Violation, error) {
	var found []Violation
	fset := token.NewFileSet()
	parse := func(name string) (*ast.File, error) {
		return parser.ParseFile(fset, filepath.Join(t.Root, p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
	}
	if !slices.Contains(p.Files, "doc.go") {
		found = append(found, Violation{p.Dir, "has no doc.go"})
	} else {
		f, err := parse("doc.go")
		if err != nil {
			return nil, fmt.Errorf("parse doc.go: %w", err)
		}
		if begin := t.docBegins(p); !strings.HasPrefix(f.Doc.Text(), begin) {
			found = append(found, Violation{path.Join(p.Dir, "doc.go"), fmt.Sprintf("does not begin with %q", begin)})
		}
	}
	if p.Name != "main" {
		if p.Name != path.Base(p.Dir) {
			found = append(found, Violation{p.Dir, fmt.Sprintf("holds a package of another name, %s", p.Name)})
		}
		return found, nil
	}
	if !slices.Contains(p.Files, "main.go") {
		return append(found, Violation{p.Dir, "is a program without a main.go"}), nil
	}
	f, err := parse("main.go")
	if err != nil {
		return nil, fmt.Errorf("parse main.go: %w", err)
	}
	lines := func(n ast.Node) int { return fset.Position(n.End()).Line - fset.Position(n.Pos()).Line + 1 }
	if n := lines(f); n > longestMainFile {
		found = append(found, Violation{path.Join(p.Dir, "main.go"), fmt.Sprintf("has %d lines, more than %d", n, longestMainFile)})
	}
	for _, d := range f.Decls {
		if fd, ok := d.(*ast.FuncDecl); ok && fd.Name.Name == "main" && lines(fd) > longestMain {
			found = append(found, Violation{path.Join(p.Dir, "main.go"), fmt.Sprintf("func main has %d lines, more than %d", lines(fd), longestMain)})
		}
	}
	return found, nil
}

func (t *Tree) docBegins(p *Package) string {
	if p.Name == "main" {
		return "Command " + path.Base(p.Dir) + " "
	}
	return "Package " + p.Name + " "
}

// Shim reports what cmd/nsched-exec imports beyond the standard library: it becomes the service, and
// brings nothing of ours along.
func Shim(t *Tree) []Violation {
	var found []Violation
	for _, p := range t.Packages {
		if p.Dir != "cmd/nsched-exec" {
			continue
		}
		for _, imported := range p.Imports {
			if !standard(imported) {
				found = append(found, Violation{p.Dir, fmt.Sprintf("imports the standard library only, not %s", imported)})
			}
		}
	}
	return found
}

// Static says why a program is not a static one, or returns nothing.
func Static(program string) (string, error) {
	f, err := elf.Open(program)
	if err != nil {
		return "", fmt.Errorf("read program: %w", err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return "asks for a dynamic loader", nil
		}
	}
	// A static program has no dynamic section, and asking for it is then an error.
	if libs, err := f.ImportedLibraries(); err == nil && len(libs) > 0 {
		return "needs " + strings.Join(libs, " "), nil
	}
	return "", nil
}
