package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/figures"
)

type figuresFlags struct {
	n                   int
	dir, output, readme string
	add, show           bool
}

func figuresCommand() *cobra.Command {
	var f figuresFlags
	c := &cobra.Command{
		Use:   "figures [GROUP…]",
		Short: "Measure how long a cluster takes, and show it",
		Long: "Measure, in labs of their own, what nsched promises in seconds and counts, and show all that is known.\n" +
			"Groups: " + strings.Join(figures.Groups(), ", ") + "; all of them by default. Samples are kept in the\n" +
			"checkout, or in --dir. --show measures nothing. --readme FILE puts the table between its markers.",
		RunE: func(c *cobra.Command, groups []string) error { return f.run(c, groups) },
	}
	c.Flags().IntVarP(&f.n, "samples", "n", figures.Enough, "how many samples of each figure")
	c.Flags().StringVar(&f.dir, "dir", "", "where samples are kept (default cmd/nsched-lab/figures/samples of the checkout)")
	c.Flags().StringVarP(&f.output, "output", "o", "table", "table, json or markdown")
	c.Flags().StringVar(&f.readme, "readme", "", "file to put the table into")
	c.Flags().BoolVar(&f.add, "add", false, "add to the samples that there are")
	c.Flags().BoolVar(&f.show, "show", false, "only show what is known")
	return c
}

func (f figuresFlags) run(c *cobra.Command, groups []string) error {
	if f.n < 1 {
		return usageError{fmt.Errorf("--samples %d is less than 1", f.n)}
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	root, err := cluster.Checkout(here)
	if err != nil {
		return err
	}
	if f.dir == "" {
		f.dir = filepath.Join(root, "cmd/nsched-lab/figures/samples")
	}
	if len(groups) == 0 {
		groups = figures.Groups()
	}
	if !f.show {
		programs, err := cluster.Build(c.Context(), root)
		if err != nil {
			return err
		}
		if err := figures.Measure(c.Context(), figures.Options{
			Programs: programs, Dir: f.dir, Groups: groups, N: f.n, Add: f.add,
			Logger: zerolog.New(zerolog.ConsoleWriter{Out: c.ErrOrStderr()}).With().Timestamp().Logger(),
		}); err != nil {
			return err
		}
	}
	list, err := figures.Summarise(f.dir)
	if err != nil {
		return err
	}
	if f.readme != "" {
		if err := figures.WriteReadme(f.readme, list); err != nil {
			return err
		}
	}
	switch f.output {
	case "table":
		return figures.Table(c.OutOrStdout(), list)
	case "json":
		return figures.JSON(c.OutOrStdout(), list)
	case "markdown":
		_, err := fmt.Fprint(c.OutOrStdout(), figures.Markdown(list))
		return err
	}
	return usageError{fmt.Errorf("--output %q is none of table, json, markdown", f.output)}
}
