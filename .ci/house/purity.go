package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// pure are the packages whose functions depend on their arguments alone. Time comes to them as data.
var pure = []string{"units", planted, "scheduler/placement", "node/converge", "dns/diff", "dns/coredns"}

// pureHomes each have a pure package in or below them as soon as they are packages: the decisions of a
// shell are made where the world cannot be asked.
var pureHomes = []string{"units", "scheduler", "node", "dns"}

// impure may not be imported by a pure package.
var impure = []string{
	"os/...", "net/...", "context", "syscall", "io/ioutil", "log/...", "math/rand/...", "crypto/rand",
	"golang.org/x/sys/...", "github.com/rs/zerolog/...",
}

// harmless are the exceptions: they parse text and ask nobody.
var harmless = []string{"net/netip", "net/url"}

// clocks read a clock or wait for one.
var clocks = forbidden{"time": {
	"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker",
}}

// Purity reports what a pure package may not hold.
func Purity(t *Typed) []Violation {
	var found []Violation
	for _, home := range pureHomes {
		if len(t.dirsWithin(home)) > 0 && !slices.ContainsFunc(t.dirsWithin(home+"/..."), isPure) {
			found = append(found, Violation{home, "has no pure package: its decisions belong in one, listed in .ci/house/purity.go"})
		}
	}
	for _, c := range t.Code {
		if !isPure(c.Dir) {
			continue
		}
		for _, path := range c.Imports {
			if withinAny(path, impure) && !withinAny(path, harmless) {
				found = append(found, Violation{c.Dir, fmt.Sprintf("is pure and may not import %s", path)})
			}
		}
		for _, f := range c.Files {
			ast.Inspect(f, func(n ast.Node) bool {
				if what := c.impurity(n); what != "" {
					found = append(found, Violation{t.at(n.Pos()), what + " in a pure package"})
				}
				return true
			})
		}
	}
	return found
}

func isPure(dir string) bool { return slices.Contains(pure, dir) }

func (t *Tree) dirsWithin(pattern string) []string {
	var dirs []string
	for _, p := range t.Packages {
		if within(p.Dir, pattern) {
			dirs = append(dirs, p.Dir)
		}
	}
	return dirs
}

// impurity says what is impure about one node of the syntax, or nothing.
func (c *Code) impurity(n ast.Node) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "a goroutine"
	case *ast.SelectStmt:
		return "a select"
	case *ast.ChanType, *ast.SendStmt:
		return "a channel"
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			return "a channel"
		}
	case *ast.Ident:
		if fn := c.function(n); fn != nil && clocks.has(fn) {
			return strings.TrimPrefix(fn.FullName(), "_")
		}
	}
	return ""
}
