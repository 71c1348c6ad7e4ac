package house

import (
	"fmt"
	"path"
	"slices"
)

// arrow says what the packages of one home may import from the module. Patterns are folders; "/..." at
// the end takes in what is below.
type arrow struct {
	from string
	to   []string
}

// arrows is read from the top: the first line that fits a package is its own. What a package's tests
// import is held to the same line.
var arrows = []arrow{
	{"units", nil},
	{"units/loop/looptest", []string{"units", "units/loop", "units/registry"}},
	{"units/loop", []string{"units"}},
	{"units/registry/...", []string{"units", "units/loop", "units/registry/..."}},

	{"scheduler/placement", []string{"units"}},
	{"scheduler/...", []string{"units", "units/loop", "units/registry", "scheduler/placement"}},

	{"node/converge", []string{"units"}},
	{"node/systemd", []string{"units"}},
	{"node/guard", []string{"units", "units/loop", "units/registry"}},
	{"node", []string{"units", "units/loop", "units/registry", "node/..."}},
	{"node/...", []string{"units", "units/loop"}},

	{"dns/diff", []string{"units"}},
	{"dns", []string{"units", "units/loop", "units/registry", "dns/diff"}},
	{"dns/...", []string{"units", "dns", "dns/diff"}},

	{"nix/...", []string{"units", "nix/..."}},

	{"cmd/nsched-exec", nil},
	{"cmd/...", []string{"units/...", "scheduler/...", "node/...", "dns/...", "nix/...", "cmd/..."}},
	{"examples/...", nil},
}

// realParts may be imported by the tests of any adapter or shell: they start the real thing.
var realParts = []string{"cmd/nsched-lab/host"}

// Arrows reports imports against the direction of the arrows.
func Arrows(t *Tree) []Violation {
	var found []Violation
	for _, p := range t.Packages {
		a, ok := arrowFor(p.Dir)
		if !ok {
			found = append(found, Violation{p.Dir, "has no place among the arrows"})
			continue
		}
		for _, imported := range p.Imports {
			if dir, inside := t.dirOf(imported); inside && !withinAny(dir, a.to) && !double(dir) {
				found = append(found, Violation{p.Dir, fmt.Sprintf("may not import %s", dir)})
			}
			if dir, inside := t.dirOf(imported); inside && double(dir) && !double(p.Dir) && !within(p.Dir, "cmd/...") {
				found = append(found, Violation{p.Dir, fmt.Sprintf("may import %s in tests only", dir)})
			}
			if p.Dir == "units" && !standard(imported) {
				found = append(found, Violation{p.Dir, fmt.Sprintf("imports the standard library only, not %s", imported)})
			}
		}
		for _, imported := range p.TestImports {
			dir, inside := t.dirOf(imported)
			real := slices.Contains(realParts, dir) && !isPure(p.Dir)
			if !inside || real || dir == p.Dir || path.Dir(dir) == p.Dir && double(dir) || withinAny(dir, a.to) || mayDouble(dir, a) {
				continue
			}
			found = append(found, Violation{p.Dir, fmt.Sprintf("tests may not import %s", dir)})
		}
	}
	return found
}

func arrowFor(dir string) (arrow, bool) {
	for _, a := range arrows {
		if within(dir, a.from) {
			return a, true
		}
	}
	return arrow{}, false
}

// double says that a folder holds test doubles for its parent, as looptest does for loop.
func double(dir string) bool { return path.Base(dir) == path.Base(path.Dir(dir))+"test" }

// mayDouble says that tests under the arrow may use the doubles: whoever may import a package may
// import what stands in for it.
func mayDouble(dir string, a arrow) bool { return double(dir) && withinAny(path.Dir(dir), a.to) }
