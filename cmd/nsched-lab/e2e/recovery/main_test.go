package recovery

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
	if err := errors.Join(single.Close(), locked.Close(), members.Close()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// turn lets one stage be open at a time. Tests of one stage stand in files that sort together.
var turn stage.Turn

// single is a cluster with one etcd, which tests kill and restore.
var single = stage.Lazy{Turn: &turn, Open: stage.Plan{
	Schedulers: []string{"s1", "s2"}, Nodes: []string{"n1", "n2", "n3"},
	Environment: map[string]string{"NSCHED_PLACEMENT_AGENT_LOST_AFTER": agentLostAfter.String()},
}.Open}

// background is for what outlives one test.
func background() context.Context { return context.Background() }
