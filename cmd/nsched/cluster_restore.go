package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/units/registry"
	"github.com/nsched/nsched/units/registry/embedded"
)

// restoreView is `nsched cluster restore -o json`.
type restoreView struct {
	DataDir          string       `json:"dataDir"`
	Member           string       `json:"member"`
	RestoredRevision int64        `json:"restoredRevision"`
	Snapshot         snapshotView `json:"snapshot"`
}

func (s *session) restoreCommand() *cobra.Command {
	var o embedded.RestoreOptions
	c := &cobra.Command{
		Use:   "restore FILE --data-dir DIR",
		Short: "Make an etcd member's directory of a snapshot",
		Long: "Make an etcd member's directory of a snapshot, for an etcd that does not run. Without --name it is for the\n" +
			"embedded etcd of nsched scheduler and nsched dev. For a cluster of several members it is done on each of\n" +
			"them, with the same FILE, --initial-cluster and --initial-cluster-token, and flags of its own for the rest.\n\n" +
			"What is restored counts as old until a person has looked: schedulers and nodes hold, whatever runs goes on,\n" +
			"and nothing is placed, started or stopped before nsched cluster ack-restore. Revisions go on far above\n" +
			"those of the snapshot, so that no fence token comes twice.\n\n" +
			"JSON: {dataDir, member, restoredRevision, snapshot}, snapshot being as in nsched cluster inspect.",
		Args: arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			keys, err := registry.NewKeys(s.flags.prefix)
			if err != nil {
				return err
			}
			switch {
			case o.Dir == "":
				return usage("--data-dir is missing; it is the directory to make")
			case o.Name == "" && (o.Cluster != "" || len(o.Peers) > 0):
				return usage("--name is missing; it says which of the members this is")
			case o.Name != "" && (o.Cluster == "" || len(o.Peers) == 0):
				return usage("--name needs --initial-cluster and --initial-advertise-peer-urls, as this member is started with")
			}
			log, err := s.logger("warn", s.flags.logFormat)
			if err != nil {
				return err
			}
			if o.Dir, err = filepath.Abs(o.Dir); err != nil {
				return err
			}
			o.File, o.Keys, o.Logger = args[0], keys, log
			found, err := embedded.Restore(c.Context(), o)
			if err != nil {
				return err
			}
			v := restoreView{
				DataDir: o.Dir, Member: o.Name, RestoredRevision: found.Revision + embedded.RestoreBump + 1,
				Snapshot: viewSnapshot(o.File, keys, found),
			}
			if s.structured() {
				return s.print(v, table{})
			}
			_, _ = fmt.Fprint(s.out, v.text())
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&o.Dir, "data-dir", "", "directory to make; it must not exist, or be empty")
	f.StringVar(&o.Name, "name", "", "name of this member")
	f.StringVar(&o.Cluster, "initial-cluster", "", "all members, such as a=https://10.0.0.1:2380,b=https://10.0.0.2:2380")
	f.StringSliceVar(&o.Peers, "initial-advertise-peer-urls", nil, "URLs by which the other members reach this one")
	f.StringVar(&o.Token, "initial-cluster-token", "", "tells clusters of etcd apart (default \"etcd-cluster\")")
	f.BoolVar(&o.NoHash, "skip-hash-check", false, "FILE is a member's own database, member/snap/db, which has no hash")
	_ = c.MarkFlagDirname("data-dir") // it is there
	return c
}

func (v restoreView) text() string {
	var b strings.Builder
	say := func(format string, args ...any) {
		b.WriteString(plainLine(fmt.Sprintf(format, args...)))
		b.WriteByte('\n')
	}
	say("%s holds cluster %s", v.DataDir, clusterWords(v.Snapshot.Cluster))
	say("as of clock %s, now at revision %d", clockWords(v.Snapshot.Clock), v.RestoredRevision)
	say("")
	if v.Member == "" {
		say("Next: start nsched scheduler --embedded-etcd %s (nsched dev has it at etcd below its --state),", v.DataDir)
	} else {
		say("Next: do the same on every other member; then start etcd on each, with --data-dir %s --name %s here,", v.DataDir, v.Member)
	}
	say("look at what it holds (nsched status -A, nsched units -A), and then: nsched cluster ack-restore")
	say("Until then schedulers and nodes hold: what runs goes on, and nothing is placed, started or stopped.")
	return b.String()
}
