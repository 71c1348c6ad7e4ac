package planted

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A mistake that nothing asks for would be caught by nothing, and the table would not say so.
func TestEachMistakeIsPlantedOnce(t *testing.T) {
	const root = "../.."
	asked := map[string]int{}
	for _, home := range []string{"units", "scheduler", "node", "cmd"} {
		err := filepath.WalkDir(filepath.Join(root, home), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || filepath.Dir(path) == filepath.Join(root, "units/planted") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, after := range strings.Split(string(text), "planted.On(planted.")[1:] {
				name, _, _ := strings.Cut(after, ")")
				asked[name]++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	source, err := os.ReadFile("bug.go")
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	for line := range strings.Lines(string(source)) {
		if name, _, ok := strings.Cut(strings.TrimSpace(line), ` Bug = "`); ok {
			names++
			if asked[name] == 0 {
				t.Errorf("%s is planted nowhere", name)
			}
			delete(asked, name)
		}
	}
	if len(asked) > 0 || names != len(Bugs()) {
		t.Errorf("asked for and unknown: %v; %d constants, %d in the list", asked, names, len(Bugs()))
	}
}
