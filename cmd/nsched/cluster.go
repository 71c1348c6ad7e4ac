package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
	"github.com/nsched/nsched/units/registry/embedded"
)

func (s *session) clusterCommand() *cobra.Command {
	return parent(&cobra.Command{
		Use:   "cluster",
		Short: "Save what etcd holds, and bring it back",
		Long: "Save what etcd holds, and bring it back: take a snapshot, look into it, make an etcd's directory of it,\n" +
			"and acknowledge that etcd went back in time.",
	}, s.snapshotCommand(), s.inspectCommand(), s.restoreCommand(), s.ackRestoreCommand())
}

// snapshotView is `nsched cluster inspect -o json`.
type snapshotView struct {
	File        string           `json:"file"`
	Bytes       int64            `json:"bytes"`
	Hash        string           `json:"hash"`
	Storage     string           `json:"storage,omitempty"`
	Revision    int64            `json:"revision"`
	Cluster     units.Cluster    `json:"cluster"`
	Clock       units.Clock      `json:"clock"`
	Keys        map[string]int   `json:"keys"`
	ForeignKeys int              `json:"foreignKeys"`
	Nodes       []units.NodeName `json:"nodes"`
	Apps        []string         `json:"apps"`
	Problems    []string         `json:"problems,omitempty"`
}

const snapshotJSON = "JSON: {file, bytes, hash, storage, revision, cluster: {id, epoch, schema, restored}, clock: {n, timeMs},\n" +
	"keys, foreignKeys, nodes, apps, problems}. hash is ok, or missing where the file is the database of a member;\n" +
	"keys counts those of this cluster by their kind, foreignKeys the others."

func (s *session) inspectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect FILE",
		Short: "Say what a snapshot holds, without any etcd",
		Long: "Say what a snapshot holds, without any etcd, after checking that it is whole. The database of a member that\n" +
			"does not run (member/snap/db) can be looked into as well.\n\n" + snapshotJSON,
		Args: arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			keys, err := registry.NewKeys(s.flags.prefix)
			if err != nil {
				return err
			}
			found, err := embedded.ReadSnapshot(args[0], keys)
			if err != nil {
				return err
			}
			v := viewSnapshot(args[0], keys, found)
			return s.print(v, v.table())
		},
	}
}

func viewSnapshot(file string, keys registry.Keys, found embedded.Snapshot) snapshotView {
	v := snapshotView{
		File: file, Bytes: found.Bytes, Hash: "ok", Storage: found.Storage, Revision: found.Revision, Keys: map[string]int{},
		ForeignKeys: found.Foreign, Nodes: []units.NodeName{}, Apps: []string{},
	}
	if !found.Hashed {
		v.Hash = "missing"
	}
	v.Cluster, _ = registry.Lookup[units.Cluster](found.State, keys.Cluster())
	v.Clock, _ = registry.Lookup[units.Clock](found.State, keys.Clock())
	for kind, n := range found.Kinds {
		name := string(kind)
		if kind == registry.KindUnknown {
			name = "unknown"
		}
		v.Keys[name] = n
	}
	for item := range found.State.Items(keys.Under(registry.KindNode)) {
		v.Nodes = append(v.Nodes, item.ID.Node)
	}
	for item := range found.State.Items(keys.Under(registry.KindApp)) {
		v.Apps = append(v.Apps, item.ID.App.String())
	}
	for bad := range found.State.Bad(keys.Prefix()) {
		v.Problems = append(v.Problems, bad.Err.Error())
	}
	return v
}

func (v snapshotView) table() table {
	t := table{columns: []string{"WHAT", "IS"}}
	hash := v.Hash
	if hash == "missing" {
		hash = "missing: a member's own file, its pages were checked"
	}
	t.add("hash", hash)
	t.add("size", roundBytes(v.Bytes))
	t.add("revision", strconv.FormatInt(v.Revision, 10))
	t.add("cluster", clusterWords(v.Cluster))
	t.add("clock", clockWords(v.Clock))
	var kinds []string
	total := 0
	for _, kind := range sortedKeys(v.Keys) {
		kinds = append(kinds, fmt.Sprintf("%s %d", kind, v.Keys[kind]))
		total += v.Keys[kind]
	}
	t.add("keys", fmt.Sprintf("%d: %s", total, strings.Join(kinds, ", ")))
	if v.ForeignKeys > 0 {
		t.add("other keys", strconv.Itoa(v.ForeignKeys))
	}
	var nodes []string
	for _, n := range v.Nodes {
		nodes = append(nodes, string(n))
	}
	t.add("nodes", strings.Join(nodes, " "))
	t.add("apps", strings.Join(slices.Clone(v.Apps), " "))
	for _, p := range v.Problems {
		t.add("problem", p)
	}
	return t
}

func clusterWords(c units.Cluster) string {
	switch {
	case c.ID == "":
		return "none"
	case c.Restored:
		return fmt.Sprintf("%s, epoch %d, restored and not acknowledged", c.ID, c.Epoch)
	}
	return fmt.Sprintf("%s, epoch %d", c.ID, c.Epoch)
}

func clockWords(c units.Clock) string {
	if c.N == 0 {
		return "none"
	}
	return fmt.Sprintf("%d, %s", c.N, time.UnixMilli(c.TimeMs).UTC().Format(time.DateTime))
}
