package placement

import "github.com/nsched/nsched/units"

// Fits reports whether any registered node could ever host one unit of the spec: by its attributes, its
// total capacity and the ports it keeps, as if it were empty, open and alive. If none could, the reason
// sums up and there is one entry for each class of nodes.
func Fits(spec *Spec, nodes []Node) (ok bool, reason units.Reason, classes []NodeReason) {
	empty := &State{nodeByName: make(map[units.NodeName]int32), classByKey: make(map[string]int32)}
	for _, n := range nodes {
		n.Standing, n.Cordon, n.Drain, n.Busy = Ready, false, false, nil
		empty.PutNode(n)
	}
	p := planner{state: empty}
	c := p.gather(&app{id: spec.id}, spec)
	for i := range empty.nodes {
		if empty.nodes[i].class >= 0 && empty.verdict(c, int32(i)).ok() {
			return true, units.Reason{}, nil
		}
	}
	classes = empty.reasons(c, -1)
	return false, sumUp(classes), classes
}
