package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// Drop is one direction between two places of the network in which nothing arrives any more. A place is
// the name of a host or of a cell.
type Drop struct{ From, To string }

// Lose brings drops into force, beside those that are.
func (c *Cluster) Lose(ctx context.Context, drops ...Drop) error {
	c.mu.Lock()
	for _, d := range drops {
		if !slices.Contains(c.drops, d) {
			c.drops = append(c.drops, d)
		}
	}
	all := slices.Clone(c.drops)
	c.mu.Unlock()
	return c.loadDrops(ctx, all)
}

// Find takes drops back.
func (c *Cluster) Find(ctx context.Context, drops ...Drop) error {
	c.mu.Lock()
	c.drops = slices.DeleteFunc(c.drops, func(d Drop) bool { return slices.Contains(drops, d) })
	all := slices.Clone(c.drops)
	c.mu.Unlock()
	return c.loadDrops(ctx, all)
}

// loadDrops replaces the rules in one transaction. They are in a table of their own, beside the one in
// which the lab keeps the faults of hosts: what either drops is dropped.
func (c *Cluster) loadDrops(ctx context.Context, drops []Drop) error {
	c.loading.Lock()
	defer c.loading.Unlock()
	hosts, err := c.Lab.Hosts(ctx)
	if err != nil {
		return err
	}
	var rules strings.Builder
	for _, d := range drops {
		from, err := c.ports(hosts, d.From)
		if err != nil {
			return err
		}
		to, err := c.ports(hosts, d.To)
		if err != nil {
			return err
		}
		fmt.Fprintf(&rules, "iifname %s oifname %s drop\n", from, to)
	}
	text := "table bridge drops {}\ndelete table bridge drops\ntable bridge drops {\nchain forward {\n" +
		"type filter hook forward priority 0; policy accept;\n" + rules.String() + "}\n}\n"
	err = c.Lab.Run(ctx, host.Command{Argv: []string{"nft", "-f", "-"}, Stdin: strings.NewReader(text)})
	if err != nil {
		return fmt.Errorf("drop %v: %w", drops, err)
	}
	return nil
}

// ports is the set of the switch's ports that a place may be behind: a host's cable may run through a
// delay line.
func (c *Cluster) ports(hosts []*host.Host, name string) (string, error) {
	if cell := c.cells[name]; cell != nil {
		return fmt.Sprintf("%q", cell.port()), nil
	}
	at := slices.IndexFunc(hosts, func(h *host.Host) bool { return h.Name() == name })
	if at < 0 {
		return "", fmt.Errorf("find %q on the network: %w", name, host.ErrNoHost)
	}
	return fmt.Sprintf("{ \"port%[1]d\", \"line%[1]d\" }", at+1), nil
}
