package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/nsched/nsched/cmd/nsched-lab/chaos"
	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/figures"
)

type chaosFlags struct {
	length time.Duration
	seed   uint64
	faults []string
	report string
	nodes  int
	list   bool
}

func chaosCommand() *cobra.Command {
	var f chaosFlags
	c := &cobra.Command{
		Use:   "chaos",
		Short: "Hurt a whole cluster at random, and see whether it keeps its promises",
		Long: "Hurt a whole cluster on real hosts at random for a while, and look from outside at what comes of it: all\n" +
			"must be as wanted within a minute of each fault's end, nothing lost, no singleton twice. Equal seeds\n" +
			"strike equal faults in equal order. The report is Markdown, or JSON for a file that ends in .json.\n" +
			"Exit code 1 says that a promise was broken.",
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	c.Flags().DurationVar(&f.length, "for", 30*time.Minute, "for how long")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "what to draw faults from")
	c.Flags().StringSliceVar(&f.faults, "faults", nil, "only these, by their names (default all)")
	c.Flags().StringVar(&f.report, "report", "", "file to write the report to (default standard output)")
	c.Flags().IntVar(&f.nodes, "nodes", chaos.NodeCount, "how many nodes")
	c.Flags().BoolVar(&f.list, "list", false, "only say which faults there are")
	return c
}

func (f chaosFlags) run(c *cobra.Command) (err error) {
	faults, err := chaos.Pick(f.faults...)
	if err != nil {
		return usageError{err}
	}
	if f.list {
		for _, fault := range faults {
			_, _ = fmt.Fprintf(c.OutOrStdout(), "%-18s %-10s %s\n", fault.Name, fault.Domain, fault.What)
		}
		return nil
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	root, err := cluster.Checkout(here)
	if err != nil {
		return err
	}
	programs, err := cluster.Build(c.Context(), root)
	if err != nil {
		return err
	}
	log := zerolog.New(zerolog.ConsoleWriter{Out: c.ErrOrStderr(), TimeFormat: time.TimeOnly}).With().Timestamp().Logger()
	s, err := chaos.Open(c.Context(), chaos.Options{Programs: programs, Nodes: f.nodes, Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	report := chaos.Report{Seed: f.seed, Begun: time.Now(), Commit: figures.Commit(c.Context(), root), Machine: figures.Describe()}
	raged := s.Rage(c.Context(), chaos.Spree{Faults: faults, Seed: f.seed, For: f.length, Done: func(h chaos.Hit) {
		report.Hits = append(report.Hits, h)
		if f.report != "" {
			_ = f.write(c, s.Report(report, nil)) // the last one counts
		}
	}})
	report = s.Report(report, s.Final())
	if err := errors.Join(raged, f.write(c, report)); err != nil {
		return err
	}
	if len(report.Wrong) > 0 {
		f.dump(c, s, log)
		return fmt.Errorf("seed %d: %w", f.seed, chaos.ErrPromise)
	}
	return nil
}

func (f chaosFlags) write(c *cobra.Command, r chaos.Report) error {
	if f.report == "" {
		return r.Markdown(c.OutOrStdout())
	}
	out, err := os.Create(f.report + ".new")
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	defer out.Close()
	if strings.HasSuffix(f.report, ".json") {
		err = r.JSON(out)
	} else {
		err = r.Markdown(out)
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return os.Rename(f.report+".new", f.report)
}

// dump leaves what the parts said in a file, since the lab and its logs go.
func (f chaosFlags) dump(c *cobra.Command, s *chaos.Stage, log zerolog.Logger) {
	out, err := os.CreateTemp("", "nsched-chaos-*.log")
	if err != nil {
		log.Error().Err(err).Msg("what the parts said is lost")
		return
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), time.Minute)
	defer cancel()
	s.Dump(ctx, out)
	name, _ := filepath.Abs(out.Name())
	log.Error().Str("file", name).Msg("what the parts said was kept")
}
