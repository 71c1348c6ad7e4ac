package placement

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nsched/nsched/units"
)

// class is what many nodes have in common: every attribute but the name. Whether an app may run on a
// node is asked once per class.
type class struct {
	system, os, kernel, pool string
	traits                   string // sorted, between commas
	labels                   map[string]string
	namespaces               []units.Namespace // empty admits all
	schema                   int
}

func classOf(n units.Node) class {
	traits := make([]string, 0, len(n.Traits))
	for _, t := range n.Traits {
		traits = append(traits, string(t))
	}
	slices.Sort(traits)
	return class{
		system: n.System, os: n.OS, kernel: n.Kernel, pool: n.Pool,
		traits: strings.Join(slices.Compact(traits), ","), labels: n.Labels,
		namespaces: n.Namespaces, schema: n.AppSchema,
	}
}

// key is equal for equal classes and for no others.
func (c class) key() string {
	var b strings.Builder
	word := func(text string) {
		b.WriteString(strconv.Itoa(len(text)))
		b.WriteByte(':')
		b.WriteString(text)
	}
	for _, text := range []string{c.system, c.os, c.kernel, c.pool, c.traits, strconv.Itoa(c.schema)} {
		word(text)
	}
	for _, ns := range slices.Compact(slices.Sorted(slices.Values(c.namespaces))) {
		word(string(ns))
	}
	b.WriteByte('|')
	for _, k := range slices.Sorted(maps.Keys(c.labels)) {
		word(k)
		word(c.labels[k])
	}
	return b.String()
}

// arch returns the processor's name out of the Nix system: x86_64-linux runs on an x86_64.
func (c class) arch() string {
	arch, _, _ := strings.Cut(c.system, "-")
	return arch
}

// attribute returns the value of an attribute and whether the node has it. Only node.name needs the
// name: all else is the class's.
func (c class) attribute(name units.NodeName, attribute string) (string, bool) {
	value := ""
	switch attribute {
	case units.AttributeName:
		value = string(name)
	case units.AttributeArch:
		value = c.arch()
	case units.AttributeOS:
		value = c.os
	case units.AttributeKernel:
		value = c.kernel
	case units.AttributePool:
		value = c.pool
	case units.AttributeTraits:
		value = c.traits
	default:
		key, isLabel := strings.CutPrefix(attribute, units.AttributeLabel)
		value, set := c.labels[key]
		return value, isLabel && set
	}
	return value, value != ""
}

// verdict is why nodes cannot host a spec: a reason's code, and for constraint-unmet which of them.
type verdict struct {
	code string
	item int
}

func (v verdict) ok() bool { return v.code == "" }

// refuses returns the first thing that is wrong with a node for a spec whatever else runs there; ok if
// nothing is. Constraints on node.name count only with a name.
func (c class) refuses(s *Spec, name units.NodeName) verdict {
	switch {
	case c.schema < s.schema:
		return verdict{code: units.ReasonNodeOld}
	case len(s.systems) > 0 && !slices.Contains(s.systems, c.system):
		return verdict{code: units.ReasonWrongArch}
	case len(c.namespaces) > 0 && !slices.Contains(c.namespaces, s.id.Namespace):
		return verdict{code: units.ReasonNotPermitted}
	case s.pool != "" && s.pool != c.pool:
		return verdict{code: units.ReasonWrongPool}
	}
	for i := range s.constraints {
		con := &s.constraints[i]
		if con.Attribute == units.AttributeName && name == "" {
			continue
		}
		if value, set := c.attribute(name, con.Attribute); !con.holds(value, set) {
			return verdict{code: units.ReasonConstraintUnmet, item: i}
		}
	}
	return verdict{}
}
