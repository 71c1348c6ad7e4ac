package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

func powerCommands() []*cobra.Command {
	return []*cobra.Command{
		powerCommand("power-off", "Cut the power of hosts: nothing in them gets a word in", (*host.Host).PowerOff),
		powerCommand("power-on", "Boot hosts that are off, with the files they had", (*host.Host).PowerOn),
		powerCommand("shutdown", "Let hosts stop everything in good order and power off", (*host.Host).Shutdown),
	}
}

func powerCommand(name, short string, do func(*host.Host, context.Context) error) *cobra.Command {
	return &cobra.Command{
		Use:   name + " LAB/HOST…",
		Short: short,
		Args:  args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, targets []string) error {
			for _, target := range targets {
				_, h, err := attachHost(c.Context(), target)
				if err != nil {
					return err
				}
				if err := do(h, c.Context()); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
