package nix_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/nsched/nsched/nix/nixtest"
)

// shared holds what several tests build once.
var shared string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "nix-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	shared = dir
	return nixtest.Main(m)
}
