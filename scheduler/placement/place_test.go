package placement_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

func TestPlace(t *testing.T) {
	for _, test := range []struct {
		name  string
		nodes []placement.Node
		count int
		app   units.App
		want  map[units.NodeName]int
		why   []string
	}{
		{
			name:  "three units go to three hosts, although one would hold them all",
			nodes: machines("n1", "n2", "n3"), count: 3, app: service("default/web"),
			want: map[units.NodeName]int{"n1": 1, "n2": 1, "n3": 1},
		},
		{
			name:  "more units than hosts share hosts evenly enough",
			nodes: machines("n1", "n2"), count: 4, app: service("default/web"),
			want: map[units.NodeName]int{"n1": 2, "n2": 2},
		},
		{
			name: "best fit prefers the smaller node for a single unit",
			nodes: []placement.Node{machine("big"), machine("small", func(n *placement.Node) {
				n.Record.Capacity = units.Capacity{CPUMilli: 200, MemoryBytes: 256 << 20, DiskBytes: 1 << 30}
			})},
			count: 1, app: service("default/web"), want: map[units.NodeName]int{"small": 1},
		},
		{
			name: "spread prefers the emptier node",
			nodes: []placement.Node{machine("big"), machine("small", func(n *placement.Node) {
				n.Record.Capacity = units.Capacity{CPUMilli: 200, MemoryBytes: 256 << 20, DiskBytes: 1 << 30}
			})},
			count: 1, app: service("default/web", func(a *units.App) { a.Algorithm = units.AlgorithmSpread }),
			want: map[units.NodeName]int{"big": 1},
		},
		{
			name:  "what does not fit in memory waits, with that reason",
			nodes: machines("n1"), count: 3, app: service("default/web", memory(2<<30)),
			want: map[units.NodeName]int{"n1": 2}, why: []string{"default/web:2 insufficient-memory"},
		},
		{
			name:  "a CPU that nobody has",
			nodes: machines("n1"), count: 1, app: service("default/web", cpu(2001)),
			want: map[units.NodeName]int{}, why: []string{"default/web:0 insufficient-cpu"},
		},
		{
			name:  "a quantity near the limit of an int64 fits nowhere and wraps nothing",
			nodes: machines("n1"), count: 2, app: service("default/web", cpu(1<<63-1), memory(1<<63-1)),
			want: map[units.NodeName]int{}, why: []string{"default/web:0 insufficient-cpu", "default/web:1 insufficient-cpu"},
		},
		{
			name: "no node at all", count: 1, app: service("default/web"),
			want: map[units.NodeName]int{}, why: []string{"default/web:0 no-node"},
		},
		{
			name:  "a fixed port fits once on a node",
			nodes: machines("n1", "n2"), count: 3, app: service("default/web", fixedPort(8080)),
			want: map[units.NodeName]int{"n1": 1, "n2": 1}, why: []string{"default/web:2 port-taken"},
		},
		{
			name: "a fixed port that the node keeps is taken",
			nodes: []placement.Node{machine("n1", func(n *placement.Node) {
				n.Record.ReservedPorts = []units.PortRange{{First: 8000, Last: 9000}}
			})},
			count: 1, app: service("default/web", fixedPort(8080)),
			want: map[units.NodeName]int{}, why: []string{"default/web:0 port-taken"},
		},
		{
			name: "a port that a stranger listens on is avoided",
			nodes: []placement.Node{machine("n1", func(n *placement.Node) {
				n.Busy = []placement.BusyPort{{Protocol: units.TCP, Port: 8080}}
			})},
			count: 1, app: service("default/web", fixedPort(8080)),
			want: map[units.NodeName]int{}, why: []string{"default/web:0 port-taken"},
		},
		{
			name: "the same number of the other protocol is another port",
			nodes: []placement.Node{machine("n1", func(n *placement.Node) {
				n.Busy = []placement.BusyPort{{Protocol: units.UDP, Port: 8080}}
			})},
			count: 1, app: service("default/web", fixedPort(8080)), want: map[units.NodeName]int{"n1": 1},
		},
		{
			name: "dynamic ports run out",
			nodes: []placement.Node{machine("n1", func(n *placement.Node) {
				n.Record.ReservedPorts = []units.PortRange{{First: 20000, Last: 31997}}
			})},
			count: 3, app: service("default/web", ports(units.Port{Name: "http", Protocol: units.TCP})),
			want: map[units.NodeName]int{"n1": 2}, why: []string{"default/web:2 no-port-free"},
		},
		{
			name:  "a cordoned node takes nothing",
			nodes: []placement.Node{machine("n1", func(n *placement.Node) { n.Cordon = true })}, count: 1, app: service("default/web"),
			want: map[units.NodeName]int{}, why: []string{"default/web:0 node-cordoned"},
		},
		{
			name:  "a node that is being drained takes nothing",
			nodes: []placement.Node{machine("n1", func(n *placement.Node) { n.Drain = true })}, count: 1, app: service("default/web"),
			want: map[units.NodeName]int{}, why: []string{"default/web:0 node-draining"},
		},
		{
			name:  "a node without its daemon takes nothing",
			nodes: []placement.Node{machine("n1", standing(placement.AgentDown))}, count: 1, app: service("default/web"),
			want: map[units.NodeName]int{}, why: []string{"default/web:0 node-agent-lost"},
		},
		{
			name:  "a lost node takes nothing",
			nodes: []placement.Node{machine("n1", standing(placement.LostNode))}, count: 1, app: service("default/web"),
			want: map[units.NodeName]int{}, why: []string{"default/web:0 node-lost"},
		},
		{
			name:  "a node that nobody has said anything about takes nothing",
			nodes: []placement.Node{machine("n1", standing(placement.Unknown))}, count: 1, app: service("default/web"),
			want: map[units.NodeName]int{}, why: []string{"default/web:0 node-lost"},
		},
		{
			name:  "a node whose registration cannot be read is no node",
			nodes: []placement.Node{machine("n1", func(n *placement.Node) { n.Problem = units.Reason{Code: units.ReasonUndecodable} })},
			count: 1, app: service("default/web"),
			want: map[units.NodeName]int{}, why: []string{"default/web:0 no-node"},
		},
		{
			name:  "a node that does not know the app's schema",
			nodes: []placement.Node{machine("n1", func(n *placement.Node) { n.Record.AppSchema = 0 })}, count: 1, app: service("default/web"),
			want: map[units.NodeName]int{}, why: []string{"default/web:0 node-old"},
		},
		{
			name: "a namespace goes only where it is admitted",
			nodes: []placement.Node{machine("n1"), machine("n2", func(n *placement.Node) {
				n.Record.Namespaces = []units.Namespace{"prod"}
			})},
			count: 2, app: service("staging/web"), want: map[units.NodeName]int{"n1": 2},
		},
		{
			name: "an app in a pool goes to that pool",
			nodes: []placement.Node{machine("n1"), machine("n2", func(n *placement.Node) {
				n.Record.Pool = "gpu"
			})},
			count: 2, app: service("default/web", func(a *units.App) { a.Pool = "gpu" }), want: map[units.NodeName]int{"n2": 2},
		},
		{
			name:  "paths name the systems that it runs on",
			nodes: []placement.Node{machine("n1"), machine("n2", func(n *placement.Node) { n.Record.System = "aarch64-linux" })},
			count: 2, app: service("default/web", func(a *units.App) {
				a.Path, a.Paths = "", map[string]units.StorePath{"aarch64-linux": "/nix/store/00000000000000000000000000000000-app"}
			}),
			want: map[units.NodeName]int{"n2": 2},
		},
		{
			name:  "distinct_hosts puts one unit on a host",
			nodes: machines("n1", "n2"), count: 3, app: service("default/web", constrain("", units.OpDistinctHosts, "")),
			want: map[units.NodeName]int{"n1": 1, "n2": 1}, why: []string{"default/web:2 distinct"},
		},
		{
			name:  "distinct_property limits how many share a value",
			nodes: []placement.Node{machine("n1", label("zone", "a")), machine("n2", label("zone", "a")), machine("n3")}, count: 4,
			app: service("default/web", constrain("labels.zone", units.OpDistinctProperty, "2")),
			// n3 has no zone, so it cannot be told apart by one.
			want: map[units.NodeName]int{"n1": 1, "n2": 1}, why: []string{"default/web:2 distinct", "default/web:3 distinct"},
		},
		{
			name:  "a system app has a unit on every node that may run it",
			nodes: []placement.Node{machine("n1"), machine("n2", label("role", "web")), machine("n3", label("role", "web"))},
			app:   service("default/agent", system, constrain("labels.role", units.OpEqual, "web")),
			want:  map[units.NodeName]int{"n2": 1, "n3": 1},
		},
		{
			name:  "a system app that no node may run says so",
			nodes: machines("n1"), app: service("default/agent", system, constrain("labels.role", units.OpEqual, "web")),
			want: map[units.NodeName]int{}, why: []string{"default/agent: constraint-unmet"},
		},
		{
			name:  "a system app without room on one node",
			nodes: []placement.Node{machine("n1"), machine("n2", func(n *placement.Node) { n.Record.Capacity.CPUMilli = 50 })},
			app:   service("default/agent", system),
			want:  map[units.NodeName]int{"n1": 1}, why: []string{"default/agent:n2 insufficient-cpu"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(test.nodes...)
			w.submit(test.count, test.app)
			o := w.plan()
			if diff := cmp.Diff(test.want, w.where()); diff != "" {
				t.Errorf("units per node (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.why, why(o)); diff != "" {
				t.Errorf("unplaced (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlacedAssignmentSaysAllThatANodeNeeds(t *testing.T) {
	w := newWorld(machine("n1"))
	w.submit(1, service("prod/web", fixedPort(8080), ports(units.Port{Name: "admin", Protocol: units.TCP}, units.Port{Name: "gossip", Protocol: units.UDP})))
	o := w.plan()
	a := o.Actions[slices.IndexFunc(o.Actions, func(a placement.Action) bool { return a.Kind == placement.KindPlace })]
	if a.Unit.String() != "prod.web.0.1.1" || a.Node != "n1" || a.ModRev != 0 {
		t.Errorf("placed %s on %s over revision %d", a.Unit, a.Node, a.ModRev)
	}
	if a.Assignment.Desired != units.DesiredRun || a.Assignment.Tenure != 500 || a.Assignment.Term != 7 {
		t.Errorf("assignment %+v", a.Assignment)
	}
	if a.Assignment.Ports["http"] != 8080 || len(a.Assignment.Ports) != 3 {
		t.Errorf("ports %v", a.Assignment.Ports)
	}
	for _, name := range []string{"admin", "gossip"} {
		if p := a.Assignment.Ports[name]; p < units.DynamicPortFirst || p > units.DynamicPortLast {
			t.Errorf("port %s is %d", name, p)
		}
	}
}

func TestReasonsCountEveryNodeAndNameTheNearest(t *testing.T) {
	w := newWorld(
		machine("full1", func(n *placement.Node) { n.Record.Capacity.MemoryBytes = 300 << 20 }),
		machine("full2", func(n *placement.Node) { n.Record.Capacity.MemoryBytes = 200 << 20 }),
		machine("arm", func(n *placement.Node) { n.Record.System = "aarch64-linux" }),
		machine("away", func(n *placement.Node) { n.Cordon = true }),
	)
	w.submit(1, service("default/web", memory(512<<20), constrain("node.arch", units.OpEqual, "x86_64")))
	o := w.plan()
	if len(o.Unplaced) != 1 {
		t.Fatalf("unplaced %v", o.Unplaced)
	}
	want := []placement.NodeReason{
		{units.Reason{Code: "insufficient-memory", Message: "not enough memory: wants 512Mi, the best (full1) has 300Mi in all"}, 2, "full1"},
		{units.Reason{Code: "node-cordoned", Message: "is cordoned"}, 1, "away"},
		{units.Reason{Code: "constraint-unmet", Message: `node.arch = x86_64: has "aarch64"`}, 1, "arm"},
	}
	if diff := cmp.Diff(want, o.Unplaced[0].Nodes); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	sum := units.Reason{Code: "insufficient-memory", Message: "2 nodes: not enough memory: wants 512Mi, the best (full1) has 300Mi in all; 1 node: is cordoned; 1 node: node.arch = x86_64: has \"aarch64\""}
	if o.Unplaced[0].Reason != sum {
		t.Errorf("summed up as %q", o.Unplaced[0].Reason)
	}
}

func TestHigherPriorityGoesFirst(t *testing.T) {
	w := newWorld(machine("n1"))
	w.submit(1, service("default/a", memory(3<<30)))
	w.submit(1, service("default/b", memory(3<<30), priority(60)))
	o := w.plan()
	if got := why(o); !slices.Equal(got, []string{"default/a:0 insufficient-memory"}) {
		t.Errorf("unplaced %v", got)
	}
}

func TestEqualNodesShareTheFavourEvenly(t *testing.T) {
	names := []string{"n1", "n2", "n3"}
	wins := make(map[units.NodeName]int)
	for i := range 300 {
		app := service(fmt.Sprintf("default/app-%d", i))
		var first units.NodeName
		for turn := range names {
			w := newWorld(machines(append(slices.Clone(names[turn:]), names[:turn]...)...)...)
			w.submit(1, app)
			w.plan()
			if turn == 0 {
				first = w.Units[0].Node
				wins[first]++
			} else if w.Units[0].Node != first {
				t.Fatalf("%s goes to %s, and with the nodes in another order to %s", app.Name, first, w.Units[0].Node)
			}
		}
	}
	for _, name := range names {
		if n := wins[units.NodeName(name)]; n < 70 || n > 130 {
			t.Errorf("%s wins %d times out of 300", name, n)
		}
	}
}

func TestEachNodeOfASystemAppHasItsOwnReason(t *testing.T) {
	w := newWorld(
		machine("n1", func(n *placement.Node) { n.Record.Capacity.CPUMilli = 50 }),
		machine("n2", func(n *placement.Node) { n.Record.Capacity.MemoryBytes = 50 << 20 }),
	)
	w.submit(0, service("default/agent", system))
	if got := why(w.plan()); !slices.Equal(got, []string{"default/agent:n1 insufficient-cpu", "default/agent:n2 insufficient-memory"}) {
		t.Errorf("unplaced %v", got)
	}
}

func TestStateChargesUnitsThatItHeardOfBeforeTheirApp(t *testing.T) {
	w := newWorld(machine("n1"))
	w.submit(2, service("default/web", memory(2<<30)))
	w.converge(t)
	w.submit(1, service("default/more", memory(1<<30)))
	late := placement.NewState(placement.Snapshot{Units: w.Units})
	for _, n := range w.Nodes {
		late.PutNode(n)
	}
	for _, a := range w.Apps {
		late.PutApp(a)
	}
	checkSame(t, "units first", placement.Plan(w.Snapshot, w.policy), late.Plan(w.NowMs, w.Term, w.policy))
}
