package nix_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
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
	// The tests get an empty home: what is compiled in them goes where the compiler keeps it now.
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, "go env:", err)
		return 1
	}
	os.Setenv("GOCACHE", strings.TrimSpace(string(cache)))
	return nixtest.Main(m)
}
