package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

func TestMain(m *testing.M) {
	host.Init() // the lab's holder is this program
	code := m.Run()
	if err := closeStages(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// background is for what outlives one test.
func background() context.Context { return context.Background() }
