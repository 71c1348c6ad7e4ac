package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/units"
)

// submitFlags are those of submit alone.
type submitFlags struct {
	detach        bool
	placeTimeout  time.Duration
	checkRevision int64
	check         bool // checkRevision was given
}

// submitView is one app in `nsched submit -o json`.
type submitView struct {
	Namespace  units.Namespace  `json:"namespace"`
	Name       units.AppName    `json:"name"`
	Generation units.Generation `json:"generation"`
	Count      int              `json:"count"`
	// Changed says that something was written.
	Changed bool `json:"changed"`
	// Revision is the app's, for --check-revision.
	Revision int64 `json:"revision"`
}

func (s *session) submitCommand() *cobra.Command {
	var f submitFlags
	c := &cobra.Command{
		Use:   "submit FILE…",
		Short: "Have the cluster run apps, and wait until it does",
		Long: "Have the cluster run apps, and wait until every unit of this generation runs, or is healthy where there are\n" +
			"checks. A path such as ./result is resolved here, relative to its file; - is standard input. What can be\n" +
			"refused is refused before anything is written, for all files together. A submit that changes nothing\n" +
			"says so and writes nothing.\n\n" +
			"Exit codes: 2 the file is wrong or no cache has the path, 3 no room (it is stored and runs as soon as\n" +
			"there is), 4 it failed, 5 changed meanwhile, 7 --timeout. Ctrl-C and --timeout end the waiting alone.\n\n" +
			"JSON: a list of {namespace, name, generation, count, changed, revision}.",
		Args: arguments(1, -1),
		RunE: func(c *cobra.Command, files []string) error {
			f.check = c.Flags().Changed("check-revision")
			return s.submit(c.Context(), f, files)
		},
	}
	c.Flags().BoolVarP(&f.detach, "detach", "d", false, "do not wait")
	c.Flags().DurationVar(&f.placeTimeout, "place-timeout", 5*time.Second, "how long to wait for room before exit code 3; 0 is for ever")
	c.Flags().Int64Var(&f.checkRevision, "check-revision", 0, "store only if the app has not changed since this revision, which plan and status tell; 0: if there is none")
	return uses(c, "namespace")
}

func (s *session) submit(ctx context.Context, f submitFlags, files []string) error {
	if f.check && len(files) > 1 {
		return usage("--check-revision is about one app; submit one file with it")
	}
	docs, err := s.readDocuments(files)
	if err != nil {
		return err
	}
	cluster, err := s.connect()
	if err != nil {
		return err
	}
	// Every file is checked before the first is stored.
	intakes := make([]*intake, 0, len(docs))
	for _, d := range docs {
		in := &intake{session: s, cluster: cluster, doc: d, flags: f}
		if err := in.check(ctx); err != nil {
			return err
		}
		intakes = append(intakes, in)
	}
	views := []submitView{}
	for _, in := range intakes {
		stored, err := in.store(ctx)
		if err != nil {
			return err
		}
		views = append(views, stored)
		if !s.structured() {
			_, _ = fmt.Fprintln(s.out, stored.sentence())
		}
	}
	if s.structured() {
		if err := s.print(views, table{}); err != nil {
			return err
		}
	}
	if f.detach {
		return nil
	}
	for _, v := range views {
		if !v.Changed {
			continue
		}
		if err := s.await(ctx, cluster, f.placeTimeout, v); err != nil {
			return err
		}
	}
	return nil
}

func (v submitView) id() units.AppID { return units.AppID{Namespace: v.Namespace, Name: v.Name} }

func (v submitView) sentence() string {
	if !v.Changed {
		return fmt.Sprintf("%s: unchanged, generation %d", v.id(), v.Generation)
	}
	return fmt.Sprintf("%s: stored as generation %d, count %d", v.id(), v.Generation, v.Count)
}

// inFile puts a document's name before each line of what is wrong with it.
func inFile(file string, code int, problems ...string) error {
	var all lines
	for _, p := range problems {
		for line := range strings.SplitSeq(p, "\n") {
			all = append(all, file+": "+plainLine(line))
		}
	}
	return &exitError{code, all}
}
