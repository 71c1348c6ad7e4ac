package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nsched/nsched/scheduler"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// Matrix counts what faults met: in which states the units were that a fault hit, in which phases the
// rollouts of their apps, and who led.
type Matrix map[Cell]int

// Cell is one meeting of a class of faults with a state.
type Cell struct {
	Fault string
	Of    string // one of the dimensions
	Is    string
}

// state names the state without the fault that met it.
func (c Cell) state() string { return c.Of + " " + c.Is }

// The dimensions of a matrix.
const (
	ofUnit     = "unit"
	ofRollout  = "rollout"
	ofElection = "election"
)

// How an election stands, as etcd and the schedulers' processes have it.
const (
	nobodyLeads = "nobody"      // there is no leader's key
	catchingUp  = "catching up" // a leader's key, and its process does not lead yet
	leads       = "leads"
	leaderGone  = "gone" // a leader's key whose process is dead, stands still or is cut off
)

// dimensions are the states of each.
var dimensions = []struct {
	of string
	is []string
}{
	{ofUnit, names(units.States())},
	{ofRollout, []string{string(units.PhaseRolling), string(units.PhaseComplete), string(units.PhaseSuperseded), string(units.PhaseFailed)}},
	{ofElection, []string{nobodyLeads, catchingUp, leads, leaderGone}},
}

func names[T ~string](list []T) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, string(s))
	}
	return out
}

// unreachable says why a cell cannot be hit; "" is that it can.
func unreachable(c Cell) string {
	switch {
	case c.Of == ofRollout && c.Is == string(units.PhaseFailed):
		return "no rollout is given up yet"
	case c.Fault == "leader crash" || c.Fault == "leader pause" || c.Fault == leaderLate:
		if c.Of == ofElection && c.Is == nobodyLeads {
			return "without a leader there is nobody to hit, and the fault is not counted"
		}
	}
	return ""
}

// Reachable returns every cell that the faults can hit, in the order in which they are printed.
func Reachable(faults []Fault) []Cell {
	var cells []Cell
	for _, f := range faults {
		cells = append(cells, cellsOf(f.Name)...)
	}
	return cells
}

// cellsOf returns those of one fault.
func cellsOf(fault string) (cells []Cell) {
	for _, d := range dimensions {
		for _, is := range d.is {
			if c := (Cell{fault, d.of, is}); unreachable(c) == "" {
				cells = append(cells, c)
			}
		}
	}
	return cells
}

// Record makes the matrix count the faults that strike the cluster.
func (m Matrix) Record(c *Cluster) {
	c.OnStrike(func(s Strike) {
		for _, cell := range c.meets(s) {
			m[cell]++
		}
	})
}

// meets returns what a strike would meet now, however it came, in no order that matters.
func (c *Cluster) meets(s Strike) (met []Cell) {
	for state := range c.unitsMet(s) { // order-free: a set
		met = append(met, Cell{s.Kind, ofUnit, string(state)})
	}
	for phase := range c.phasesMet(s) { // order-free: a set
		met = append(met, Cell{s.Kind, ofRollout, string(phase)})
	}
	return append(met, Cell{s.Kind, ofElection, c.election()})
}

// met reports whether a strike would meet now what it waits for.
func (c *Cluster) met(s Strike) bool {
	switch of, is, _ := strings.Cut(s.When, " "); of {
	case ofUnit:
		hit := c.nodesHit(s)
		for k := range c.Watchman.mirror.units { // order-free: it asks whether there is one
			if (hit == nil || hit[k.node]) && c.stateOf(k) == units.State(is) {
				return true
			}
		}
	case ofRollout:
		return c.phasesMet(s)[units.Phase(is)]
	case ofElection:
		return c.election() == is
	}
	return false
}

func (c *Cluster) unitsMet(s Strike) map[units.State]bool {
	hit := c.nodesHit(s)
	states := map[units.State]bool{}
	for k := range c.Watchman.mirror.units { // order-free: it fills a set
		if hit == nil || hit[k.node] {
			states[c.stateOf(k)] = true
		}
	}
	return states
}

// stateOf is what the node last said of an assignment.
func (c *Cluster) stateOf(k unitKey) units.State {
	if state := c.Watchman.mirror.status[k].State; state != "" {
		return state
	}
	return units.StateAssigned
}

func (c *Cluster) phasesMet(s Strike) map[units.Phase]bool {
	hit := c.nodesHit(s)
	apps := map[units.AppID]bool{}
	for k := range c.Watchman.mirror.units { // order-free: it fills a set
		if hit == nil || hit[k.node] {
			apps[k.id.AppID()] = true
		}
	}
	phases := map[units.Phase]bool{}
	prefix := Keys.Under(registry.KindRollout)
	if r, err := c.Etcd.Range(c.ctx, registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)}); err == nil {
		for _, kv := range r.KVs {
			key, err := Keys.Parse(kv.Key)
			if err != nil || !apps[key.App] {
				continue
			}
			if v, _, err := registry.Decode[units.Rollout](kv.Key, kv.Value); err == nil {
				phases[v.Phase] = true
			}
		}
	}
	return phases
}

// nodesHit returns the nodes that a strike names, and nil for one that hits all of them.
func (w *World) nodesHit(s Strike) map[units.NodeName]bool {
	hit := map[units.NodeName]bool{}
	for name := range strings.SplitSeq(s.Target, ",") {
		host, _, _ := strings.Cut(name, "/")
		if w.node(host) != nil {
			hit[units.NodeName(host)] = true
		}
	}
	if len(hit) == 0 {
		return nil
	}
	return hit
}

func (w *World) election() string {
	first, ok := w.leaderKey()
	if !ok {
		return nobodyLeads
	}
	p := w.leaderOf(first)
	switch {
	case p == nil || !p.running || p.frozen() || p.host.CutTo || p.host.CutFrom || w.Net.EtcdDown:
		return leaderGone
	case p.shell.(*scheduler.Scheduler).Overview().Leading:
		return leads
	}
	return catchingUp
}

// String prints the matrix, a fault a line.
func (m Matrix) String() string {
	var b strings.Builder
	for _, d := range dimensions {
		fmt.Fprintf(&b, "%-24s", d.of)
		for _, is := range d.is {
			fmt.Fprintf(&b, " %11s", is)
		}
		b.WriteByte('\n')
		for _, f := range StandardFaults() {
			fmt.Fprintf(&b, "%-24s", f.Name)
			for _, is := range d.is {
				c := Cell{f.Name, d.of, is}
				if n := m[c]; n > 0 || unreachable(c) == "" {
					fmt.Fprintf(&b, " %11d", n)
				} else {
					fmt.Fprintf(&b, " %11s", "-")
				}
			}
			b.WriteByte('\n')
		}
	}
	if missed := m.Missed(); len(missed) > 0 {
		fmt.Fprintf(&b, "reachable and not hit: %s\n", strings.Join(missed, "; "))
	}
	fmt.Fprintf(&b, "not reachable (-): %s\n", strings.Join(excluded(), "; "))
	return b.String()
}

// Missed returns the reachable cells that were not hit.
func (m Matrix) Missed() (missed []string) {
	for _, c := range Reachable(StandardFaults()) {
		if m[c] == 0 {
			missed = append(missed, fmt.Sprintf("%s x %s %s", c.Fault, c.Of, c.Is))
		}
	}
	return missed
}

// excluded says which cells cannot be hit, and why.
func excluded() (list []string) {
	for _, f := range StandardFaults() {
		for _, d := range dimensions {
			for _, is := range d.is {
				why := unreachable(Cell{f.Name, d.of, is})
				if line := d.of + " " + is + ": " + why; why != "" && !slices.Contains(list, line) {
					list = append(list, line)
				}
			}
		}
	}
	return list
}

func (m Matrix) add(o Matrix) {
	for c, n := range o { // order-free: it adds up
		m[c] += n
	}
}
