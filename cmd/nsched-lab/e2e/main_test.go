package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

func TestMain(m *testing.M) {
	host.Init() // the lab's holder is this program
	code := m.Run()
	if err := errors.Join(oneNode.Close(), whole.Close()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// oneNode is where tests write assignments by hand; whole is a cluster that a scheduler leads.
var (
	oneNode = stage.Lazy{Open: stage.Plan{}.Open}
	whole   = stage.Lazy{Open: stage.Plan{Schedulers: []string{"s1", "s2"}, Nodes: wholeNodes, CoreDNS: true}.Open}
)

var wholeNodes = []string{"n1", "n2", "n3"}

// background is for what outlives one test.
func background() context.Context { return context.Background() }
