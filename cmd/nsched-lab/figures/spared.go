package figures

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nsched/nsched/cmd/nsched-lab/chaos"
	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

// named is an app with names that stand for its units, one or two on each node.
func named(s *chaos.Stage, name string, count int) chaos.Document {
	return s.Worker(name, s.Variants[0]).With("count", count).With("algorithm", "spread").
		With("dns", []any{map[string]any{"name": name + "." + cluster.Zone + ".", "type": "A", "ttl": 1}})
}

// revokes ends all leases at once and counts what was taken back for it.
func revokes(ctx context.Context, s *chaos.Stage, r *recorder) error {
	const name = "calm"
	if err := s.Submit(ctx, named(s, name, 2*len(s.Nodes))); err != nil {
		return err
	}
	for range r.n {
		if _, err := s.Converge(ctx, patience); err != nil {
			return err
		}
		// Where no record is none can be removed.
		if err := cluster.Until(ctx, patience, 100*time.Millisecond, name+" has names", func() error {
			if s.Named(name) == 0 {
				return errUnhurt
			}
			return nil
		}); err != nil {
			return err
		}
		begun := time.Now()
		if _, err := s.RevokeAll(ctx); err != nil {
			return err
		}
		// Longer than a lease: what is taken back late is seen too.
		if err := sleep(ctx, 20*time.Second); err != nil {
			return err
		}
		if _, err := s.Converge(ctx, patience); err != nil {
			return err
		}
		now := time.Now()
		if lapsed := s.Lapsed(begun, now); len(lapsed) < len(s.Nodes) {
			return fmt.Errorf("revoke all leases: only %v lost their tenure: %w", lapsed, errUnhurt)
		}
		if err := errors.Join(r.add(RevokedEvicted, float64(len(s.Evictions(begun, now, name)))),
			r.add(RevokedUnnamed, float64(len(s.Unnamed(begun, now, name))))); err != nil {
			return err
		}
	}
	return nil
}

// halves cuts half of the nodes off at once for longer than a lease and counts what was evicted.
func halves(ctx context.Context, s *chaos.Stage, r *recorder) error {
	const name = "calm"
	if err := s.Submit(ctx, named(s, name, 2*len(s.Nodes))); err != nil {
		return err
	}
	for i := range r.n {
		if _, err := s.Converge(ctx, patience); err != nil {
			return err
		}
		gone := []*cluster.Node{s.Nodes[i%len(s.Nodes)], s.Nodes[(i+1+i/len(s.Nodes))%len(s.Nodes)]}
		if gone[0] == gone[1] {
			gone[1] = s.Nodes[(i+1)%len(s.Nodes)]
		}
		begun := time.Now()
		for _, n := range gone {
			if err := s.Lab.Net().Partition(ctx, n.Name()); err != nil {
				return err
			}
		}
		if err := sleep(ctx, 40*time.Second); err != nil {
			return err
		}
		healed := time.Now()
		if lapsed := s.Lapsed(begun, healed); len(lapsed) < len(gone) {
			return fmt.Errorf("cut off half of the nodes: only %v lost their tenure: %w", lapsed, errUnhurt)
		}
		if err := s.Lab.Net().Heal(ctx); err != nil {
			return err
		}
		if _, err := s.Converge(ctx, patience); err != nil {
			return err
		}
		evicted := s.Evictions(begun, time.Now(), name)
		r.log.Info().Time("cut", begun).Time("healed", healed).Strs("evicted", evicted).Msg("half of the nodes were away")
		if err := r.add(HalfEvicted, float64(len(evicted))); err != nil {
			return err
		}
	}
	return nil
}

// pairs and trios cut the power of one node of two, and of three, and measure until its unit runs
// elsewhere.
func pairs(ctx context.Context, s *chaos.Stage, r *recorder) error {
	return few(ctx, s, r, OneOfTwo)
}

func trios(ctx context.Context, s *chaos.Stage, r *recorder) error {
	return few(ctx, s, r, OneOfThree)
}

func few(ctx context.Context, s *chaos.Stage, r *recorder, figure string) error {
	const name = "lone"
	if err := s.Submit(ctx, s.Worker(name, s.Variants[0])); err != nil {
		return err
	}
	for range r.n {
		if _, err := s.Converge(ctx, patience); err != nil {
			return err
		}
		n := s.Home(name)
		if n == nil {
			return fmt.Errorf("find %s: %w", name, errNoHost)
		}
		begun := time.Now()
		if err := s.PowerOff(ctx, n); err != nil {
			return err
		}
		waiting, cancel := context.WithTimeout(ctx, patience)
		l, err := s.Witness.Await(waiting, func(l cluster.Life) bool { return of(name)(l) && l.Start.After(begun) })
		cancel()
		if err != nil {
			return fmt.Errorf("wait for the replacement of %s: %w", name, err)
		}
		if err := errors.Join(r.took(figure, l.Start.Sub(begun)), s.PowerOn(ctx, n)); err != nil {
			return err
		}
	}
	return nil
}

// errUnhurt: what was done had no effect, so that nothing follows from what came of it.
var errUnhurt = errors.New("nothing was hurt")

// errOtherwise: a service was not started with what was submitted.
var errOtherwise = errors.New("it is not what was submitted")

// reloads has systemd read its units again, and compares what each service was started with.
func reloads(ctx context.Context, s *chaos.Stage, r *recorder) error {
	const name = "same"
	// What systemd changes in a transient unit's arguments after a reload, where it sees them.
	awkward := []string{"$HOME", "${HOME}", "a;b", "%n", `"quoted"`, "back\\slash", "two  blanks", "*", "tab\there", "new\nline", "ü"}
	app := s.Worker(name, s.Variants[0]).With("count", 4*len(s.Nodes)).With("algorithm", "spread")
	var command []string
	for _, word := range append(app["command"].([]string), awkward...) {
		if !strings.Contains(word, "${port") && !strings.Contains(word, "${address") {
			word = strings.ReplaceAll(word, "$", "$$")
		}
		command = append(command, word)
	}
	if err := s.Submit(ctx, app.With("command", command)); err != nil {
		return err
	}
	if _, err := s.Converge(ctx, patience); err != nil {
		return err
	}
	before, err := argvs(s, name)
	if err != nil {
		return err
	}
	for unit, argv := range before {
		if !bytes.Contains(argv, []byte("\x00"+strings.Join(awkward, "\x00")+"\x00")) {
			return fmt.Errorf("%s was started with %q: %w", unit, argv, errOtherwise)
		}
	}
	r.under(ReloadChanged, fmt.Sprintf("%d units on %d nodes, arguments with $, ;, %%, quotes, tab and newline", len(before), len(s.Nodes)))
	for range r.n {
		group, all := errgroup.WithContext(ctx)
		for _, n := range s.Nodes {
			group.Go(func() error { _, err := n.Exec(all, "systemctl", "daemon-reload"); return err })
		}
		if err := group.Wait(); err != nil {
			return err
		}
		after, err := argvs(s, name)
		if err != nil {
			return err
		}
		changed, lost := 0, 0
		for unit, argv := range before {
			now, ok := after[unit]
			if !ok {
				lost++
			} else if !bytes.Equal(now, argv) {
				changed++
			}
		}
		if err := errors.Join(r.add(ReloadChanged, float64(changed)), r.add(ReloadLost, float64(lost))); err != nil {
			return err
		}
	}
	return nil
}

// argvs reads from the kernel what the processes of an app were started with, and their numbers.
func argvs(s *chaos.Stage, name string) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, l := range s.Lives(name) {
		if !l.End.IsZero() {
			continue
		}
		argv, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", l.Process))
		if err != nil {
			continue // it has just ended, and is not among those that live
		}
		out[l.Unit] = fmt.Appendf(argv, "process %d, invocation %s", l.Process, l.Invocation)
	}
	return out, nil
}
