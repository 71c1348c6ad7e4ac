package placement

import "github.com/nsched/nsched/units"

// eligible returns the nodes that could host the generation if nothing else ran there and nobody kept
// them closed. It is made once for each version of the nodes, and asks once per class.
func (s *State) eligible(g *generation) bitset {
	if g.fit != nil && g.fitVersion == s.version {
		return g.fit
	}
	may := make([]bool, len(s.classes))
	for i, c := range s.classes {
		may[i] = c.refuses(g.spec, "").ok()
	}
	fit := newBitset(len(s.nodes))
	for i := range s.nodes {
		class := s.nodes[i].class
		if class < 0 || !may[class] {
			continue
		}
		if g.spec.ownName && !s.classes[class].refuses(g.spec, s.names[i]).ok() {
			continue
		}
		fit.set(int32(i))
	}
	g.fit, g.fitVersion = fit, s.version
	return fit
}

// crowd is where units of one app are: how many on each node, and how many by each value of the
// attributes that it must be distinct in. It is kept for one app at a time.
type crowd struct {
	of      *app
	spec    *Spec
	on      []int32
	touched []int32
	shared  []map[string]int32 // by the spec's distinct
}

// join counts one unit more, or less, on a node.
func (s *State) join(c *crowd, i, by int32) {
	c.on[i] += by
	c.touched = append(c.touched, i)
	for k, d := range c.spec.distinct {
		if value, set := s.attribute(i, d.attribute); set && !d.perNode {
			c.shared[k][value] += by
		}
	}
}

func (s *State) attribute(i int32, attribute string) (string, bool) {
	if s.nodes[i].class < 0 {
		return "", false
	}
	return s.classes[s.nodes[i].class].attribute(s.names[i], attribute)
}

// lacks returns why an eligible, open node has no room for one more unit now; ok if it has.
func (s *State) lacks(c *crowd, i int32) verdict {
	n, spec := &s.nodes[i], c.spec
	switch {
	case n.free.cpu < spec.need.cpu:
		return verdict{code: units.ReasonInsufficientCPU}
	case n.free.memory < spec.need.memory:
		return verdict{code: units.ReasonInsufficientMemory}
	case n.free.disk < spec.need.disk:
		return verdict{code: units.ReasonInsufficientDisk}
	}
	for k, d := range spec.distinct {
		if d.perNode && c.on[i] >= d.limit {
			return verdict{code: units.ReasonDistinct, item: k}
		}
		if value, set := s.attribute(i, d.attribute); !d.perNode && set && c.shared[k][value] >= d.limit {
			return verdict{code: units.ReasonDistinct, item: k}
		}
	}
	for k, a := range spec.ports {
		if a.port != 0 && !s.ports[i].free(keyOf(a.protocol, a.port)) {
			return verdict{code: units.ReasonPortTaken, item: k}
		}
	}
	for protocol := range spec.dynamic {
		if n.dynamic[protocol] < spec.dynamic[protocol] {
			return verdict{code: units.ReasonNoPortFree, item: protocol}
		}
	}
	return verdict{}
}
