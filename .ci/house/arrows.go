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
	// tests may import these besides.
	tests []string
}

// arrows is read from the top: the first line that fits a package is its own.
var arrows = []arrow{
	{from: "units"},
	{from: planted},
	{from: "units/loop/looptest", to: []string{"units", "units/loop", "units/registry"}},
	{from: "units/loop", to: []string{"units"}},
	{from: "units/registry/...", to: []string{"units", "units/loop", "units/registry/..."}},

	{from: "scheduler/placement", to: []string{"units"}},
	{from: "scheduler/...", to: []string{"units", "units/loop", "units/registry", "scheduler/placement"}},

	{from: "node/converge", to: []string{"units"}},
	{from: "node/systemd", to: []string{"units"}},
	{from: "node/guard", to: []string{"units", "units/loop", "units/registry"}},
	{from: "node", to: []string{"units", "units/loop", "units/registry", "node/..."}},
	{from: "node/...", to: []string{"units", "units/loop"}},

	{from: "dns/diff", to: []string{"units"}},
	{from: "dns/coredns", to: []string{"units", "dns/diff"}},
	{from: "dns/cloudflare/fake"},
	{from: "dns/cloudflare", to: []string{"units", "dns", "dns/diff"}, tests: []string{"dns/cloudflare/fake", "units/loop", "units/loop/looptest", "units/registry"}},
	{from: "dns", to: []string{"units", "units/loop", "units/registry", "dns/diff", "dns/coredns"}, tests: []string{"units/registry/embedded"}},
	{from: "dns/...", to: []string{"units", "dns", "dns/diff"}},

	{from: "nix/...", to: []string{"units", "nix/..."}},

	{from: "cmd/nsched-exec", tests: []string{"units/...", "node/..."}},
	{from: "cmd/...", to: []string{"units/...", "scheduler/...", "node/...", "dns/...", "nix/...", "cmd/..."}},
	{from: "examples/..."},
}

// planted holds the switches of mistakes that the simulation must notice. It says a constant and imports
// nothing of the module, so every package may ask it, pure ones too. Two may not: units stands on the
// standard library alone, and so does the shim.
const planted = "units/planted"

func mayBePlanted(dir string) bool { return dir != "units" && dir != "cmd/nsched-exec" }

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
			if dir, inside := t.dirOf(imported); inside && !withinAny(dir, a.to) && !double(dir) && !(dir == planted && mayBePlanted(p.Dir)) {
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
			if !inside || real || dir == p.Dir || path.Dir(dir) == p.Dir && double(dir) || withinAny(dir, a.to) || withinAny(dir, a.tests) || mayDouble(dir, a) {
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
