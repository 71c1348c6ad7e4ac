package sim

import (
	"os"
	"runtime/debug"
	"testing"
)

// The worlds are small and full of short-lived values: collecting them rarely is what a sweep needs.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
