package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/units"
)

func (s *session) stopCommand() *cobra.Command {
	var detach bool
	c := &cobra.Command{
		Use:   "stop APP",
		Short: "Stop an app, and wait until none of its units runs",
		Long: "Stop an app, and wait until none of its units runs. What was submitted stays stored: submitting the same\n" +
			"file starts it again. A unit on a node that is lost is not waited for: nobody can say whether it runs, and\n" +
			"the node stops it when it returns.\n\n" +
			"JSON: {namespace, name, generation, count, changed, revision}.",
		Args: arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := s.appNamed(args[0])
			if err != nil {
				return err
			}
			cluster, err := s.connect()
			if err != nil {
				return err
			}
			f, changed, err := cluster.alter(c.Context(), id, func(_ *appFacts, i *units.Intent) (bool, error) {
				needed := !i.Stopped
				i.Stopped = true
				return needed, nil
			})
			if err != nil {
				return err
			}
			v := submitView{Namespace: id.Namespace, Name: id.Name, Generation: f.intent.Generation, Count: f.intent.Count, Changed: changed, Revision: f.revision}
			if s.structured() {
				if err := s.print(v, table{}); err != nil {
					return err
				}
			}
			if !detach {
				err = s.awaitStop(c.Context(), cluster, id)
			}
			if err == nil && !s.structured() {
				_, _ = fmt.Fprintf(s.out, "%s: %s\n", id, map[bool]string{true: "told to stop", false: "stopped"}[detach])
			}
			return err
		},
	}
	c.Flags().BoolVarP(&detach, "detach", "d", false, "do not wait")
	return uses(c, "namespace")
}
