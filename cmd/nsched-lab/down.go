package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

func downCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "down LAB…",
		Short: "End labs with all that runs in them",
		Args:  args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, ids []string) error {
			for _, id := range ids {
				lab, err := host.Attach(c.Context(), id)
				if err != nil {
					return err
				}
				if err := lab.Down(); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func copyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cp FILE… LAB/HOST:PATH",
		Short: "Copy files into a host, on or off",
		Long:  "Copy files into a host, on or off. With several files, or a PATH that ends in /, PATH is a directory.",
		Args:  args(cobra.MinimumNArgs(2)),
		RunE: func(c *cobra.Command, a []string) error {
			target, path, ok := strings.Cut(a[len(a)-1], ":")
			if !ok || !strings.HasPrefix(path, "/") {
				return usageError{fmt.Errorf("%q is no place in a host; write LAB/HOST:/PATH", a[len(a)-1])}
			}
			_, h, err := attachHost(c.Context(), target)
			if err != nil {
				return err
			}
			for _, file := range a[:len(a)-1] {
				to := path
				if len(a) > 2 || strings.HasSuffix(path, "/") {
					to = filepath.Join(path, filepath.Base(file))
				}
				if err := h.CopyIn(c.Context(), file, to); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func checkCommand() *cobra.Command {
	var packages bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Say what this machine lacks for a lab",
		Args:  args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if packages {
				_, _ = fmt.Fprintln(c.OutOrStdout(), strings.Join(host.Packages(), " "))
				return nil
			}
			return host.Check()
		},
	}
	c.Flags().BoolVar(&packages, "packages", false, "print the Debian packages a lab needs and check nothing")
	return c
}
