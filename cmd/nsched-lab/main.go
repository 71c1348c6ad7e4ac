package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// Exit codes. exec passes on the code of what it ran.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	host.Init()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx))
}

// usageError is one that the help text answers.
type usageError struct{ error }

func run(ctx context.Context) int {
	err := rootCommand().ExecuteContext(ctx)
	var exit *host.ExitError
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.Code
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "nsched-lab: %v\n", err)
		return exitUsage
	default:
		fmt.Fprintf(os.Stderr, "nsched-lab: %v\n", err)
		return exitFailed
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "nsched-lab",
		Short:         "Run real systemd hosts on this machine",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(upCommand(), execCommand(), copyCommand(), netCommand(), listCommand(), downCommand(), checkCommand(), figuresCommand(), demoCommand(), chaosCommand(), serveCommand())
	root.AddCommand(powerCommands()...)
	return root
}

// args turns a rule about arguments into a usage error.
func args(rule cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, a []string) error {
		if err := rule(c, a); err != nil {
			return usageError{fmt.Errorf("%w; usage: %s", err, c.UseLine())}
		}
		return nil
	}
}

// attach finds the lab, and where a host is named the host, of LAB or LAB/HOST.
func attach(ctx context.Context, target string) (*host.Lab, *host.Host, error) {
	id, name, named := strings.Cut(target, "/")
	lab, err := host.Attach(ctx, id)
	if err != nil || !named {
		return lab, nil, err
	}
	h, err := lab.Host(ctx, name)
	return lab, h, err
}

// attachHost is attach for commands that need a host.
func attachHost(ctx context.Context, target string) (*host.Lab, *host.Host, error) {
	if !strings.Contains(target, "/") {
		return nil, nil, usageError{fmt.Errorf("%q names no host; write LAB/HOST", target)}
	}
	return attach(ctx, target)
}
