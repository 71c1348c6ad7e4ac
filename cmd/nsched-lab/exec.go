package main

import (
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

func execCommand() *cobra.Command {
	var command host.Command
	c := &cobra.Command{
		Use:   "exec LAB[/HOST] -- COMMAND…",
		Short: "Run a command in a host, or in the lab beside the hosts",
		Long: "Run a command in a host, or with LAB alone beside the hosts, at the lab's own address. It ends with\n" +
			"the command's exit code. With --detach the command runs on, with its output in the lab's logs, until\n" +
			"the lab ends.",
		Args: args(cobra.MinimumNArgs(2)),
		RunE: func(c *cobra.Command, a []string) error {
			command.Argv = a[1:]
			if len(a) > 2 && a[1] == "--" { // cobra keeps it once flags have to come first
				command.Argv = a[2:]
			}
			return execute(c, a[0], command)
		},
	}
	c.Flags().SetInterspersed(false) // flags of the command are the command's
	c.Flags().StringArrayVarP(&command.Env, "env", "e", nil, "NAME=VALUE for the command")
	c.Flags().StringVarP(&command.Dir, "dir", "C", "", "working directory")
	c.Flags().BoolVarP(&command.Detach, "detach", "d", false, "start it and return")
	c.Flags().StringVar(&command.Log, "log", "", "file name below the lab's logs for its output")
	return c
}

func execute(c *cobra.Command, target string, command host.Command) error {
	ctx := c.Context()
	lab, h, err := attach(ctx, target)
	if err != nil {
		return err
	}
	start, run := lab.Start, lab.Run
	if h != nil {
		start, run = h.Start, h.Run
	}
	if command.Detach {
		p, err := start(ctx, command)
		if err != nil {
			return err
		}
		pid, err := p.PID()
		if err != nil {
			return p.Wait() // it ended already
		}
		c.Println(pid)
		return nil
	}
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	if command.Log == "" && isTerminal(os.Stdin) && isTerminal(os.Stdout) {
		return interact(ctx, run, command)
	}
	return run(ctx, command)
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
