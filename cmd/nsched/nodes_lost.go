package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// standings says of each node what the leader believes of it, by the leader's own rules. What a leader
// knows besides, for it was there when it happened, is not in etcd: so a loss that nobody has recorded is
// told as gone.
func (c cluster) standings(s *registry.Snapshot, list []nodeView) {
	leases := placement.DefaultLeases()
	leases.TermAge, leases.Settle = leases.TTL, 0
	sightings, seen := make([]placement.Sighting, 0, len(list)), make(map[units.NodeName]placement.Sighting, len(list))
	for _, v := range list {
		sight := c.sighting(s, v, leases)
		sightings = append(sightings, sight)
		seen[v.Name] = sight
	}
	c.copies(s, sightings)
	for i, v := range placement.Lost(sightings, leases).Verdicts {
		list[i].Reason = v.Why
		list[i].State = standingWord(v, seen[v.Node])
		if sight := seen[v.Node]; !sight.Alive {
			list[i].LostAtMs = sight.LostAtMs
			list[i].ConfirmedLost = sight.Confirmed != 0 && sight.Confirmed >= sight.Tenure
		}
	}
}

func standingWord(v placement.Verdict, s placement.Sighting) string {
	switch v.Standing {
	case placement.Ready:
		return "ready"
	case placement.AgentDown:
		return "daemonDown"
	case placement.Frozen:
		return "frozen"
	case placement.LostNode:
		if s.Recorded != 0 && s.Recorded >= s.Tenure || s.Confirmed != 0 {
			return "lost"
		}
	case placement.Unknown:
		if s.Alive && v.Why.Code == units.ReasonKeyCopied {
			return "keyCopied"
		}
		if s.Alive {
			return "fenced"
		}
	}
	return "gone"
}

// sighting is what etcd tells of a node; of a living one's lease nothing, so it counts as fresh.
func (c cluster) sighting(s *registry.Snapshot, v nodeView, l placement.Leases) placement.Sighting {
	sight := placement.Sighting{Node: v.Name, Alive: v.Tenure != 0, Tenure: v.Tenure, Asked: true, Remaining: l.TTL}
	_, sight.Agent = s.Item(c.keys.Agent(v.Name))
	for _, a := range registry.All[units.Assignment](s, c.keys.Under(registry.KindUnit, string(v.Name))) {
		if !sight.Alive {
			sight.Tenure = max(sight.Tenure, a.Tenure)
		}
	}
	// A node registers in each life: what is older than that speaks of an earlier one.
	registered := int64(0)
	if record, ok := s.Item(c.keys.Node(v.Name)); ok && !sight.Alive {
		registered = record.Raw.ModRevision
	}
	if o, ok := registry.Lookup[units.Operator](s, c.keys.Operator(v.Name)); ok && o.ConfirmLost >= registered {
		sight.Confirmed = o.ConfirmLost
	}
	if fence, ok := s.Item(c.keys.Fence(v.Name)); ok && fence.Raw.ModRevision >= registered {
		f, _ := fence.Decoded.(units.Fence)
		sight.Recorded, sight.LostAtMs = f.Tenure, f.LostAtMs
	}
	return sight
}

// copies finds who has the key of a node that registered before.
func (c cluster) copies(s *registry.Snapshot, sightings []placement.Sighting) {
	type owner struct {
		node    units.NodeName
		created int64
	}
	first := map[string]owner{}
	for item := range s.Items(c.keys.Under(registry.KindNode)) {
		n, _ := item.Decoded.(units.Node)
		if o, taken := first[n.Key]; n.Key != "" && (!taken || item.Raw.CreateRevision < o.created) {
			first[n.Key] = owner{item.ID.Node, item.Raw.CreateRevision}
		}
	}
	for i, sight := range sightings {
		n, _ := registry.Lookup[units.Node](s, c.keys.Node(sight.Node))
		if o, ok := first[n.Key]; ok && o.node != sight.Node {
			sightings[i].CopyOf = o.node
		}
	}
}

func (s *session) confirmLostCommand() *cobra.Command {
	return uses(&cobra.Command{
		Use:   "confirm-lost NODE",
		Short: "Vouch that a lost machine runs nothing any more, so that it is replaced at once",
		Long: "Vouch that a lost machine runs nothing any more: it was switched off, or destroyed. Then its units are\n" +
			"replaced at once: it does not count among those that freeze evictions, and neither lostAfter nor the time\n" +
			"that singletons wait is waited for. So if the machine runs after all, out of reach, its singletons run\n" +
			"twice.\n\n" +
			"It counts for what was lost up to now. When the node returns, it is a node like any other, and a later\n" +
			"loss is a new one. A node whose guard still holds its place is refused.\n\n" + doneJSON,
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
			const done = "confirmed as lost"
			if already, err := cluster.confirmLost(c.Context(), name, false); err != nil {
				return err
			} else if already {
				return s.sayDone(name, done, false)
			}
			question := fmt.Sprintf("Is the machine of node %s off, or certain to run none of its units? Singletons of it are started elsewhere at once.", name)
			if err := s.yesNo(c.Context(), question); err != nil {
				return err
			}
			already, err := cluster.confirmLost(c.Context(), name, true)
			if err != nil {
				return err
			}
			return s.sayDone(name, done, !already)
		},
	}, "yes")
}

// confirmLost writes that every tenure of the node up to now is over, unless it holds one, and reports
// whether that was written before. Without write it only looks. An answer that is lost is asked for again.
func (c cluster) confirmLost(ctx context.Context, name units.NodeName, write bool) (already bool, err error) {
	changed, err := c.operate(ctx, name, decision{
		verb: "confirm node %s as lost", done: "was confirmed as lost",
		scope: scope{
			keys:     []string{c.keys.Alive(name), c.keys.Fence(name)},
			prefixes: []string{c.keys.Under(registry.KindUnit, string(name))},
		},
		decide: func(s *registry.Snapshot, o *units.Operator) (bool, []registry.Compare, error) {
			if tenure := c.tenure(s, name); tenure != 0 {
				return false, nil, exit(exitFailed, "node %s is not lost: its guard holds tenure %d; switch the machine off first", name, tenure)
			}
			sight := c.sighting(s, nodeView{Name: name}, placement.DefaultLeases())
			already = sight.Confirmed != 0 && sight.Confirmed >= sight.Tenure
			// Tenures are revisions: this names all that the node has had, and none that it will have.
			o.ConfirmLost = s.Revision()
			return write && !already, []registry.Compare{
				{Key: c.keys.Alive(name), Target: registry.CreateRevision},
				{Key: c.keys.Node(name), Target: registry.ModRevision, Number: revisionOf(s, c.keys.Node(name))},
			}, nil
		},
	})
	return already && !changed, err
}
