package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// ackView is `nsched cluster ack-restore -o json`.
type ackView struct {
	Cluster units.Cluster `json:"cluster"`
	Clock   units.Clock   `json:"clock"`
	Changed bool          `json:"changed"`
	Holders []holderView  `json:"holders"`

	read registry.KeyValue // the key cluster
}

func (s *session) ackRestoreCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "ack-restore",
		Short: "Accept that etcd went back in time, so that schedulers and nodes go on",
		Long: "Accept that etcd went back in time, so that schedulers and nodes go on by what it holds now. It shows who\n" +
			"holds and what they have seen that is gone, and asks. The cluster's epoch rises above everybody's: each\n" +
			"node begins a new tenure, so every singleton is stopped and placed anew; other units run on.\n\n" +
			"Where nobody is known to hold there is nothing to accept, and nothing is done: so it may be repeated.\n\n" +
			"JSON: {cluster: {id, epoch, schema}, clock: {n, timeMs}, changed, holders: [{who, state, reason, epoch, n}]},\n" +
			"state being holds, goesOn or unknown, epoch and n the highest that it has seen, cluster what it is now.",
		Args: arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			cluster, err := s.connect()
			if err != nil {
				return err
			}
			api, err := s.api()
			if err != nil {
				return err
			}
			v, err := cluster.lookAtHold(c.Context(), api)
			if err != nil {
				return err
			}
			s.sayHold(v)
			if !v.held() && !force {
				_, _ = fmt.Fprintf(s.errs, "nobody is known to hold: there is nothing to acknowledge\n")
				return s.printAck(v)
			}
			question := "Accept what etcd holds now?"
			if !v.held() {
				question = "Nobody is known to hold. Have every node begin a new tenure, and stop every singleton, all the same?"
			}
			if err := s.yesNo(c.Context(), question); err != nil {
				return err
			}
			if v, err = cluster.acknowledge(c.Context(), v); err != nil {
				return err
			}
			_, _ = fmt.Fprintf(s.errs, "the epoch is %d; schedulers and nodes go on\n", v.Cluster.Epoch)
			return s.printAck(v)
		},
	}
	c.Flags().BoolVar(&force, "force", false, "raise the epoch although nobody is known to hold")
	return uses(c, "yes")
}

// printAck prints what programs read; people have been told already.
func (s *session) printAck(v ackView) error {
	if !s.structured() {
		return nil
	}
	return s.print(v, table{})
}

// sayHold shows on stderr what is about to be acknowledged.
func (s *session) sayHold(v ackView) {
	say := func(format string, args ...any) {
		_, _ = fmt.Fprintln(s.errs, plainLine(fmt.Sprintf(format, args...)))
	}
	say("etcd holds cluster %s", clusterWords(v.Cluster))
	say("its clock is %s", clockWords(v.Clock))
	for _, h := range v.Holders {
		if h.State == holderUnknown {
			say("  %s is not known to hold: %s", h.Who, h.Reason)
		}
		if h.State == holderHolds {
			say("  %s holds: %s", h.Who, h.Reason)
		}
		if lost := h.N - v.Clock.N; h.Epoch == v.Cluster.Epoch && lost > 0 {
			say("  %s has seen the clock at %d: about %s of what happened are gone", h.Who, h.N, registry.ClockPeriod*time.Duration(lost))
		}
	}
}

// held reports whether anybody waits for an acknowledgement.
func (v ackView) held() bool {
	if v.Cluster.Restored {
		return true
	}
	for _, h := range v.Holders {
		if h.State == holderHolds {
			return true
		}
	}
	return false
}

// above is an epoch higher than anybody is known to have seen.
func (v ackView) above() int64 {
	highest := v.Cluster.Epoch
	for _, h := range v.Holders {
		highest = max(highest, h.Epoch)
	}
	return highest + 1
}

// ackTries is how often an acknowledgement without an answer is made again: it compares what was shown, so
// it is made once.
const ackTries = 3

// acknowledge raises the epoch on what was shown.
func (c cluster) acknowledge(ctx context.Context, v ackView) (ackView, error) {
	epoch := v.above()
	txn, err := registry.AcknowledgeRestore(v.read, epoch)
	if err != nil {
		return v, err
	}
	asked := false
	for range ackTries {
		res, err := c.Txn(ctx, txn)
		switch {
		case err == nil && res.Succeeded:
			v.Changed, v.Cluster.Epoch, v.Cluster.Restored = true, epoch, false
			return v, nil
		case err == nil:
			return c.acknowledged(ctx, v, epoch, asked)
		case errors.Is(err, registry.ErrUnknownOutcome):
			asked = true
		case asked:
			return v, ackUnknown(err)
		default:
			return v, fmt.Errorf("acknowledge the restore: %w", err)
		}
	}
	return v, ackUnknown(errors.New("etcd gave no answer"))
}

func ackUnknown(err error) error {
	return exit(exitUnreachable, "it is not known whether the restore was acknowledged: %w; repeat it, which does it once at most", err)
}

// acknowledged finds out whose change it was that came between: an earlier try of this one, whose answer
// was lost, or somebody else's.
func (c cluster) acknowledged(ctx context.Context, v ackView, epoch int64, asked bool) (ackView, error) {
	snapshot, err := c.read(ctx, scope{keys: []string{c.keys.Cluster()}})
	if err != nil {
		if asked {
			err = ackUnknown(err)
		}
		return v, err
	}
	now, _ := registry.Lookup[units.Cluster](snapshot, c.keys.Cluster())
	if asked && now.ID == v.Cluster.ID && now.Epoch == epoch && !now.Restored {
		v.Changed, v.Cluster = true, now
		return v, nil
	}
	return v, exit(exitChanged, "the cluster was changed meanwhile: it is %s; nothing was done, look again", clusterWords(now))
}
