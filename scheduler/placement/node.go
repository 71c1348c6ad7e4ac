package placement

import "github.com/nsched/nsched/units"

// node is what every scan looks at, one beside the other in one array without a pointer.
type node struct {
	free     room // below zero if more is assigned than the node offers
	total    room
	hash     uint64
	tenure   int64
	class    int32 // -1: not registered, or not readable
	dynamic  [protocols]int32
	standing Standing
	cordon   bool
	drain    bool
}

// past is what decides whether a node may still run what it was once given. No scan looks at it.
type past struct {
	registered bool // the registry knows the node
	alive      bool
	confirmed  bool
	lostAtMs   int64
}

// open reports whether the node takes new units at all.
func (n *node) open() bool {
	return n.class >= 0 && n.standing == Ready && !n.cordon && !n.drain
}

// former reports whether the node's tenure began before the registry was restored: its guard may not have
// seen that yet, and then gives the tenure up when it does.
func (s *State) former(i int32) bool {
	return s.epoch.Since != 0 && s.nodes[i].tenure <= s.epoch.Since
}

// takes reports whether the node takes units of a spec, if they fit.
func (s *State) takes(i int32, spec *Spec) bool {
	return s.nodes[i].open() && !(spec.bound && s.former(i))
}

// closed is why the node takes no new units, or none of a spec.
func (s *State) closed(i int32, spec *Spec) string {
	n := &s.nodes[i]
	switch {
	case n.standing != Ready:
		return n.standing.refusal()
	case n.drain:
		return units.ReasonNodeDraining
	case n.cordon:
		return units.ReasonNodeCordoned
	case spec.bound && s.former(i):
		return ReasonFormerTenure
	}
	return ""
}

// PutNode adds or replaces a node.
func (s *State) PutNode(n Node) {
	i := s.nodeIndex(n.Name)
	s.describe(i, n)
	s.pasts[i].registered = n.Standing != Forgotten
}

// RemoveNode forgets what is known about a node. Units that are still assigned there are kept, as on
// every node that nothing is known about.
func (s *State) RemoveNode(name units.NodeName) {
	if i, known := s.nodeByName[name]; known {
		s.describe(i, Node{Name: name, Problem: units.Reason{Code: units.ReasonNoNode, Message: "is not registered"}})
	}
}

func (s *State) describe(i int32, n Node) {
	row := &s.nodes[i]
	used, class := row.total.minus(row.free), row.class
	row.standing, row.tenure, row.cordon, row.drain = n.Standing, n.Tenure, n.Cordon, n.Drain
	s.pasts[i] = past{
		alive: n.Alive || n.Standing == Ready || n.Standing == AgentDown, confirmed: n.Confirmed, lostAtMs: n.LostAtMs,
	}
	row.class, row.total = -1, room{}
	if n.Problem.IsZero() && n.Standing != Forgotten {
		row.class = s.classIndex(classOf(n.Record))
		row.total = roomOf(n.Record.Capacity, offerLimit)
	}
	row.free = row.total.minus(used)
	if row.class != class {
		s.version++
	}
	s.whys[i] = n.Why
	ports := newPortSet(n.Record.ReservedPorts, n.Busy)
	ports.used = s.ports[i].used
	s.ports[i] = ports
	row.dynamic = ports.dynamicFree()
}

// nodeIndex returns the node's row, a new one of which nothing is known if there is none.
func (s *State) nodeIndex(name units.NodeName) int32 {
	if i, known := s.nodeByName[name]; known {
		return i
	}
	i := int32(len(s.nodes))
	s.nodeByName[name] = i
	s.nodes = append(s.nodes, node{class: -1, hash: hashText(fnvOffset, string(name))})
	s.names = append(s.names, name)
	s.whys = append(s.whys, units.Reason{})
	s.pasts = append(s.pasts, past{})
	s.ports = append(s.ports, portSet{})
	s.version++
	return i
}

func (s *State) classIndex(c class) int32 {
	key := c.key()
	i, known := s.classByKey[key]
	if !known {
		i = int32(len(s.classes))
		s.classByKey[key] = i
		s.classes = append(s.classes, c)
	}
	return i
}

// charge is what one unit takes from its node.
type charge struct {
	room  room
	ports []portKey
}

func (s *State) take(i int32, c charge) {
	row := &s.nodes[i]
	row.free = row.free.minus(c.room)
	for _, key := range c.ports {
		if s.ports[i].add(key) && dynamicPort(key.port()) && !s.ports[i].never(key) {
			row.dynamic[key.protocol()]--
		}
	}
}

func (s *State) release(i int32, c charge) {
	row := &s.nodes[i]
	row.free = row.free.plus(c.room)
	for _, key := range c.ports {
		if s.ports[i].remove(key) && dynamicPort(key.port()) && !s.ports[i].never(key) {
			row.dynamic[key.protocol()]++
		}
	}
}
