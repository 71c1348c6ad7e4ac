package house

import (
	"path/filepath"
	"slices"
	"testing"
)

// steppers are all types with a Step, as folder.Type. A new shell or component adds its line; the rule
// cannot go hollow by a signature that changed, since a line too many fails as well.
var steppers = []string{
	"dns.Syncer", "node.Daemon", "node/guard.Guard", "node/guard.Reaper", "node/guard.watched", "scheduler.Scheduler", "scheduler.noNames",
	"units/registry.Committer", "units/registry.Continuity", "units/registry.Election", "units/registry.Events",
	"units/registry.View",
}

// statics are the programs that must run where nothing but the kernel is promised.
var statics = []string{"cmd/nsched-exec"}

func TestTheTreeKeepsTheRules(t *testing.T) {
	tree, err := house()
	if err != nil {
		t.Fatal(err)
	}
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			found, err := rule(tree)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range found {
				t.Error(v)
			}
		})
	}
}

func TestEveryShellIsKnownToTheStepRule(t *testing.T) {
	typed, err := typedHouse()
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := Steps(typed)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, steppers) {
		t.Errorf("types with a Step are\n%q\nand the list in .ci/house/house_test.go says\n%q", got, steppers)
	}
}

func TestTheShimIsStatic(t *testing.T) {
	tree, err := house()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range statics {
		if len(tree.dirsWithin(dir)) == 0 {
			continue
		}
		program := filepath.Join(t.TempDir(), filepath.Base(dir))
		build(t, tree.Root, program, "./"+dir)
		why, err := Static(program)
		if err != nil {
			t.Fatal(err)
		}
		if why != "" {
			t.Errorf("%s %s", dir, why)
		}
	}
}
