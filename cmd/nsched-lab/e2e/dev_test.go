package e2e

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// TestTheWholeSystemRunsInOneCommand runs nsched dev on a machine of its own, with its systemd and Nix.
func TestTheWholeSystemRunsInOneCommand(t *testing.T) {
	t.Parallel()
	s := oneNode.On(t)
	h, err := s.Lab.Create(t.Context(), "solo")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Install(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		"bin/lab/hello": "build.out/hello", "bin/lab/assemble": "build.out/assemble",
		"examples/hello/default.nix": "default.nix", "examples/hello/app.json": "app.json",
	} {
		if err := h.CopyIn(t.Context(), filepath.Join(s.Programs.Root, from), filepath.Join("/srv/hello", to)); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.WriteFile(t.Context(), "/etc/nix/nix.conf", []byte("build-users-group =\nsandbox = false\nsubstituters =\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := h.PowerOn(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			cluster.DumpHost(background(), t.Output(), h)
		}
	})
	dev := func() *host.Process {
		p, err := h.Start(t.Context(), host.Command{Argv: []string{"nsched", "dev", "--log-level", "debug"}, Log: "dev.log"})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	// types runs nsched as dev tells people to.
	types := func(args ...string) (string, error) {
		return h.Exec(t.Context(), append([]string{"env", "-C", "/srv/hello", "NSCHED_ENDPOINTS=unix:///var/lib/nsched/dev/etcd.sock", "timeout", "100", "nsched"}, args...)...)
	}
	ready := func() {
		t.Helper()
		stage.Eventually(t, "the node is ready", func() error {
			out, err := types("nodes")
			if err == nil && !strings.Contains(out, "ready") {
				err = errors.New(out)
			}
			return err
		})
	}
	end := func(p *host.Process) {
		t.Helper()
		if err := p.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		select {
		case <-p.Done():
		case <-time.After(stage.Patience):
			t.Fatal("it does not end")
		}
		if exit := (*host.ExitError)(nil); errors.As(p.Wait(), &exit) && exit.Code != 130 {
			t.Errorf("it ended with %v", exit)
		}
	}

	first := dev()
	ready()
	stage.Run(t, h, "sh", "-ec", "cd /srv/hello; nix-build ./default.nix --out-link result")
	if out, err := types("submit", "app.json"); err != nil {
		t.Fatalf("submit: %v\n%s", err, out)
	}
	out, err := types("units", "hello", "-o", "json")
	if err != nil || strings.Count(out, `"passing"`) != 3 {
		t.Fatalf("units say %s, %v", out, err)
	}
	pids := stage.Run(t, h, "pgrep", "-x", "hello")
	end(first)
	if now := stage.Run(t, h, "pgrep", "-x", "hello"); now != pids {
		t.Errorf("the services were processes %q and are %q", pids, now)
	}
	second := dev()
	ready()
	stage.Eventually(t, "it has found its units again", func() error {
		out, err := types("units", "hello", "-o", "json")
		if err == nil && strings.Count(out, `"passing"`) != 3 {
			err = fmt.Errorf("units say %s", out)
		}
		return err
	})
	if now := stage.Run(t, h, "pgrep", "-x", "hello"); now != pids {
		t.Errorf("the services were processes %q and are %q", pids, now)
	}
	if out, err := types("stop", "hello"); err != nil {
		t.Errorf("stop: %v\n%s", err, out)
	}
	if out, err := h.Exec(t.Context(), "pgrep", "-x", "hello"); err == nil {
		t.Errorf("still there: %s", out)
	}
	end(second)
}
