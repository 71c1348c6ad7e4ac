package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// slotView is one slot in `nsched status -o json`.
type slotView struct {
	Slot   units.Slot     `json:"slot"`
	Unit   string         `json:"unit,omitempty"`
	Node   units.NodeName `json:"node,omitempty"`
	State  units.State    `json:"state,omitempty"`
	Health units.Health   `json:"health,omitempty"`
	Ready  bool           `json:"ready"`
	Reason units.Reason   `json:"reason,omitzero"`
}

// appView is one app in `nsched status -o json`.
type appView struct {
	Namespace  units.Namespace   `json:"namespace"`
	Name       units.AppName     `json:"name"`
	State      string            `json:"state"`
	Type       units.AppType     `json:"type,omitempty"`
	Owner      string            `json:"owner,omitempty"`
	Submitter  string            `json:"submitter,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	Generation units.Generation  `json:"generation"`
	Rollout    units.Phase       `json:"rollout,omitempty"`
	Ready      int               `json:"ready"`
	Wanted     int               `json:"wanted"`
	Stopped    bool              `json:"stopped"`
	Revision   int64             `json:"revision"`
	Slots      []slotView        `json:"slots"`
	Problems   []string          `json:"problems,omitempty"`
}

const statusJSON = "JSON: {namespace, name, state, type, owner, submitter, labels, generation, rollout, ready, wanted, stopped,\n" +
	"revision, slots: [{slot, unit, node, state, health, ready, reason: {code, message}}], problems}. state is one of\n" +
	"running, starting, failing, unplaced, stopping, stopped, paused, unreadable. revision is for\n" +
	"submit --check-revision. Without APP it is a list of these.\n\n" +
	"On a node that is cut off from etcd it says so, shows that node's own units and exits with 6. JSON: {node,\n" +
	"cutOff: {since, reason, running}, units: [{unit, state, health, reason: {code, message}}]}."

func (s *session) statusCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "status [APP]",
		Short: "Show apps, or one app with its units",
		Long:  "Show apps, or one app with its units.\n\n" + statusJSON,
		Args:  arguments(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			cluster, err := s.connect()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				id, err := s.appNamed(args[0])
				if err != nil {
					return err
				}
				err = s.show(c.Context(), cluster, cluster.appScope(id.Namespace, id.Name), func(snapshot *registry.Snapshot) error {
					return s.showApp(cluster.app(snapshot, id))
				})
				return s.orLocal(c.Context(), err, func(u units.UnitID) bool { return u.AppID() == id })
			}
			return s.showApps(c, cluster)
		},
	}
	return uses(c, "namespace", "all-namespaces", "selector", "watch")
}

func (s *session) showApps(c *cobra.Command, cluster cluster) error {
	ns, err := s.namespace()
	if err != nil {
		return err
	}
	if s.flags.all {
		ns = ""
	}
	labels, err := s.selector()
	if err != nil {
		return err
	}
	err = s.show(c.Context(), cluster, cluster.appScope(ns, ""), func(snapshot *registry.Snapshot) error {
		views := []appView{}
		t := table{columns: []string{"APP", "STATE", "READY", "GENERATION", "+TYPE", "+OWNER", "+SUBMITTER", "+REVISION"}}
		if s.flags.all {
			t.columns = append([]string{"NAMESPACE"}, t.columns...)
		}
		for _, a := range cluster.apps(snapshot) {
			if len(labels) > 0 && (a.app == nil || !selected(a.app.Labels, labels)) {
				continue
			}
			v := a.view()
			views = append(views, v)
			cells := []string{
				string(v.Name), v.State, fmt.Sprintf("%d/%d", v.Ready, v.Wanted), strconv.FormatInt(int64(v.Generation), 10),
				string(v.Type), v.Owner, v.Submitter, strconv.FormatInt(v.Revision, 10),
			}
			if s.flags.all {
				cells = append([]string{string(v.Namespace)}, cells...)
			}
			t.add(cells...)
		}
		return s.print(views, t)
	})
	if len(labels) > 0 {
		return err // a node does not know them
	}
	return s.orLocal(c.Context(), err, func(u units.UnitID) bool { return ns == "" || u.Namespace == ns })
}

func (s *session) showApp(a *appFacts) error {
	if !a.exists() {
		return exit(exitFailed, "there is no app %s; see nsched status -A", a.id)
	}
	v := a.view()
	t := table{columns: []string{"SLOT", "NODE", "STATE", "+UNIT", "REASON"}}
	for _, slot := range v.Slots {
		t.add(string(slot.Slot), string(slot.Node), string(slot.State), slot.Unit, slot.Reason.String())
	}
	if !s.structured() {
		_, _ = fmt.Fprintf(s.out, "%s: %s, generation %d, %d of %d ready\n", a.id, v.State, v.Generation, v.Ready, v.Wanted)
		for _, p := range v.Problems {
			_, _ = fmt.Fprintf(s.out, "problem: %s\n", plainLine(p))
		}
		if len(t.rows) == 0 {
			return nil
		}
	}
	return s.print(v, t)
}

func (a *appFacts) view() appView {
	v := appView{
		Namespace: a.id.Namespace, Name: a.id.Name, State: a.word(), Submitter: a.submitter,
		Generation: a.intent.Generation, Rollout: a.rollouts[a.intent.Generation].Phase,
		Ready: a.readyCount(), Wanted: a.wanted(), Stopped: a.intent.Stopped, Revision: a.revision,
		Slots: []slotView{}, Problems: a.problems,
	}
	if a.app != nil {
		v.Type, v.Owner, v.Labels = a.app.Type, a.app.Owner, a.app.Labels
	}
	for _, slot := range a.inOrder() {
		f := a.slots[slot]
		v.Slots = append(v.Slots, slotView{
			Slot: slot, Unit: f.Unit, Node: f.Node, State: f.State, Health: f.Health,
			Ready: a.ready(f, a.intent.Generation), Reason: f.Reason,
		})
	}
	return v
}

// word is the app's state in one word.
func (a *appFacts) word() string {
	failing, unplaced := false, false
	for _, slot := range a.slots {
		failing = failing || slot.failed()
		unplaced = unplaced || slot.Unit == ""
	}
	switch {
	case a.revision == 0 || a.app == nil:
		return "unreadable"
	case a.intent.Stopped && len(a.slots) > 0:
		return "stopping"
	case a.intent.Stopped:
		return "stopped"
	case failing:
		return "failing"
	case a.intent.Paused:
		return "paused"
	case a.readyCount() >= a.wanted() && (a.wanted() > 0 || a.intent.Count == 0):
		return "running"
	case unplaced || len(a.slots) == 0:
		return "unplaced"
	}
	return "starting"
}

// failed reports whether an attempt of the slot has failed.
func (f slotFacts) failed() bool {
	return f.State == units.StateFailed || f.Reason.Code == units.ReasonBackoff
}
