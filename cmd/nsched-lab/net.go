package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

func netCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "net",
		Short: "Break and heal a lab's network",
		Long:  "Break and heal a lab's network. Faults add up and survive power cycles. A PEER is a host, or lab.",
	}
	c.AddCommand(
		faultCommand("partition LAB/HOST", "Pull a host's cable", 1, 1,
			func(c *cobra.Command, n host.Net, h string, _ []string) error { return n.Partition(c.Context(), h) }),
		faultCommand("drop-from LAB/HOST [PEER…]", "Drop what a host sends to peers, or to anyone", 1, -1,
			func(c *cobra.Command, n host.Net, h string, peers []string) error {
				return n.DropFrom(c.Context(), h, peers...)
			}),
		faultCommand("drop-to LAB/HOST [PEER…]", "Drop what peers, or anyone, send to a host", 1, -1,
			func(c *cobra.Command, n host.Net, h string, peers []string) error {
				return n.DropTo(c.Context(), h, peers...)
			}),
		delayCommand(), healCommand(),
	)
	return c
}

func faultCommand(use, short string, least, most int, do func(*cobra.Command, host.Net, string, []string) error) *cobra.Command {
	rule := cobra.MinimumNArgs(least)
	if most >= 0 {
		rule = cobra.RangeArgs(least, most)
	}
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  args(rule),
		RunE: func(c *cobra.Command, a []string) error {
			lab, h, err := attachHost(c.Context(), a[0])
			if err != nil {
				return err
			}
			return do(c, lab.Net(), h.Name(), a[1:])
		},
	}
}

func delayCommand() *cobra.Command {
	var jitter time.Duration
	var loss float64
	c := faultCommand("delay LAB/HOST DURATION", "Delay each frame in each direction; 0 ends it", 2, 2,
		func(c *cobra.Command, n host.Net, h string, a []string) error {
			delay, err := time.ParseDuration(a[0])
			if err != nil {
				return usageError{fmt.Errorf("delay %q: write a duration such as 50ms", a[0])}
			}
			return n.Delay(c.Context(), h, host.Shape{Delay: delay, Jitter: jitter, Loss: loss})
		})
	c.Flags().DurationVar(&jitter, "jitter", 0, "vary the delay by up to this much to either side")
	c.Flags().Float64Var(&loss, "loss", 0, "share of frames that vanish, 0 to 1")
	return c
}

func healCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "heal LAB[/HOST]",
		Short: "Take back all faults of a host, or of all hosts",
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, a []string) error {
			lab, h, err := attach(c.Context(), a[0])
			if err != nil {
				return err
			}
			if h != nil {
				return lab.Net().Heal(c.Context(), h.Name())
			}
			return lab.Net().Heal(c.Context())
		},
	}
}
