package looptest

import (
	"fmt"
	"slices"
	"testing"
)

func TestExploreTakesEveryPathOnce(t *testing.T) {
	var paths []string
	n := Explore(func(c *Choices) bool {
		path := fmt.Sprint(c.Pick(2))
		if path == "1" {
			path += fmt.Sprint(c.Pick(3))
		}
		path += fmt.Sprint(c.Pick(1))
		if path != "" && len(c.Path()) != len(path) {
			t.Fatalf("path %v of %s", c.Path(), path)
		}
		paths = append(paths, path)
		return true
	})
	if want := []string{"00", "100", "110", "120"}; n != 4 || !slices.Equal(paths, want) {
		t.Fatalf("%d: %v", n, paths)
	}
}

func TestExploreStopsWhenTold(t *testing.T) {
	if n := Explore(func(c *Choices) bool { return c.Pick(10) < 3 }); n != 4 {
		t.Fatalf("%d paths", n)
	}
}
