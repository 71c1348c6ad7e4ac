package placement

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/nsched/nsched/units"
)

// refusal is an entry of Unplaced whose reasons are found at the end of the plan, when nothing is
// given away any more: what they say is true of the cluster as the plan leaves it.
type refusal struct {
	entry int
	w     *work
	g     *generation
	only  int32
}

// refuse notes that no node has room for a slot. The old unit, if there is one, stays.
func (p *planner) refuse(w *work, g *generation, f *fill, old *unit) {
	gap := Unplaced{App: w.app.id, Slot: f.slot, Generation: g.number}
	if old == nil && len(f.lost) > 0 {
		old = f.lost[0]
	}
	if old != nil {
		gap.Incumbent = old.id(w.app)
	}
	p.refused = append(p.refused, refusal{entry: len(p.out.Unplaced), w: w, g: g, only: f.only})
	p.out.Unplaced = append(p.out.Unplaced, gap)
}

func (p *planner) explain() {
	said := make(map[*generation][]NodeReason) // slots of one generation share it
	for _, r := range p.refused {
		reasons, known := said[r.g]
		if !known || r.only >= 0 {
			reasons = p.state.reasons(p.gather(r.w.app, r.g.spec), r.only)
		}
		if r.only < 0 {
			said[r.g] = reasons
		}
		p.out.Unplaced[r.entry].Nodes = reasons
		p.out.Unplaced[r.entry].Reason = sumUp(reasons)
	}
	slices.SortFunc(p.out.Unplaced, func(a, b Unplaced) int {
		return cmp.Or(a.App.Compare(b.App), units.CompareSlots(a.Slot, b.Slot))
	})
}

// reasons asks every registered node, or one, why it takes no unit, and counts equal answers. Those that
// came closest are first.
func (s *State) reasons(c *crowd, only int32) []NodeReason {
	return tally(len(s.nodes), func(i int32) (units.NodeName, verdict, bool) {
		if only >= 0 && i != only || s.nodes[i].class < 0 {
			return "", verdict{}, false
		}
		return s.names[i], s.verdict(c, i), true
	}, func(v verdict, i int32, count int) string { return s.sentence(c.spec, v, i, count) }, s.margin(c.spec))
}

// verdict is why a node takes no unit now; ok if it does.
func (s *State) verdict(c *crowd, i int32) verdict {
	if v := s.classes[s.nodes[i].class].refuses(c.spec, s.names[i]); !v.ok() {
		return v
	}
	if code := s.closed(i, c.spec); code != "" {
		return verdict{code: code}
	}
	return s.lacks(c, i)
}

// tally groups nodes by verdict. Of each group the node with the greatest margin is named, of equals the
// first by name.
func tally(n int, ask func(int32) (units.NodeName, verdict, bool), say func(v verdict, nearest int32, count int) string, margin func(verdict, int32) int64) []NodeReason {
	type group struct {
		verdict verdict
		count   int
		nearest int32
		name    units.NodeName
		margin  int64
	}
	var groups []group
	at := make(map[verdict]int)
	for i := range int32(n) {
		name, v, counts := ask(i)
		if !counts || v.ok() {
			continue
		}
		k, known := at[v]
		m := margin(v, i)
		switch {
		case !known:
			at[v] = len(groups)
			groups = append(groups, group{v, 1, i, name, m})
			continue
		case m > groups[k].margin || m == groups[k].margin && name < groups[k].name:
			groups[k].nearest, groups[k].name, groups[k].margin = i, name, m
		}
		groups[k].count++
	}
	slices.SortFunc(groups, func(a, b group) int {
		return cmp.Or(cmp.Compare(closeness(a.verdict.code), closeness(b.verdict.code)), cmp.Compare(b.count, a.count),
			cmp.Compare(a.verdict.code, b.verdict.code), cmp.Compare(a.verdict.item, b.verdict.item))
	})
	var reasons []NodeReason
	for _, g := range groups {
		reasons = append(reasons, NodeReason{
			Reason: units.Reason{Code: g.verdict.code, Message: say(g.verdict, g.nearest, g.count)},
			Count:  g.count, Nearest: g.name,
		})
	}
	return reasons
}

// closeness orders reasons by how near they are to a place: no room, then closed, then never.
func closeness(code string) int {
	switch code {
	case units.ReasonInsufficientCPU, units.ReasonInsufficientMemory, units.ReasonInsufficientDisk,
		units.ReasonPortTaken, units.ReasonNoPortFree, units.ReasonDistinct:
		return 0
	case units.ReasonNodeLost, units.ReasonNodeAgentLost, units.ReasonNodeCordoned, units.ReasonNodeDraining, ReasonFormerTenure:
		return 1
	}
	return 2
}

// sumUp makes one reason of all: the nearest one's code, and a sentence that counts every node.
func sumUp(reasons []NodeReason) units.Reason {
	if len(reasons) == 0 {
		return units.Reason{Code: units.ReasonNoNode, Message: "no node is registered"}
	}
	sum := units.Reason{Code: reasons[0].Reason.Code}
	for i, r := range reasons {
		if i > 0 {
			sum.Message += "; "
		}
		sum.Message += nodes(r.Count) + ": " + r.Reason.Message
	}
	return sum
}

func nodes(n int) string {
	if n == 1 {
		return "1 node"
	}
	return strconv.Itoa(n) + " nodes"
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
