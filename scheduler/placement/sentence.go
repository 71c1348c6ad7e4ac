package placement

import (
	"fmt"
	"strings"

	"github.com/nsched/nsched/units"
)

// margin returns what a node of a verdict has of the thing that it lacks: the more, the closer.
func (s *State) margin(spec *Spec) func(verdict, int32) int64 {
	return func(v verdict, i int32) int64 {
		n := &s.nodes[i]
		switch v.code {
		case units.ReasonInsufficientCPU:
			return n.free.cpu
		case units.ReasonInsufficientMemory:
			return n.free.memory
		case units.ReasonInsufficientDisk:
			return n.free.disk
		case units.ReasonNoPortFree:
			return int64(n.dynamic[v.item])
		}
		return 0
	}
}

// sentence says a verdict to people; nearest is the node that came closest out of count.
func (s *State) sentence(spec *Spec, v verdict, nearest int32, count int) string {
	n := &s.nodes[nearest]
	short := func(what string, text func(int64) string, wants, free, total int64) string {
		has, left := free, "free"
		if total < wants {
			has, left = total, "in all"
		}
		return fmt.Sprintf("not enough %s: wants %s, the best (%s) has %s %s", what, text(wants), s.names[nearest], text(has), left)
	}
	switch v.code {
	case units.ReasonInsufficientCPU:
		return short("cpu", cpuText, spec.need.cpu, n.free.cpu, n.total.cpu)
	case units.ReasonInsufficientMemory:
		return short("memory", bytesText, spec.need.memory, n.free.memory, n.total.memory)
	case units.ReasonInsufficientDisk:
		return short("disk", bytesText, spec.need.disk, n.free.disk, n.total.disk)
	case units.ReasonPortTaken:
		a := spec.ports[v.item]
		return fmt.Sprintf("port %d/%s (%s) is taken or kept", a.port, protocolNames[a.protocol], a.name)
	case units.ReasonNoPortFree:
		return fmt.Sprintf("wants %d %s ports of %d to %d, the best (%s) has %d free", spec.dynamic[v.item], protocolNames[v.item],
			units.DynamicPortFirst, units.DynamicPortLast, s.names[nearest], n.dynamic[v.item])
	case units.ReasonDistinct:
		return distinctText(spec.distinct[v.item])
	}
	class := s.classes[n.class]
	return class.sentence(spec, v, s.names[nearest], count)
}

func distinctText(d distinct) string {
	if d.perNode {
		return "distinct_hosts: a unit of the app is there"
	}
	return fmt.Sprintf("distinct_property: no more than %d may share a value of %s", d.limit, d.attribute)
}

// sentence says what is wrong with the nodes of a class, whatever runs there.
func (c class) sentence(spec *Spec, v verdict, name units.NodeName, count int) string {
	has := "has"
	if count > 1 {
		has = string(name) + " has"
	}
	switch v.code {
	case units.ReasonNodeOld:
		return fmt.Sprintf("wants app schema %d, %s knows %d", spec.schema, name, c.schema)
	case units.ReasonWrongArch:
		return fmt.Sprintf("there is a path for %s, %s %s", strings.Join(spec.systems, " and "), has, c.system)
	case units.ReasonNotPermitted:
		return fmt.Sprintf("admits no units of namespace %s", spec.id.Namespace)
	case units.ReasonWrongPool:
		return fmt.Sprintf("is not in pool %s", spec.pool)
	case units.ReasonConstraintUnmet:
		con := spec.constraints[v.item].Constraint
		value, set := c.attribute(name, con.Attribute)
		if !set {
			return fmt.Sprintf("%s: %s none", describe(con), has)
		}
		return fmt.Sprintf("%s: %s %q", describe(con), has, value)
	case units.ReasonNodeLost:
		return "is lost, or nobody knows yet"
	case units.ReasonNodeAgentLost:
		return "its daemon is down"
	case units.ReasonNodeCordoned:
		return "is cordoned"
	case units.ReasonNodeDraining:
		return "is being drained"
	case ReasonFormerTenure:
		return "has not begun a new tenure since etcd was restored"
	}
	return v.code
}

func cpuText(n int64) string { return units.CPUMilli(max(0, n)).String() }

// bytesText rounds down to hundredths of a Gi or Mi where the exact number is long: what is free is never
// exaggerated.
func bytesText(n int64) string {
	n = max(0, n)
	exact := units.Bytes(n).String()
	if n < 1<<20 || len(exact) <= 7 {
		return exact
	}
	unit, suffix := int64(1<<20), "Mi"
	if n >= 10<<30 {
		unit, suffix = 1<<30, "Gi"
	}
	return fmt.Sprintf("%d.%02d%s", n/unit, n%unit*100/unit, suffix)
}
