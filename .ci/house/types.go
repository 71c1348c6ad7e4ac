package house

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Typed is a tree whose code, without its tests, is parsed and type-checked.
type Typed struct {
	*Tree
	Fset *token.FileSet
	// Code is in an order in which imported packages come first.
	Code []*Code
}

// Code is one checked package.
type Code struct {
	*Package
	Types *types.Package
	Info  *types.Info
	Files []*ast.File
}

// Check type-checks the tree from source, and reads what it imports from the build cache. One check
// for all packages makes a function called in another package the same object as the one declared there.
func Check(t *Tree) (*Typed, error) {
	pkgs, err := goList(t.Root, "-deps", "-export", "-json=ImportPath,Dir,Name,Export,Module,GoFiles", "./...")
	if err != nil {
		return nil, err
	}
	typed := &Typed{Tree: t, Fset: token.NewFileSet()}
	imp := &sources{checked: map[string]*types.Package{}}
	exports := map[string]string{}
	for _, l := range pkgs {
		exports[l.ImportPath] = l.Export
	}
	imp.exports = importer.ForCompiler(typed.Fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("%s is not among the dependencies", path)
		}
		return os.Open(exports[path])
	})
	// go list -deps names a package after those that it imports.
	for _, l := range pkgs {
		dir, inside := t.dirOf(l.ImportPath)
		i := slices.IndexFunc(t.Packages, func(p *Package) bool { return p.Dir == dir })
		if !inside || i < 0 {
			continue
		}
		c, err := checkPackage(typed.Fset, l, imp)
		if err != nil {
			return nil, err
		}
		c.Package = t.Packages[i]
		imp.checked[l.ImportPath] = c.Types
		typed.Code = append(typed.Code, c)
	}
	return typed, nil
}

func checkPackage(fset *token.FileSet, l listed, imp types.Importer) (*Code, error) {
	c := &Code{Info: &types.Info{
		Types:      map[ast.Expr]types.TypeAndValue{},
		Defs:       map[*ast.Ident]types.Object{},
		Uses:       map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{},
	}}
	for _, name := range l.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(l.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
		c.Files = append(c.Files, f)
	}
	var err error
	conf := types.Config{Importer: imp}
	if c.Types, err = conf.Check(l.ImportPath, fset, c.Files, c.Info); err != nil {
		return nil, fmt.Errorf("type-check %s: %w", l.ImportPath, err)
	}
	return c, nil
}

// sources imports the packages that are already checked from source, and the rest from export data.
type sources struct {
	checked map[string]*types.Package
	exports types.Importer
}

func (s *sources) Import(path string) (*types.Package, error) {
	if p := s.checked[path]; p != nil {
		return p, nil
	}
	return s.exports.Import(path)
}

// at turns a position into file:line relative to the root.
func (t *Typed) at(pos token.Pos) string {
	p := t.Fset.Position(pos)
	name, err := filepath.Rel(t.Root, p.Filename)
	if err != nil {
		name = p.Filename
	}
	return fmt.Sprintf("%s:%d", name, p.Line)
}

// function returns the function or method that an expression names, without instantiation, or nil.
func (c *Code) function(e ast.Expr) *types.Func {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		if f, ok := c.Info.Uses[e].(*types.Func); ok {
			return f.Origin()
		}
	case *ast.SelectorExpr:
		if f, ok := c.Info.Uses[e.Sel].(*types.Func); ok {
			return f.Origin()
		}
	case *ast.IndexExpr:
		return c.function(e.X)
	case *ast.IndexListExpr:
		return c.function(e.X)
	}
	return nil
}

// forbidden is a set of functions by package path; nil stands for all of a package's functions.
type forbidden map[string][]string

// has says that the function is one of the set. A method is named Type.Method.
func (f forbidden) has(fn *types.Func) bool {
	if fn.Pkg() == nil {
		return false
	}
	names, ok := f[fn.Pkg().Path()]
	return ok && (names == nil || slices.Contains(names, methodName(fn)))
}

// methodName is a function's name, with its receiver's type before it where it has one.
func methodName(fn *types.Func) string {
	recv := fn.Signature().Recv()
	if recv == nil {
		return fn.Name()
	}
	t := recv.Type()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if n, ok := t.(*types.Named); ok {
		return n.Obj().Name() + "." + fn.Name()
	}
	return fn.Name()
}
