package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

func joinPort(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// nodeView is one node in `nsched nodes -o json`. Capacity is what units may use of it.
type nodeView struct {
	Name          units.NodeName `json:"name"`
	State         string         `json:"state"`
	Reason        units.Reason   `json:"reason,omitzero"`
	Cordoned      bool           `json:"cordoned"`
	ConfirmedLost bool           `json:"confirmedLost,omitempty"`
	LostAtMs      int64          `json:"lostAtMs,omitempty"`
	Tenure        int64          `json:"tenure,omitempty"`
	Units         int            `json:"units"`
	units.Node
	Problem string `json:"problem,omitempty"`
}

const nodeJSON = "JSON: {name, state, reason: {code, message}, cordoned, confirmedLost, lostAtMs, tenure, units, problem} and\n" +
	"the registration: {key, bootId, system, os, kernel, capacity: {cpuMilli, memoryBytes, diskBytes, devices},\n" +
	"addresses, labels, traits, pool, reservedPorts, namespaces, caches, publicKeys, appSchema, api, versions}.\n" +
	"Without NODE it is a list of these. state is one of\n" +
	"  ready       it takes units\n" +
	"  daemonDown  its guard lives and its daemon does not\n" +
	"  gone        its lease has ended just now\n" +
	"  lost        that is on record, since lostAtMs of the cluster's time: its units are replaced\n" +
	"  frozen      it is gone with so many others that none of them is given up, see nodes confirm-lost\n" +
	"  fenced      it was told to leave the cluster and has not yet\n" +
	"  keyCopied   it has the key of another node and takes nothing"

func (c cluster) nodeScope() scope {
	return scope{prefixes: []string{
		c.keys.Under(registry.KindNode), c.keys.Under(registry.KindAlive), c.keys.Under(registry.KindAgent),
		c.keys.Under(registry.KindOperator), c.keys.Under(registry.KindUnit), c.keys.Under(registry.KindFence),
	}}
}

// nodes gathers every registered node, sorted by name.
func (c cluster) nodes(s *registry.Snapshot) []nodeView {
	var list []nodeView
	add := func(name units.NodeName, n units.Node, problem string) {
		v := nodeView{Name: name, Node: n, Problem: problem, Tenure: c.tenure(s, name)}
		if o, ok := registry.Lookup[units.Operator](s, c.keys.Operator(name)); ok {
			v.Cordoned = o.Cordon
		}
		for range s.Items(c.keys.Under(registry.KindUnit, string(name))) {
			v.Units++
		}
		list = append(list, v)
	}
	bad := map[units.NodeName]string{}
	for b := range s.Bad(c.keys.Under(registry.KindNode)) {
		if bad[b.ID.Node] = b.Err.Error(); !b.Held && b.ID.Node != "" {
			add(b.ID.Node, units.Node{}, b.Err.Error())
		}
	}
	for key, n := range registry.All[units.Node](s, c.keys.Under(registry.KindNode)) {
		add(key.Node, n, bad[key.Node])
	}
	slices.SortFunc(list, func(a, b nodeView) int { return cmp.Compare(a.Name, b.Name) })
	c.standings(s, list)
	return list
}

// tenure is that of a node which is there, 0 where none is. What a guard wrote is there also when it cannot be read;
// it is written once.
func (c cluster) tenure(s *registry.Snapshot, name units.NodeName) int64 {
	key := c.keys.Alive(name)
	if item, ok := s.Item(key); ok {
		return item.Raw.CreateRevision
	}
	return revisionOf(s, key)
}

func (s *session) nodesCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "nodes [NODE]",
		Short: "List nodes, or show one",
		Long:  "List nodes, or show one.\n\n" + nodeJSON,
		Args:  arguments(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			var only units.NodeName
			if len(args) == 1 {
				name, err := nodeNamed(args[0])
				if err != nil {
					return err
				}
				only = name
			}
			labels, err := s.selector()
			if err != nil {
				return err
			}
			cluster, err := s.connect()
			if err != nil {
				return err
			}
			return s.show(c.Context(), cluster, cluster.nodeScope(), func(snapshot *registry.Snapshot) error {
				return s.showNodes(cluster.nodes(snapshot), only, labels)
			})
		},
	}
	c.AddCommand(s.forgetCommand(), s.confirmLostCommand())
	return uses(c, "selector", "watch")
}

func nodeNamed(text string) (units.NodeName, error) {
	name, err := units.ParseNodeName(text)
	if err != nil {
		return "", usage("%w", err)
	}
	return name, nil
}

func (s *session) showNodes(all []nodeView, only units.NodeName, labels []requirement) error {
	views := []nodeView{}
	t := table{columns: []string{
		"NODE", "STATE", "UNITS", "CPU", "MEMORY", "DISK", "ADDRESS", "+SYSTEM", "+POOL", "+TRAITS", "+LABELS", "+VERSION", "+API", "+REASON", "+PROBLEM",
	}}
	for _, v := range all {
		if only != "" && v.Name != only || !selected(v.Labels, labels) {
			continue
		}
		views = append(views, v)
		state := v.State
		if v.ConfirmedLost {
			state += ",confirmed"
		}
		if v.Cordoned {
			state += ",cordoned"
		}
		if v.Problem != "" {
			state += ",unreadable"
		}
		address := ""
		if len(v.Addresses) > 0 {
			address = v.Addresses[0]
		}
		var pairs []string
		for _, key := range sortedKeys(v.Labels) {
			pairs = append(pairs, key+"="+v.Labels[key])
		}
		var traits []string
		for _, trait := range v.Traits {
			traits = append(traits, string(trait))
		}
		t.add(
			string(v.Name), state, strconv.Itoa(v.Units), units.CPUMilli(v.Capacity.CPUMilli).String(),
			roundBytes(v.Capacity.MemoryBytes), roundBytes(v.Capacity.DiskBytes), address, v.System, v.Pool,
			strings.Join(traits, ","), strings.Join(pairs, ","), v.Versions.Nsched, v.API, v.Reason.String(), v.Problem,
		)
	}
	if only == "" {
		return s.print(views, t)
	}
	if len(views) == 0 {
		return exit(exitFailed, "there is no node %s; see nsched nodes", only)
	}
	return s.print(views[0], t)
}

// roundBytes says an amount in a few letters, rounded down.
func roundBytes(n int64) string {
	for _, u := range []struct {
		factor int64
		suffix string
	}{{1 << 40, "Ti"}, {1 << 30, "Gi"}, {1 << 20, "Mi"}} {
		if n >= u.factor {
			return fmt.Sprintf("%d.%d%s", n/u.factor, n%u.factor*10/u.factor, u.suffix)
		}
	}
	return strconv.FormatInt(n, 10)
}

func (s *session) forgetCommand() *cobra.Command {
	return uses(&cobra.Command{
		Use:   "forget NODE",
		Short: "Forget a machine that will not come back under this name",
		Long: "Forget a machine that will not come back under this name: its key is pinned no more, and its units are\n" +
			"replaced. A node that is still there is refused.\n\nJSON: {node, changed}.",
		Args: arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			name, err := nodeNamed(args[0])
			if err != nil {
				return err
			}
			cluster, err := s.connect()
			if err != nil {
				return err
			}
			snapshot, err := cluster.read(c.Context(), scope{keys: []string{cluster.keys.Node(name), cluster.keys.Alive(name)}})
			if err != nil {
				return err
			}
			if cluster.tenure(snapshot, name) != 0 {
				return exit(exitFailed, "node %s is still there; stop nsched-guard and nsched-node on it first", name)
			}
			if res, err := cluster.Range(c.Context(), registry.Range{Key: cluster.keys.Node(name), KeysOnly: true}); err != nil {
				return err
			} else if len(res.KVs) == 0 {
				return exit(exitFailed, "there is no node %s; see nsched nodes", name)
			}
			if err := s.yesNo(c.Context(), fmt.Sprintf("Forget node %s and replace its units?", name)); err != nil {
				return err
			}
			if err := cluster.forget(c.Context(), name); err != nil {
				return err
			}
			return s.sayDone(name, "forgotten", true)
		},
	}, "yes")
}

// forget deletes a registration and what operators said about the node, unless the node lives.
func (c cluster) forget(ctx context.Context, name units.NodeName) error {
	words := c.keys.Under(registry.KindStatus, string(name))
	res, err := c.Txn(ctx, registry.Txn{
		If: []registry.Compare{{Key: c.keys.Alive(name), Target: registry.CreateRevision}},
		Then: []registry.Op{
			{Kind: registry.OpDelete, Key: c.keys.Node(name)},
			{Kind: registry.OpDelete, Key: c.keys.Operator(name)},
			// What it last said of its units is nobody's word any more. Their assignments are the
			// scheduler's to delete.
			{Kind: registry.OpDelete, Key: words, End: registry.PrefixEnd(words)},
		},
	})
	switch {
	case errors.Is(err, registry.ErrUnknownOutcome):
		return fmt.Errorf("forget node %s: %w; look with nsched nodes, and repeat it", name, err)
	case err != nil:
		return fmt.Errorf("forget node %s: %w", name, err)
	case !res.Succeeded:
		return exit(exitFailed, "node %s came back meanwhile; nothing was done", name)
	}
	return nil
}
