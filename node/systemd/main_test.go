package systemd_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// Environment variables that make this program another one.
const (
	insideVariable = "TEST_INSIDE" // the tests that run on a systemd host
	mirrorVariable = "TEST_MIRROR" // a service that tells what it was started with
	probeVariable  = "TEST_PROBE"  // a service that tries what it can do
)

func TestMain(m *testing.M) {
	for variable, serve := range map[string]func(string) error{mirrorVariable: mirror, probeVariable: probe} {
		path := os.Getenv(variable)
		if path == "" {
			continue
		}
		if err := serve(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		time.Sleep(time.Hour) // the life of a service
	}
	host.Init()
	os.Exit(m.Run())
}

// reflection is what a service sees of itself.
type reflection struct {
	Argv []string
	Env  []string
}

// mirror writes what this process was started with.
func mirror(path string) error { return tell(path, reflection{Argv: os.Args, Env: os.Environ()}) }

// tell writes v where the test looks for it, in one step.
func tell(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
