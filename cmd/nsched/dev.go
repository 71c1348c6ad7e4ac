package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

func (s *session) devCommand() *cobra.Command {
	var state string
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run the whole system on this machine, in one process",
		Long: "Run etcd, a scheduler, a guard and a node daemon in one process, on this machine's own systemd and\n" +
			"Nix, until Ctrl-C. Units that were started go on running, and are found again by the next run; stop\n" +
			"them with nsched stop. What is in the local store need not be signed.",
		Args: arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := devParts(); err != nil {
				return err
			}
			return s.runDev(c.Context(), state)
		},
	}
	c.Flags().StringVar(&state, "state", "/var/lib/nsched/dev", "directory for everything that is kept")
	return c
}

// devParts says what this machine lacks, and what to do about it.
func devParts() error {
	if os.Geteuid() != 0 {
		return exit(exitFailed, "nsched dev starts systemd units and needs root; run it with sudo")
	}
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return exit(exitFailed, "systemd does not run as PID 1 here; nsched dev needs it. Without it, make demo shows nsched on hosts of its own")
	}
	if _, err := exec.LookPath("nix-store"); err != nil {
		return exit(exitFailed, "nix-store is not in PATH; install Nix (on Debian: apt-get install nix-bin)")
	}
	return nil
}

func (s *session) runDev(ctx context.Context, state string) error {
	log, err := s.logger(s.flags.logLevel, s.flags.logFormat)
	if err != nil {
		return err
	}
	endpoint := "unix://" + filepath.Join(state, "etcd.sock")
	node := nodeConfig().fixed(map[string]any{
		"etcd.endpoints": []string{endpoint}, "paths.state": state, "paths.runtime": "/run/nsched/dev",
		"nix.allowUnsigned": true, "node.addresses": []string{"127.0.0.1"},
		"log.level": s.flags.logLevel, "log.format": s.flags.logFormat,
	})
	sched := schedulerConfig().fixed(map[string]any{
		"scheduler.name": "dev", "etcd.endpoints": []string{endpoint}, "paths.state": state,
		"log.level": s.flags.logLevel, "log.format": s.flags.logFormat,
	})
	etcd, err := startEtcd(ctx, sched, filepath.Join(state, "etcd"), log)
	if err != nil {
		return err
	}
	defer etcd.Close()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.runGuard(ctx, node) })
	group.Go(func() error { return s.runNode(ctx, node, "", "") })
	group.Go(func() error { return s.runScheduler(ctx, sched) })
	s.sayDev(endpoint)
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// sayDev tells how to talk to the system.
func (s *session) sayDev(endpoint string) {
	_, _ = fmt.Fprintf(s.errs, "nsched runs on this machine. In another terminal:\n\n"+
		"  export NSCHED_ENDPOINTS=%s\n  nsched nodes\n  nsched submit app.json\n  nsched status\n\n"+
		"Ctrl-C ends it; units go on running.\n", endpoint)
}

// fixed is a configuration of defaults and the given values, whatever files and variables say.
func (f configKind) fixed(values map[string]any) config {
	c := config{kind: f, values: map[string]any{}, origins: map[string]string{}}
	for _, k := range f.keys {
		c.values[k.name] = k.zero()
	}
	for name, value := range values {
		c.values[name] = value
	}
	return c
}
