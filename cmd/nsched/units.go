package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// unitView is one unit in `nsched units -o json`.
type unitView struct {
	Unit      string            `json:"unit"`
	Node      units.NodeName    `json:"node"`
	Desired   units.Desired     `json:"desired,omitempty"`
	State     units.State       `json:"state,omitempty"`
	Health    units.Health      `json:"health,omitempty"`
	Restarts  int               `json:"restarts,omitempty"`
	PID       int               `json:"pid,omitempty"`
	Orphan    bool              `json:"orphan,omitempty"`
	Addresses []string          `json:"addresses,omitempty"`
	Ports     map[string]uint16 `json:"ports,omitempty"`
	Reason    units.Reason      `json:"reason,omitzero"`

	unit     units.UnitID
	assigned bool
}

// unitScope is what c.units needs.
func (c cluster) unitScope() scope {
	return scope{prefixes: []string{
		c.keys.Under(registry.KindUnit), c.keys.Under(registry.KindStatus), c.keys.Under(registry.KindEndpoint),
	}}
}

// units gathers what scheduler and nodes say of every unit, sorted.
func (c cluster) units(s *registry.Snapshot) []unitView {
	type place struct {
		node units.NodeName
		unit units.UnitID
	}
	found := map[place]*unitView{}
	at := func(key registry.Key) *unitView {
		p := place{key.Node, key.Unit}
		if found[p] == nil {
			found[p] = &unitView{Unit: key.Unit.String(), Node: key.Node, unit: key.Unit}
		}
		return found[p]
	}
	for key, a := range registry.All[units.Assignment](s, c.keys.Under(registry.KindUnit)) {
		u := at(key)
		u.assigned, u.Desired, u.Ports, u.State = true, a.Desired, a.Ports, units.StateAssigned
	}
	for key, st := range registry.All[units.Status](s, c.keys.Under(registry.KindStatus)) {
		u := at(key)
		u.State, u.Health, u.Restarts, u.PID = st.State, st.Health, st.Restarts, st.PID
		u.Orphan, u.Reason = st.Orphan, st.Reason
	}
	for key, e := range registry.All[units.Endpoint](s, c.keys.Under(registry.KindEndpoint)) {
		u := at(key)
		u.Addresses, u.Ports = e.Addresses, e.Ports
	}
	for _, kind := range []registry.Kind{registry.KindUnit, registry.KindStatus} {
		for bad := range s.Bad(c.keys.Under(kind)) {
			if bad.ID.Node == "" {
				continue
			}
			u := at(bad.ID)
			u.assigned = u.assigned || kind == registry.KindUnit
			u.Reason = units.Reason{Code: units.ReasonUndecodable, Message: bad.Err.Error()}
		}
	}
	list := make([]unitView, 0, len(found))
	for _, u := range found {
		list = append(list, *u)
	}
	slices.SortFunc(list, func(a, b unitView) int {
		if n := a.unit.Compare(b.unit); n != 0 {
			return n
		}
		return strings.Compare(string(a.Node), string(b.Node))
	})
	return list
}

func (s *session) unitsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "units [APP|UNIT]",
		Short: "List units, where they are and how they are",
		Long: "List units, where they are and how they are.\n\n" +
			"JSON: a list of {unit, node, desired, state, health, restarts, pid, orphan, addresses, ports, reason:\n" +
			"{code, message}}. desired is the scheduler's word, addresses are there while the unit is healthy, and an\n" +
			"orphan runs without being assigned.",
		Args: arguments(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			ns, err := s.namespace()
			if err != nil {
				return err
			}
			var only *subject
			if len(args) == 1 {
				t, err := s.subjectNamed(args[0])
				if err != nil {
					return err
				}
				only, ns = &t, t.app.Namespace
			}
			cluster, err := s.connect()
			if err != nil {
				return err
			}
			return s.show(c.Context(), cluster, cluster.unitScope(), func(snapshot *registry.Snapshot) error {
				views := []unitView{}
				t := table{columns: []string{"UNIT", "NODE", "STATE", "+DESIRED", "+ADDRESSES", "+ID", "REASON"}}
				for _, u := range cluster.units(snapshot) {
					if only != nil && !only.has(u.unit) || only == nil && !s.flags.all && u.unit.Namespace != ns {
						continue
					}
					views = append(views, u)
					t.add(unitName(u.unit), string(u.Node), string(u.State), string(u.Desired), u.where(), u.Unit, u.Reason.String())
				}
				return s.print(views, t)
			})
		},
	}
	return uses(c, "namespace", "all-namespaces", "watch")
}

// where lists address:port of every named port.
func (u unitView) where() string {
	if len(u.Addresses) == 0 {
		return ""
	}
	var list []string
	for _, name := range sortedKeys(u.Ports) {
		list = append(list, name+"="+joinPort(u.Addresses[0], u.Ports[name]))
	}
	if len(list) == 0 {
		return u.Addresses[0]
	}
	return strings.Join(list, " ")
}
