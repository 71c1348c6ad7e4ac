package figures

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/nsched/nsched/cmd/nsched-lab/chaos"
	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

const (
	// batch is how many apps get a new package at a time, and collectMost how many packages there are.
	batch       = 20
	collectMost = 1000
)

// collects has every node collect garbage without a pause while apps are given packages that no node has:
// each is realised, rooted and started under the collector. It counts what a running unit lacks.
func collects(ctx context.Context, s *chaos.Stage, r *recorder) error {
	r.under(CollectMissing, fmt.Sprintf("%d realised and started by each submit, on %d nodes", batch, len(s.Nodes)))
	for _, n := range s.Nodes {
		p, err := n.Start(ctx, host.Command{Argv: []string{"sh", "-c", "while :; do nix-store --gc >/dev/null; done"}})
		if err != nil {
			return err
		}
		defer p.Kill()
	}
	for i := range r.n {
		var apps []chaos.Document
		for k := range batch {
			apps = append(apps, s.Worker(fmt.Sprintf("fresh-%d", k), s.Variants[(i*batch+k)%len(s.Variants)]))
		}
		if err := s.SubmitAll(ctx, apps); err != nil {
			return err
		}
		if _, err := s.Converge(ctx, patience); err != nil {
			return err
		}
		missing, err := lacking(ctx, s)
		if err != nil {
			return err
		}
		if err := r.add(CollectMissing, float64(missing)); err != nil {
			return err
		}
	}
	return nil
}

// lackScript tells what is missing of the closures of all that runs: the kernel knows which program each
// process executes, Nix what a root refers to. Last it tells how many roots it has looked at.
const lackScript = `for exe in /proc/[0-9]*/exe; do
	path=$(readlink "$exe") || continue
	case $path in /nix/store/*) ;; *) continue ;; esac
	case $path in *' (deleted)') echo "$path"; continue ;; esac
done
roots=0
for root in /nix/var/nix/gcroots/nsched/*; do
	[ -e "$root" ] || { [ ! -L "$root" ] || echo "$root"; continue; }
	roots=$((roots + 1))
	nix-store --query --requisites "$(readlink -f "$root")" | while read -r path; do [ -e "$path" ] || echo "$path"; done
done
echo "$roots"`

func lacking(ctx context.Context, s *chaos.Stage) (int, error) {
	counts, roots := make([]int, len(s.Nodes)), make([]int, len(s.Nodes))
	group, all := errgroup.WithContext(ctx)
	for i, n := range s.Nodes {
		group.Go(func() error {
			out, err := n.Exec(all, "sh", "-ec", lackScript)
			if err != nil {
				return err
			}
			lines := strings.Split(out, "\n")
			counts[i] = len(lines) - 1
			roots[i], err = strconv.Atoi(lines[len(lines)-1])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("look for what is missing: %w", err)
	}
	sum, held := 0, 0
	for i := range counts {
		sum, held = sum+counts[i], held+roots[i]
	}
	if held < batch {
		return 0, fmt.Errorf("look for what is missing: %d roots hold %d packages: %w", held, batch, errOtherwise)
	}
	// A unit that does not run lacks something too.
	return sum + max(0, batch-living(s)), nil
}

// living counts the units of the batch that run.
func living(s *chaos.Stage) int {
	return s.Witness.Count(func(l cluster.Life) bool { return strings.HasPrefix(l.Unit, "default.fresh-") && l.End.IsZero() })
}
