package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// logsHold is how long a followed line waits for older ones from other nodes.
const logsHold = 250 * time.Millisecond

func (s *session) logsCommand() *cobra.Command {
	var follow bool
	var lines int
	c := &cobra.Command{
		Use:   "logs APP|UNIT",
		Short: "Show what units have written, across nodes and in order",
		Long: "Show what units have written, across nodes and in the order of the nodes' clocks. With --follow it goes on,\n" +
			"also with units that come later. It asks the APIs of the nodes.\n\n" +
			"JSON: one object a line, {time, text, pid, priority, unit, node}; time is microseconds since 1970.",
		Args: arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := s.subjectNamed(args[0])
			if err != nil {
				return err
			}
			if lines < 0 {
				return usage("--lines %d is negative", lines)
			}
			if s.flags.output == formatYAML {
				return usage("logs have no YAML; use -o json")
			}
			cluster, err := s.connect()
			if err != nil {
				return err
			}
			api, err := s.api()
			if err != nil {
				return err
			}
			l := &logReader{session: s, cluster: cluster, api: api, subject: t, lines: lines, printer: newLogPrinter(s)}
			if follow {
				return l.follow(c.Context())
			}
			return l.read(c.Context())
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is written from now on")
	c.Flags().IntVar(&lines, "lines", 100, "the last so many lines of each unit; 0 is all")
	return uses(c, "namespace")
}

// logReader reads the logs of a subject.
type logReader struct {
	session *session
	cluster cluster
	api     api
	subject subject
	lines   int
	printer *logPrinter
}

// source is a unit on a node, and where its log is asked for.
type source struct {
	node units.NodeName
	unit units.UnitID
	base string
}

func (l *logReader) scope() scope {
	w := l.cluster.unitScope()
	w.prefixes = append(w.prefixes, l.cluster.keys.Under(registry.KindNode))
	return w
}

func (l *logReader) sources(snapshot *registry.Snapshot) []source {
	var list []source
	for _, u := range l.cluster.units(snapshot) {
		if !l.subject.has(u.unit) {
			continue
		}
		n, _ := registry.Lookup[units.Node](snapshot, l.cluster.keys.Node(u.Node))
		list = append(list, source{u.Node, u.unit, n.API})
	}
	return list
}

// warn tells that a log cannot be had; the others are shown.
func (l *logReader) warn(src source, err error) {
	l.printer.mu.Lock()
	defer l.printer.mu.Unlock()
	_, _ = fmt.Fprintf(l.session.errs, "nsched: log of %s on %s: %s\n", unitName(src.unit), src.node, plainLine(err.Error()))
}

// read shows what there is, and ends.
func (l *logReader) read(ctx context.Context) error {
	snapshot, err := l.cluster.read(ctx, l.scope())
	if err != nil {
		return err
	}
	sources := l.sources(snapshot)
	if len(sources) == 0 {
		return exit(exitFailed, "%s has no units; see nsched status %s", l.subject, l.subject.app)
	}
	all := make([][]node.LogLine, len(sources))
	failed := make([]error, len(sources))
	var group errgroup.Group
	group.SetLimit(16)
	for i, src := range sources {
		group.Go(func() error {
			if failed[i] = l.api.isNode(ctx, src.base, src.node); failed[i] == nil {
				failed[i] = l.api.logs(ctx, src.base, src.unit, l.lines, false, func(line node.LogLine) error {
					all[i] = append(all[i], line)
					return nil
				})
			}
			return nil
		})
	}
	_ = group.Wait() // none of them fails
	if ctx.Err() != nil {
		return ctx.Err()
	}
	merged := slices.Concat(all...)
	slices.SortStableFunc(merged, compareLines)
	for _, line := range merged {
		l.printer.print(line)
	}
	broken := 0
	for i, err := range failed {
		if err != nil {
			broken++
			l.warn(sources[i], err)
		}
	}
	if broken == len(sources) {
		return &exitError{code: exitFailed}
	}
	return nil
}

func compareLines(a, b node.LogLine) int {
	if a.TimeMicros != b.TimeMicros {
		if a.TimeMicros < b.TimeMicros {
			return -1
		}
		return 1
	}
	return strings.Compare(a.Unit, b.Unit)
}

// follow shows what there is and what comes, until ctx ends. A log that breaks off is taken up again while
// its unit is there.
func (l *logReader) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	buffer := &logBuffer{}
	group.Go(func() error { return l.drain(ctx, buffer) })
	started := map[source]bool{}
	group.Go(func() error {
		return l.cluster.follow(ctx, l.scope(), 0, l.session.unheard, func(snapshot *registry.Snapshot) (bool, error) {
			for _, src := range l.sources(snapshot) {
				if started[src] {
					continue
				}
				started[src] = true
				group.Go(func() error { l.stream(ctx, src, buffer); return nil })
			}
			return false, nil
		})
	})
	err := group.Wait()
	cancel()
	return err
}

// stream follows one log. What was shown already is not shown again after a broken connection.
func (l *logReader) stream(ctx context.Context, src source, buffer *logBuffer) {
	if err := l.api.isNode(ctx, src.base, src.node); err != nil {
		if ctx.Err() == nil {
			l.warn(src, err)
		}
		return
	}
	last := int64(0)
	for ctx.Err() == nil {
		err := l.api.logs(ctx, src.base, src.unit, l.lines, true, func(line node.LogLine) error {
			if line.TimeMicros > last {
				last = line.TimeMicros
				buffer.add(line)
			}
			return nil
		})
		if ctx.Err() == nil && err != nil {
			l.warn(src, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// drain prints lines once older ones had the time to come.
func (l *logReader) drain(ctx context.Context, buffer *logBuffer) error {
	look := time.NewTicker(logsHold / 5)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-look.C:
			for _, line := range buffer.take(now.Add(-logsHold)) {
				l.printer.print(line)
			}
		}
	}
}

// logBuffer puts lines that come together in order.
type logBuffer struct {
	mu    sync.Mutex
	lines []held
}

type held struct {
	node.LogLine
	came time.Time
}

func (b *logBuffer) add(line node.LogLine) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, held{line, time.Now()})
}

// take returns what came before a moment, and what is older than that, in order.
func (b *logBuffer) take(before time.Time) []node.LogLine {
	b.mu.Lock()
	defer b.mu.Unlock()
	slices.SortStableFunc(b.lines, func(x, y held) int { return compareLines(x.LogLine, y.LogLine) })
	last := -1
	for i, h := range b.lines {
		if h.came.Before(before) {
			last = i
		}
	}
	var due []node.LogLine
	for _, h := range b.lines[:last+1] {
		due = append(due, h.LogLine)
	}
	b.lines = slices.Clone(b.lines[last+1:])
	return due
}
