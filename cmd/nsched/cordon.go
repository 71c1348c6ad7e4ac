package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

func (s *session) cordonCommand() *cobra.Command {
	return s.operatorCommand("cordon NODE", "Keep new units away from a node; what runs there stays", "cordoned", true)
}

func (s *session) uncordonCommand() *cobra.Command {
	return s.operatorCommand("uncordon NODE", "Let a node take units again", "open again", false)
}

func (s *session) operatorCommand(use, short, done string, cordon bool) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: short + ".\n\n" + doneJSON, Args: arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			name, err := nodeNamed(args[0])
			if err != nil {
				return err
			}
			cluster, err := s.connect()
			if err != nil {
				return err
			}
			changed, err := cluster.operate(c.Context(), name, decision{
				verb: "change node %s", done: "was changed",
				decide: func(_ *registry.Snapshot, o *units.Operator) (bool, []registry.Compare, error) {
					needed := o.Cordon != cordon
					o.Cordon = cordon
					return needed, nil, nil
				},
			})
			if err != nil {
				return err
			}
			return s.sayDone(name, done, changed)
		},
	}
}

// doneView is `nsched cordon -o json`, and that of what else a person says of a node.
type doneView struct {
	Node    units.NodeName `json:"node"`
	Changed bool           `json:"changed"`
}

const doneJSON = "JSON: {node, changed}. What is so already is no error, and changes nothing."

// sayDone tells people what a node is now, and programs whether that is new.
func (s *session) sayDone(name units.NodeName, done string, changed bool) error {
	if !changed {
		done += " already"
	}
	_, _ = fmt.Fprintf(s.errs, "node %s is %s\n", name, done)
	if !s.structured() {
		return nil
	}
	return s.print(doneView{Node: name, Changed: changed}, table{})
}

// decision is one change of what operators have decided about a node.
type decision struct {
	verb string // "change node %s"
	done string // "was changed": what may have happened when an answer is lost
	// scope is what has to be read besides the decision itself and the registration.
	scope scope
	// decide changes what was decided, unless that is not needed, and says what else has to be as it was read.
	decide func(s *registry.Snapshot, o *units.Operator) (needed bool, also []registry.Compare, err error)
}

// operate carries a decision out on a registered node and reports whether that changed anything; see alter. An
// answer that is lost is asked for again.
func (c cluster) operate(ctx context.Context, name units.NodeName, d decision) (bool, error) {
	key := c.keys.Operator(name)
	d.scope.keys = append(d.scope.keys, key, c.keys.Node(name))
	asked := false
	for range alterTries {
		snapshot, err := c.read(ctx, d.scope)
		if err != nil {
			if asked {
				err = exit(exitUnreachable, "it is not known whether node %s %s: %w; see nsched nodes %s", name, d.done, err, name)
			}
			return false, err
		}
		o, extra, revision, err := c.operator(snapshot, name)
		if err != nil {
			return false, err
		}
		if revisionOf(snapshot, c.keys.Node(name)) == 0 {
			return false, exit(exitFailed, "there is no node %s; see nsched nodes", name)
		}
		needed, also, err := d.decide(snapshot, &o)
		if err != nil {
			return false, err
		}
		if !needed {
			return asked, nil
		}
		value, err := registry.Encode(o, extra)
		if err != nil {
			return false, err
		}
		res, err := c.Txn(ctx, registry.Txn{
			If:   append([]registry.Compare{{Key: key, Target: registry.ModRevision, Number: revision}}, also...),
			Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: value}},
		})
		switch {
		case err == nil && res.Succeeded:
			return true, nil
		case errors.Is(err, registry.ErrUnknownOutcome):
			asked = true
		case err != nil:
			return false, fmt.Errorf(d.verb+": %w", name, err)
		}
	}
	return false, exit(exitChanged, "node %s is being changed by others all the time; nothing was done", name)
}

// revisionOf is the mod revision of a key, also of one whose value cannot be read; 0 where there is none.
func revisionOf(s *registry.Snapshot, key string) int64 {
	for bad := range s.Bad(key) {
		if bad.Key == key {
			return bad.ModRevision
		}
	}
	item, ok := s.Item(key)
	if !ok {
		return 0
	}
	return item.Raw.ModRevision
}

// operator is what operators have decided about a node, and the revision of that; 0 is nothing.
func (c cluster) operator(s *registry.Snapshot, name units.NodeName) (o units.Operator, _ registry.Extra, revision int64, _ error) {
	key := c.keys.Operator(name)
	for bad := range s.Bad(key) {
		if bad.Key == key {
			return o, registry.Extra{}, 0, fmt.Errorf("change node %s: %w; mend or delete the key", name, bad.Err)
		}
	}
	item, ok := s.Item(key)
	if !ok {
		return o, registry.Extra{}, 0, nil
	}
	o, _ = item.Decoded.(units.Operator)
	return o, item.Extra, item.Raw.ModRevision, nil
}
