package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// explainView is `nsched explain -o json`.
type explainView struct {
	App        string           `json:"app"`
	State      string           `json:"state"`
	Generation units.Generation `json:"generation"`
	Rollout    units.Rollout    `json:"rollout,omitzero"`
	Slots      []explainSlot    `json:"slots"`
	Problems   []string         `json:"problems,omitempty"`
}

// explainSlot is a slot, why it is as it is, and what its units say.
type explainSlot struct {
	slotView
	Units []unitView `json:"units"`
}

func (s *session) explainCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "explain APP|UNIT",
		Short: "Say why an app or a unit is as it is",
		Long: "Say why an app or a unit is as it is: what the scheduler says of each slot, counting every node, and what\n" +
			"the nodes say of each attempt that there still is.\n\n" +
			"JSON: {app, state, generation, rollout, slots: [{slot, unit, node, state, health, ready, reason, units}],\n" +
			"problems}, units being as in nsched units.",
		Args: arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := s.subjectNamed(args[0])
			if err != nil {
				return err
			}
			cluster, err := s.connect()
			if err != nil {
				return err
			}
			w := cluster.appScope(t.app.Namespace, t.app.Name)
			w.prefixes = append(w.prefixes, cluster.unitScope().prefixes...)
			w.prefixes = append(w.prefixes, cluster.keys.Under(registry.KindLeader))
			return s.show(c.Context(), cluster, w, func(snapshot *registry.Snapshot) error {
				return s.explain(cluster, snapshot, t)
			})
		},
	}
	return uses(c, "namespace", "watch")
}

func (s *session) explain(c cluster, snapshot *registry.Snapshot, t subject) error {
	a := c.app(snapshot, t.app)
	if !a.exists() {
		return exit(exitFailed, "there is no app %s; see nsched status -A", t.app)
	}
	all := a.view()
	v := explainView{
		App: t.app.String(), State: all.State, Generation: a.intent.Generation,
		Rollout: a.rollouts[a.intent.Generation], Slots: []explainSlot{}, Problems: all.Problems,
	}
	attempts := map[units.Slot][]unitView{}
	for _, u := range c.units(snapshot) {
		if t.has(u.unit) {
			attempts[u.unit.Slot] = append(attempts[u.unit.Slot], u)
			if _, summed := a.slots[u.unit.Slot]; !summed {
				a.slots[u.unit.Slot] = slotFacts{}
			}
		}
	}
	for _, slot := range a.inOrder() {
		if t.slot != "" && slot != t.slot {
			continue
		}
		f := a.slots[slot]
		v.Slots = append(v.Slots, explainSlot{
			slotView: slotView{
				Slot: slot, Unit: f.Unit, Node: f.Node, State: f.State, Health: f.Health,
				Ready: a.ready(f, a.intent.Generation), Reason: f.Reason,
			},
			Units: append([]unitView{}, attempts[slot]...),
		})
	}
	if t.slot != "" && len(v.Slots) == 0 {
		return exit(exitFailed, "%s has no slot %s; see nsched status %s", t.app, t.slot, t.app)
	}
	if s.structured() {
		return s.print(v, table{})
	}
	led := false
	for range snapshot.Items(c.keys.Under(registry.KindLeader)) {
		led = true
	}
	_, err := fmt.Fprint(s.out, v.text(a, led))
	return err
}

// text is the explanation for people.
func (v explainView) text(a *appFacts, led bool) string {
	var b strings.Builder
	say := func(indent int, format string, args ...any) {
		b.WriteString(strings.Repeat("  ", indent))
		b.WriteString(plainLine(fmt.Sprintf(format, args...)))
		b.WriteByte('\n')
	}
	say(0, "%s: %s, generation %d, %d of %d ready", v.App, v.State, v.Generation, a.readyCount(), a.wanted())
	if !led {
		say(0, "no scheduler leads: nothing is placed, replaced or stopped, and what runs goes on")
	}
	if v.Rollout.Reason.Message != "" {
		say(0, "rollout %s: %s", v.Rollout.Phase, v.Rollout.Reason.Message)
	}
	for _, p := range v.Problems {
		say(0, "problem: %s", p)
	}
	if len(v.Slots) == 0 && !a.intent.Stopped && led && v.State != "running" {
		say(0, "the scheduler has not said anything of it: no node may fit it, or it is about to")
	}
	for _, slot := range v.Slots {
		head := fmt.Sprintf("%s:%s", appName(a.id), slot.Slot)
		switch {
		case slot.Unit == "":
			head += " has no unit"
		default:
			head += fmt.Sprintf(" is %s on %s", slot.State, slot.Node)
		}
		say(0, "%s", head)
		if !slot.Reason.IsZero() {
			for part := range strings.SplitSeq(slot.Reason.String(), "; ") {
				say(1, "%s", part)
			}
		}
		for _, u := range slot.Units {
			line := fmt.Sprintf("%s on %s: %s", u.Unit, u.Node, u.State)
			if u.Desired == units.DesiredStop {
				line += ", told to stop"
			}
			if u.Orphan {
				line += ", an orphan"
			}
			if u.Restarts > 0 {
				line += fmt.Sprintf(", restarted %d times", u.Restarts)
			}
			if !u.Reason.IsZero() {
				line += ": " + u.Reason.String()
			}
			say(1, "%s", line)
		}
	}
	return b.String()
}
