package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Step is a method with a shell's signature: Step(context.Context, units.Instant) (units.Instant, error).
//
// Whatever it reaches runs on the simulation's one goroutine under one seed, and must do the same
// thing every time:
//
//	Step ----+--> functions it names, in any package of the module
//	event ---+--> and so on
//
// An event is a function literal that takes the instant first: it was posted somewhere and runs inside
// a Step. A task is a function that takes a context first and is handed over, not called: it runs
// outside, and may wait; but what it brings back is an event, so it reads no clock and no dice either.

// mode is what a function may do, the stricter one being smaller.
type mode int

const (
	inStep mode = iota
	inTask
)

// seam is the package between shells and time. It is what replaces goroutines, and so has them.
const seam = "units/loop"

// loose are the functions whose answer differs from run to run, forbidden to steps and tasks alike.
var loose = forbidden{
	"time":        {"Now", "Since", "Until"},
	"crypto/rand": nil,
	"math/rand": {
		"ExpFloat64", "Float32", "Float64", "Int", "Int31", "Int31n", "Int63", "Int63n", "Intn",
		"NormFloat64", "Perm", "Read", "Seed", "Shuffle", "Uint32", "Uint64",
	},
	"math/rand/v2": {
		"ExpFloat64", "Float32", "Float64", "Int", "Int32", "Int32N", "Int64", "Int64N", "IntN", "N",
		"NormFloat64", "Perm", "Shuffle", "Uint", "Uint32", "Uint32N", "Uint64", "Uint64N", "UintN",
	},
	"hash/maphash": {"MakeSeed", "String", "Bytes", "Comparable"},
	"reflect":      {"Value.MapRange", "Value.MapKeys"},
	"sync":         {"Map.Range"},
}

// waits start a goroutine or a timer, or wait for one: forbidden to steps.
var waits = forbidden{
	"time":                       {"Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
	"context":                    {"WithTimeout", "WithTimeoutCause", "WithDeadline", "WithDeadlineCause", "AfterFunc"},
	"sync":                       {"WaitGroup.Go", "WaitGroup.Wait", "Cond.Wait"},
	"golang.org/x/sync/errgroup": {"Group.Go", "Group.TryGo", "Group.Wait"},
}

// mapOrder are the iterators in a map's order, sorters what makes it not matter.
var (
	mapOrder = forbidden{"maps": {"All", "Keys", "Values"}}
	sorters  = forbidden{"slices": {"Sorted", "SortedFunc", "SortedStableFunc"}, "maps": {"Collect", "Insert"}}
)

// Steps reports what breaks the rule, and the types that have a Step, as folder.Type.
func Steps(t *Typed) (steppers []string, found []Violation, err error) {
	w := &walk{
		Typed: t, decls: map[*types.Func]declared{}, reached: map[*types.Func]mode{},
		excused: map[string]bool{}, broken: map[Violation]bool{},
	}
	for _, c := range t.Code {
		if err := w.comments(c); err != nil {
			return nil, nil, err
		}
		for _, f := range c.Files {
			for _, d := range f.Decls {
				if fd, ok := d.(*ast.FuncDecl); ok && fd.Body != nil {
					w.decls[c.Info.Defs[fd.Name].(*types.Func)] = declared{c, fd}
				}
			}
		}
	}
	for _, c := range t.Code {
		if c.Dir == seam {
			continue
		}
		for _, f := range c.Files {
			for _, d := range f.Decls {
				if fd, ok := d.(*ast.FuncDecl); ok && fd.Name.Name == "Step" && fd.Recv != nil {
					fn := c.Info.Defs[fd.Name].(*types.Func)
					if t.isStep(fn.Signature()) {
						steppers = append(steppers, c.Dir+"."+strings.TrimSuffix(methodName(fn), ".Step"))
						w.reach(fn, inStep)
					}
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if lit, ok := n.(*ast.FuncLit); ok && w.isEvent(c, lit) {
					w.body(c, lit.Body, inStep)
					return false
				}
				return true
			})
		}
	}
	for v := range w.broken {
		found = append(found, v)
	}
	slices.SortFunc(found, func(a, b Violation) int { return strings.Compare(a.String(), b.String()) })
	slices.Sort(steppers)
	return steppers, found, nil
}

type declared struct {
	code *Code
	decl *ast.FuncDecl
}

type walk struct {
	*Typed
	decls   map[*types.Func]declared
	reached map[*types.Func]mode
	// excused are the lines, as file:line, whose order is said not to matter.
	excused map[string]bool
	broken  map[Violation]bool
}

func (t *Tree) isInstant(typ types.Type) bool { return typ.String() == t.Module+"/units.Instant" }

func isContext(typ types.Type) bool { return typ.String() == "context.Context" }

func (t *Tree) isStep(s *types.Signature) bool {
	return s.Params().Len() == 2 && isContext(s.Params().At(0).Type()) && t.isInstant(s.Params().At(1).Type()) &&
		s.Results().Len() == 2 && t.isInstant(s.Results().At(0).Type()) && s.Results().At(1).Type().String() == "error"
}

// isEvent says that a literal has the shape of what a mailbox or a task's completion takes.
func (w *walk) isEvent(c *Code, lit *ast.FuncLit) bool {
	s, ok := c.Info.Types[lit].Type.(*types.Signature)
	return ok && s.Params().Len() > 0 && s.Results().Len() == 0 && w.isInstant(s.Params().At(0).Type())
}

func isTask(s *types.Signature) bool {
	return s.Params().Len() > 0 && isContext(s.Params().At(0).Type())
}

// reach walks a function of the module, once in each mode that is stricter than the last.
func (w *walk) reach(fn *types.Func, m mode) {
	d, ours := w.decls[fn]
	if !ours || d.code.Dir == seam {
		return
	}
	if before, been := w.reached[fn]; been && before <= m {
		return
	}
	w.reached[fn] = m
	w.body(d.code, d.decl.Body, m)
}

func (w *walk) breaks(n ast.Node, m mode, format string, args ...any) {
	who := "a Step"
	if m == inTask {
		who = "a task"
	}
	w.broken[Violation{w.at(n.Pos()), fmt.Sprintf(format, args...) + " is reached from " + who}] = true
}

// body walks what a function does. Functions that it names are reached whether it calls them or hands
// them on: somebody will.
func (w *walk) body(c *Code, body ast.Node, m mode) {
	called := map[ast.Expr]bool{}
	sorted := map[ast.Expr]bool{}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			called[callee(n)] = true
			if fn := c.function(n.Fun); fn != nil && sorters.has(fn) {
				for _, arg := range n.Args {
					if inner, ok := ast.Unparen(arg).(*ast.CallExpr); ok {
						sorted[callee(inner)] = true
					}
				}
			}
		case *ast.FuncLit:
			s, _ := c.Info.Types[n].Type.(*types.Signature)
			if m == inStep && s != nil && isTask(s) && !called[n] {
				w.body(c, n.Body, inTask)
				return false
			}
			if m == inTask && w.isEvent(c, n) {
				w.body(c, n.Body, inStep)
				return false
			}
		case *ast.SelectorExpr:
			if fn := c.function(n); fn != nil {
				w.names(c, n, fn, m, called[n], sorted[n])
				// The selector is dealt with, its receiver is not.
				w.body(c, n.X, m)
				return false
			}
		case *ast.Ident:
			if fn := c.function(n); fn != nil {
				w.names(c, n, fn, m, called[n], sorted[n])
			}
		default:
			w.statement(c, n, m)
		}
		return true
	})
}

// callee is the expression that names what is called, without its type arguments.
func callee(call *ast.CallExpr) ast.Expr {
	switch e := ast.Unparen(call.Fun).(type) {
	case *ast.IndexExpr:
		return ast.Unparen(e.X)
	case *ast.IndexListExpr:
		return ast.Unparen(e.X)
	default:
		return e
	}
}

// names deals with a function that is named in a body.
func (w *walk) names(c *Code, n ast.Expr, fn *types.Func, m mode, called, sorted bool) {
	switch {
	case loose.has(fn), m == inStep && waits.has(fn):
		w.breaks(n, m, "%s", fn.FullName())
	case fn.Pkg() != nil && fn.Pkg().Path() == w.Module+"/"+seam && fn.Name() == "Now":
		w.breaks(n, m, "%s", fn.FullName())
	case mapOrder.has(fn):
		if !sorted && !w.excused[w.at(n.Pos())] {
			w.breaks(n, m, "the order of %s", fn.FullName())
		}
	case m == inStep && !called && isTask(fn.Signature()) && !w.Tree.isStep(fn.Signature()):
		w.reach(fn, inTask)
	default:
		w.reach(fn, m)
	}
}

// statement deals with syntax that is no name.
func (w *walk) statement(c *Code, n ast.Node, m mode) {
	switch n := n.(type) {
	case *ast.RangeStmt:
		switch core(c.Info.Types[n.X].Type).(type) {
		case *types.Map:
			if n.Key != nil && !w.excused[w.at(n.Pos())] {
				w.breaks(n, m, "the order of a map")
			}
		case *types.Chan:
			if m == inStep {
				w.breaks(n, m, "a receive")
			}
		}
	case *ast.GoStmt:
		if m == inStep {
			w.breaks(n, m, "a goroutine")
		}
	case *ast.SelectStmt:
		if m == inStep {
			w.breaks(n, m, "a select")
		}
	case *ast.SendStmt:
		if m == inStep {
			w.breaks(n, m, "a send")
		}
	case *ast.UnaryExpr:
		if m == inStep && n.Op == token.ARROW {
			w.breaks(n, m, "a receive")
		}
	}
}

// core is the type that decides how range goes about a value, of a type parameter its constraint's.
func core(t types.Type) types.Type {
	param, ok := t.(*types.TypeParam)
	if !ok {
		return t.Underlying()
	}
	if i, ok := param.Constraint().Underlying().(*types.Interface); ok && i.NumEmbeddeds() == 1 {
		switch e := i.EmbeddedType(0).(type) {
		case *types.Union:
			return e.Term(0).Type().Underlying()
		default:
			return e.Underlying()
		}
	}
	return t.Underlying()
}

// comments notes the lines that "order-free: why" excuses: the one it ends, or, standing alone, the one
// below it.
func (w *walk) comments(c *Code) error {
	for i, f := range c.Files {
		source, err := os.ReadFile(filepath.Join(w.Root, c.Dir, c.Package.Files[i]))
		if err != nil {
			return err
		}
		lines := strings.Split(string(source), "\n")
		for _, group := range f.Comments {
			if _, why, ok := strings.Cut(group.Text(), "order-free:"); !ok || strings.TrimSpace(why) == "" {
				continue
			}
			begin, end := w.Fset.Position(group.Pos()), group.Pos()
			if strings.TrimSpace(lines[begin.Line-1][:begin.Column-1]) == "" {
				end = group.End() + 1 // past the newline
			}
			w.excused[w.at(end)] = true
		}
	}
	return nil
}
