package host_test

import (
	"context"
	"os"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

func TestMain(m *testing.M) {
	host.Init()
	drive() // the kill test's victim is this program too
	os.Exit(m.Run())
}

// patience bounds what would otherwise hang; nothing is expected to take that long.
const patience = 2 * time.Minute

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// openLab opens a lab that is closed, and seen to have left nothing, at the end of the test.
func openLab(t *testing.T, names ...string) (*host.Lab, []*host.Host) {
	t.Helper()
	ctx := testContext(t)
	lab, err := host.Open(ctx, host.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			showLogs(t, lab.Logs())
		}
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
		nothingLeft(t, lab.ID())
	})
	hosts := make([]*host.Host, len(names))
	g, ctx := errgroup.WithContext(ctx)
	for i, name := range names {
		if hosts[i], err = lab.Create(ctx, name); err != nil {
			t.Fatal(err)
		}
		g.Go(func() error { return hosts[i].PowerOn(ctx) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	return lab, hosts
}

// runner is a place that commands run in: a host, or the holder.
type runner interface {
	Exec(ctx context.Context, argv ...string) (string, error)
}

// exec runs a command that must succeed.
func exec(t *testing.T, where runner, argv ...string) string {
	t.Helper()
	out, err := where.Exec(testContext(t), argv...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}
