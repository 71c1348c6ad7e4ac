package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List running labs and their hosts, and sweep what dead ones left",
		Args:  args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := host.Sweep(); err != nil {
				return err
			}
			ids, err := host.IDs()
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			_, _ = fmt.Fprintln(w, "LAB\tHOST\tADDRESS\tPOWER\tNETWORK")
			for _, id := range ids {
				if err := listLab(c.Context(), w, id); err != nil && !errors.Is(err, host.ErrNoLab) {
					return err
				}
			}
			return w.Flush()
		},
	}
}

func listLab(ctx context.Context, w io.Writer, id string) error {
	lab, err := host.Attach(ctx, id)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(w, "%s\t\t%s\ton\t\n", id, lab.Address())
	hosts, err := lab.Hosts(ctx)
	if err != nil {
		return err
	}
	for _, h := range hosts {
		power, err := h.Power(ctx)
		if err != nil {
			return err
		}
		faults, err := h.Faults(ctx)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", id, h.Name(), h.Address(), power, strings.Join(faults, ", "))
	}
	return nil
}
