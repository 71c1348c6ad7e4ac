package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/units"
)

func (s *session) scaleCommand() *cobra.Command {
	var detach bool
	var placeTimeout time.Duration
	c := &cobra.Command{
		Use:   "scale APP N",
		Short: "Set how many units an app has, and wait until it has them",
		Long: "Set how many units an app has, and wait until it has them. No unit that stays is touched. A count in\n" +
			"the app's file sets it again at the next submit.\n\n" +
			"JSON: {namespace, name, generation, count, changed, revision}.",
		Args: arguments(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := s.appNamed(args[0])
			if err != nil {
				return err
			}
			count, err := strconv.Atoi(args[1])
			if err != nil || count < 0 || count > units.CountLimit || strconv.Itoa(count) != args[1] {
				return usage("%q is not a count from 0 to %d", args[1], units.CountLimit)
			}
			cluster, err := s.connect()
			if err != nil {
				return err
			}
			f, changed, err := cluster.alter(c.Context(), id, func(f *appFacts, i *units.Intent) (bool, error) {
				if f.app != nil && f.app.Type == units.TypeSystem {
					return false, usage("%s is a system app: it has one unit on every node that fits", id)
				}
				needed := i.Count != count
				i.Count = count
				return needed, nil
			})
			if err != nil {
				return err
			}
			v := submitView{Namespace: id.Namespace, Name: id.Name, Generation: f.intent.Generation, Count: count, Changed: changed, Revision: f.revision}
			switch {
			case s.structured():
				if err := s.print(v, table{}); err != nil {
					return err
				}
			case !changed:
				_, _ = fmt.Fprintf(s.out, "%s: unchanged, count %d\n", id, count)
			default:
				_, _ = fmt.Fprintf(s.out, "%s: count %d\n", id, count)
			}
			if detach || !changed || f.intent.Stopped {
				return nil
			}
			return s.await(c.Context(), cluster, placeTimeout, v)
		},
	}
	c.Flags().BoolVarP(&detach, "detach", "d", false, "do not wait")
	c.Flags().DurationVar(&placeTimeout, "place-timeout", 5*time.Second, "how long to wait for room before exit code 3; 0 is for ever")
	return uses(c, "namespace")
}
