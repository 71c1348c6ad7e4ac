package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
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
				err = s.awaitStop(c.Context(), cluster, v)
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

// awaitStop waits until no node has a unit of the app. Assignments go when their node has said that the
// unit has ended.
func (s *session) awaitStop(ctx context.Context, c cluster, v submitView) error {
	id := v.id()
	w := scope{
		keys:     []string{c.keys.App(id)},
		prefixes: []string{c.keys.Under(registry.KindUnit), c.keys.Under(registry.KindStatus), c.keys.Under(registry.KindAlive)},
	}
	board := newBoard(s.errs)
	var lost []unitView
	err := c.follow(ctx, w, 0, s.unheard, func(snapshot *registry.Snapshot) (bool, error) {
		if i, ok := registry.Lookup[units.Intent](snapshot, c.keys.App(id)); ok && !i.Stopped {
			return false, exit(exitChanged, "%s was started again meanwhile", id)
		}
		left := 0
		lost = nil
		for _, u := range c.units(snapshot) {
			if u.unit.AppID() != id || !u.assigned {
				continue
			}
			if _, alive := snapshot.Item(c.keys.Alive(u.Node)); !alive && u.Desired == units.DesiredStop {
				lost = append(lost, u)
				continue
			}
			left++
			board.line(u.Unit, strings.TrimRight(plainLine(strings.Join([]string{unitName(u.unit), string(u.Node), string(u.State), u.Reason.String()}, "  ")), " "))
		}
		board.flush()
		return left == 0 && snapshot.Revision() >= v.Revision, nil
	})
	board.end()
	for _, u := range lost {
		_, _ = fmt.Fprintf(s.errs, "%s is on %s, which is lost: it is stopped when the node returns\n", unitName(u.unit), u.Node)
	}
	if err != nil && ctx.Err() != nil {
		_, _ = fmt.Fprintf(s.errs, "%s goes on stopping without you; follow it with: nsched status -w %s\n", id, id)
		return fmt.Errorf("wait for %s to stop: %w", id, err)
	}
	return err
}
